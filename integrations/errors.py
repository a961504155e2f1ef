"""The errors that a request to a WMS can end in."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What went wrong. Retries follow from the kind, never from a message."""

    CREDENTIALS = "credentials"  # the WMS rejected the login
    FORBIDDEN = "forbidden"  # the account may not read this entity
    NOT_OFFERED = "not_offered"  # the WMS has no such entity
    RATE_LIMITED = "rate_limited"  # the WMS asked Packr to wait
    UNREACHABLE = "unreachable"  # no response, or the WMS failed
    CONTRACT = "contract"  # a response that Packr can't trust


# Advice for what should not happen and what nobody but support can explain.
CONTACT_SUPPORT = "If this keeps happening, contact support."

RETRIED = "Earlier data stays. Packr tries again automatically."
CONSEQUENCES: Mapping[Kind, str] = {
    Kind.CREDENTIALS: "Syncing is paused; no data is lost. It resumes automatically after an admin reconnects.",
    Kind.FORBIDDEN: "Earlier data stays, and everything else keeps updating.",
    Kind.NOT_OFFERED: "Packr stops requesting it. Earlier data stays.",
    Kind.RATE_LIMITED: "The sync waits and continues automatically.",
    Kind.UNREACHABLE: RETRIED,
    Kind.CONTRACT: RETRIED,
}


class ConnectorError(Exception):
    """A failed request to a WMS.

    `fact` is a sentence that says what happened; `advice` says what the reader can do, if anything. `detail` is for
    the log only and never holds a secret. `retry_at` is when the WMS accepts requests again, if it said so (aware
    UTC). `sent` is False if no part of the request left Packr, so that the WMS can't have carried it out.
    """

    def __init__(
        self,
        kind: Kind,
        fact: str,
        advice: str = "",
        *,
        detail: str = "",
        retry_at: datetime | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(fact)
        self.kind = kind
        self.fact = fact
        self.advice = advice
        self.detail = detail
        self.retry_at = retry_at
        self.sent = sent

    @property
    def message(self) -> str:
        """The fact, what it means for syncs, and the advice."""
        return self.message_with(CONSEQUENCES[self.kind])

    def message_with(self, consequence: str) -> str:
        """Return the message with `consequence` in place of what the error means for syncs."""
        return " ".join(filter(None, (self.fact, consequence, self.advice)))

    def __str__(self) -> str:
        return self.message


class CursorExpired(ConnectorError):
    """The WMS no longer accepts the page token of a list, so the list has to be read from its start."""

    def __init__(self, fact: str, *, detail: str = "") -> None:
        super().__init__(Kind.CONTRACT, fact, detail=detail)
