"""What a WMS's answer means, whatever it was asked: its clock, its body, the error that its status stands for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import ConnectorError, Kind

LONGEST_WAIT = timedelta(days=30)
# What an answer that could not be used means for the reader, and what happens next by itself.
GOES_ON = "Earlier data stays; Packr tries again by itself."
STANDS_STILL = "No data is updated until a workspace admin enters working credentials; nothing is lost."

NO_ACCESS = "Earlier data stays, and everything else is kept up to date."
NOT_OFFERED = "Packr stops asking for it; earlier data stays."


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
    what = "a web page" if start == "<" else "something that is not complete JSON"
    return ConnectorError(
        Kind.CONTRACT,
        f"The WMS answered with {what} where data was expected. {GOES_ON} If this lasts, check the address of the WMS.",
        detail=f"status {answer.status}, {len(answer.body)} bytes",
    )


def too_large() -> ConnectorError:
    return ConnectorError(
        Kind.CONTRACT,
        f"The WMS sent an answer of more than 64 MB, which Packr does not read. {GOES_ON} Tell the WMS's support if "
        "this lasts.",
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


def explain(answer: Answer) -> ConnectorError:
    """The error that an HTTP status stands for."""
    detail = f"status {answer.status}"
    match answer.status:
        case 401:
            return ConnectorError(
                Kind.CREDENTIALS,
                f"The WMS refused the login. {STANDS_STILL}",
                detail=detail,
            )
        case 403:
            return ConnectorError(
                Kind.FORBIDDEN,
                f"The account may not read this type of data. {NO_ACCESS} Ask the WMS for access, or leave this type "
                "switched off.",
                detail=detail,
            )
        case 501:
            return ConnectorError(
                Kind.NOT_OFFERED,
                f"The WMS does not offer this type of data. {NOT_OFFERED} Should the WMS offer it one day, an admin "
                "can switch it on again.",
                detail=detail,
            )
        case 429:
            until = retry_after(answer.headers)
            return ConnectorError(
                Kind.RATE_LIMITED,
                "The WMS is limiting requests. The sync waits and then continues by itself.",
                detail=detail,
                retry_at=until,
            )
        case status if status >= 500:
            return ConnectorError(
                Kind.UNREACHABLE,
                f"The WMS answered with an error of its own ({status}). {GOES_ON}",
                detail=detail,
                retry_at=retry_after(answer.headers),
            )
        case status if status < 400:
            return ConnectorError(
                Kind.CONTRACT,
                f"The WMS sent Packr to another address, which Packr does not follow. {GOES_ON} If this lasts, check "
                "the address of the WMS.",
                detail=detail,
            )
        case status:
            return ConnectorError(
                Kind.CONTRACT,
                f"The WMS did not understand the request ({status}). {GOES_ON} Contact support if this lasts.",
                detail=detail,
            )


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
