"""The meaning of a response: its clock, its body, and the error that its status stands for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import CONTACT_SUPPORT, ConnectorError, Kind

MAX_WAIT = timedelta(days=30)
CHECK_ADDRESS = "If this keeps happening, check the address of the WMS."


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of a WMS. `clock` is the WMS's time (aware UTC; None without a Date header), `wms` its name."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    clock: datetime | None
    wms: str = "The WMS"

    def json(self) -> Any:
        """Return the body as JSON. Raises ConnectorError(contract) if it is anything else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise not_json(self) from error


def not_json(answer: Answer) -> ConnectorError:
    """Return the error for a body that is not JSON, such as an HTML page or a truncated response."""
    start = answer.body[:1].decode("latin-1")
    what = "a web page" if start == "<" else "a body that is not complete JSON"
    return ConnectorError(
        Kind.CONTRACT,
        f"{answer.wms} returned {what} instead of data.",
        CHECK_ADDRESS,
        detail=f"status {answer.status}, {len(answer.body)} bytes",
    )


def too_large(wms: str) -> ConnectorError:
    """Return the error for a body over the size limit."""
    return ConnectorError(
        Kind.CONTRACT,
        f"{wms} returned more than 64 MB, which Packr does not read.",
        "If this keeps happening, contact the support of the WMS.",
    )


def clock(headers: Mapping[str, str]) -> datetime | None:
    """Return the time of the Date header (aware UTC); None without a valid one."""
    try:
        return _date(headers["Date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    # A date with "-0000" has no zone; it means UTC, not the local time.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def explain(answer: Answer, *, quote: str = "", detail: str = "") -> ConnectorError:
    """Return the error that an HTTP status of 300 and above stands for.

    `quote`: what the WMS itself said, which follows the advice. `detail`: for the log; by default the status.
    """
    kind, fact, advice = _meaning(answer.status, answer.wms)
    return ConnectorError(
        kind,
        fact,
        f"{advice} {quote}".strip(),
        detail=detail or f"status {answer.status}",
        retry_at=retry_after(answer.headers) if kind in (Kind.RATE_LIMITED, Kind.UNREACHABLE) else None,
    )


def _meaning(status: int, wms: str) -> tuple[Kind, str, str]:
    """Return the kind, the fact and the advice for a status."""
    match status:
        case 401:
            return Kind.CREDENTIALS, f"{wms} rejected the login.", ""
        case 403:
            advice = "Ask the WMS for access, or leave this type of data switched off."
            return Kind.FORBIDDEN, "The account may not read this type of data.", advice
        case 501:
            advice = "If it is offered later, an admin can switch it on again."
            return Kind.NOT_OFFERED, f"{wms} does not offer this type of data.", advice
        case 429:
            return Kind.RATE_LIMITED, f"{wms} is limiting requests.", ""
        case _ if status >= 500:
            return Kind.UNREACHABLE, f"{wms} reported an internal error ({status}).", ""
        case _ if status < 400:
            fact = f"{wms} redirected Packr to another address, which Packr does not follow."
            return Kind.CONTRACT, fact, CHECK_ADDRESS
    return Kind.CONTRACT, f"{wms} did not understand the request ({status}).", CONTACT_SUPPORT


def retry_after(headers: Mapping[str, str]) -> datetime | None:
    """Return when Retry-After, in seconds or as a date, allows the next request (aware UTC, at most MAX_WAIT on)."""
    value = headers.get("Retry-After", "").strip()
    now = datetime.now(UTC)
    if not value:
        return None
    if value.isdecimal():
        return now + (timedelta(seconds=int(value)) if len(value) < 8 else MAX_WAIT)
    try:
        # The date is by the WMS's clock, so only the distance to that clock counts.
        wait = _date(value) - (clock(headers) or now)
    except (ValueError, TypeError, OverflowError):
        return None
    return now + min(max(wait, timedelta(0)), MAX_WAIT)
