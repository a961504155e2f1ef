"""The one family of errors that talking to a WMS can end in."""

from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What went wrong; what is retried follows from this, never from a text."""

    CREDENTIALS = "credentials"  # the WMS refused the login
    FORBIDDEN = "forbidden"  # the account may not read this entity
    NOT_OFFERED = "not_offered"  # the WMS has no such thing
    RATE_LIMITED = "rate_limited"  # asked to wait
    UNREACHABLE = "unreachable"  # no answer, or the WMS is broken at the moment
    CONTRACT = "contract"  # an answer that Packr can't trust


class ConnectorError(Exception):
    """A conversation with a WMS that failed.

    `message` is a sentence for the person who reads it: what happened and what to do. `detail` is for the log
    alone and never holds a secret. `retry_at` is when the WMS said it will listen again, if it did (aware UTC).
    `sent` False: surely nothing of the request left, so the WMS can't have carried it out.
    """

    def __init__(
        self, kind: Kind, message: str, *, detail: str = "", retry_at: datetime | None = None, sent: bool = True
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail
        self.retry_at = retry_at
        self.sent = sent

    def __str__(self) -> str:
        return self.message


class CursorExpired(ConnectorError):
    """The WMS no longer knows where a walk stood: its window has to be started again."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(Kind.CONTRACT, message, detail=detail)
