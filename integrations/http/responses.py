"""What a WMS's answer means, whatever it was asked: its clock, its body, the error that its status stands for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import CONTACT_SUPPORT, ConnectorError, Kind

LONGEST_WAIT = timedelta(days=30)
CHECK_ADDRESS = "If this keeps happening, check the address of the WMS."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a WMS answered: status, body and the moment its clock showed (aware UTC, None without a Date header)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    clock: datetime | None

    def json(self) -> Any:
        """The body as JSON; ConnectorError(contract) when it is anything else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise not_json(self) from error


def not_json(answer: Answer) -> ConnectorError:
    """The error for a body that should have been JSON and is not: an HTML page, a cut answer."""
    start = answer.body[:1].decode("latin-1")
    what = "a web page" if start == "<" else "a body that is not complete JSON"
    return ConnectorError(
        Kind.CONTRACT,
        f"The WMS returned {what} instead of data.",
        CHECK_ADDRESS,
        detail=f"status {answer.status}, {len(answer.body)} bytes",
    )


def too_large() -> ConnectorError:
    return ConnectorError(
        Kind.CONTRACT,
        "The WMS returned more than 64 MB, which Packr does not read.",
        "If this keeps happening, contact the support of the WMS.",
    )


def clock(headers: Mapping[str, str]) -> datetime | None:
    try:
        return _date(headers["Date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    # A date "-0000" comes without a zone; it is UTC and not this machine's time.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def explain(answer: Answer, *, quote: str = "", detail: str = "") -> ConnectorError:
    """Return the error that an HTTP status of 300 and above stands for.

    `quote`: what the WMS itself said, which follows the advice. `detail`: for the log; by default the status.
    """
    kind, fact, advice = _meaning(answer.status)
    return ConnectorError(
        kind,
        fact,
        f"{advice} {quote}".strip(),
        detail=detail or f"status {answer.status}",
        retry_at=retry_after(answer.headers) if kind in (Kind.RATE_LIMITED, Kind.UNREACHABLE) else None,
    )


def _meaning(status: int) -> tuple[Kind, str, str]:
    """Return the kind, the fact and the advice for a status."""
    match status:
        case 401:
            return Kind.CREDENTIALS, "The WMS rejected the login.", ""
        case 403:
            advice = "Ask the WMS for access, or leave this type of data switched off."
            return Kind.FORBIDDEN, "The account may not read this type of data.", advice
        case 501:
            advice = "If the WMS offers it later, an admin can switch it on again."
            return Kind.NOT_OFFERED, "The WMS does not offer this type of data.", advice
        case 429:
            return Kind.RATE_LIMITED, "The WMS is limiting requests.", ""
        case _ if status >= 500:
            return Kind.UNREACHABLE, f"The WMS reported an internal error ({status}).", ""
        case _ if status < 400:
            return (
                Kind.CONTRACT,
                "The WMS redirected Packr to another address, which Packr does not follow.",
                CHECK_ADDRESS,
            )
    advice = CONTACT_SUPPORT
    return Kind.CONTRACT, f"The WMS did not understand the request ({status}).", advice


def retry_after(headers: Mapping[str, str]) -> datetime | None:
    """When a Retry-After header, in seconds or as a date, allows the next request (aware UTC, 30 days on at most)."""
    value = headers.get("Retry-After", "").strip()
    now = datetime.now(UTC)
    if not value:
        return None
    if value.isdecimal():
        return now + (timedelta(seconds=int(value)) if len(value) < 8 else LONGEST_WAIT)
    try:
        # A date is the WMS's own: what counts is how far it lies ahead of the WMS's clock.
        wait = _date(value) - (clock(headers) or now)
    except (ValueError, TypeError, OverflowError):
        return None
    return now + min(max(wait, timedelta(0)), LONGEST_WAIT)
