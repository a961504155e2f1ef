"""Sends an action to its WMS while a person waits, and finds out the outcome of an action whose response was lost.

A `SendOutcome` says what the WMS answered; applying it to the mirror is up to the caller.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from .clients import open_client
from .connection_status import set_status
from .connectors.actions import ActionKind, ActionRejected, ActionRequest, ActionResult, Operation, OutcomeUnknown
from .connectors.parsing import clean
from .errors import ConnectorError, Kind
from .http.client import Client
from .http.pacing import Pacing
from .http.recording import Exchange, ExchangeRecording
from .models import Action, ActionState, Status
from .records import Record

ANSWER_TIMEOUT = timedelta(seconds=10)
# If the response was lost and at least this much of the timeout is left, the WMS is searched immediately.
MIN_TIME_TO_LOOK = timedelta(seconds=3)
MAX_FIRST_EXCHANGES, MAX_LATER_EXCHANGES, MAX_BODY_LENGTH = 4, 16, 4000
MAX_MESSAGE_LENGTH = 1000
REDACTED = "(secret)"
NOT_SENT = "Nothing was sent to the WMS. Try again after fixing this."
NOT_CARRIED_OUT = "Nothing was changed in the WMS. Try again after fixing this."
UNKNOWN = (
    "The WMS’s answer was lost, so it isn’t known yet whether the change was made. Packr checks automatically and "
    "sends nothing twice. Don’t send it again."
)
# After an error of these kinds the WMS has not carried out the action, whatever else the response said.
REFUSALS = (Kind.CREDENTIALS, Kind.FORBIDDEN, Kind.NOT_OFFERED, Kind.RATE_LIMITED)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """The outcome of sending an action, or of looking for its effect.

    `result` is there if the WMS accepted, `rejection` if it refused in its own words, `error` after any other failure.
    `current` is the record read after a response that held only part of it, or did not say its version. `message` is
    for the person, if none of them says enough.
    """

    state: ActionState
    result: ActionResult | None = None
    rejection: ActionRejected | None = None
    error: ConnectorError | None = None
    current: Record | None = None
    message: str = ""


Use = Callable[[Client, Operation], SendOutcome]


def request_of(action: Action) -> ActionRequest:
    """Return the action as its connector receives it."""
    kind = ActionKind(action.kind)
    return ActionRequest(
        kind=kind,
        target=None if kind.creates else action.external_id,
        values=action.values,
        reference=action.reference,
        key=action.reference,
        asked_at=action.asked_at,
        learned=action.connection.learned,
        before=action.before,
    )


def operation_of(action: Action) -> Operation | None:
    """Return how the connection's connector carries the action out; None if it no longer can."""
    return action.connection.connector.actions.get(ActionKind(action.kind))


def send(action: Action) -> SendOutcome:
    """Send an action within ANSWER_TIMEOUT. Its exchanges and latency are set, not saved. Raises no ConnectorError."""
    started = time.monotonic()

    def use(client: Client, operation: Operation) -> SendOutcome:
        outcome = _attempt(action, lambda: operation.send(client, request_of(action)))
        time_left = ANSWER_TIMEOUT - timedelta(seconds=time.monotonic() - started)
        if outcome.state == ActionState.UNKNOWN and time_left > MIN_TIME_TO_LOOK:
            found = _find(action, client, operation)
            outcome = found if found.state == ActionState.ACCEPTED else outcome
        return _with_current(action, client, outcome)

    outcome = _with_client(action, use)
    action.latency_ms = round((time.monotonic() - started) * 1000)
    return outcome


def resend(action: Action) -> SendOutcome:
    """Send an action once more, with the same key."""

    def use(client: Client, operation: Operation) -> SendOutcome:
        return _with_current(action, client, _attempt(action, lambda: operation.send(client, request_of(action))))

    return _with_client(action, use)


def find_outcome(action: Action) -> SendOutcome:
    """Search the WMS for the effect of an action: accepted, refused (it is not there) or unknown."""
    return _unless_failed(_with_client(action, lambda client, operation: _find(action, client, operation)))


def read_current(action: Action, external_id: str) -> ActionResult | None:
    """Return the record as the WMS has it now, with its clock; None if it can't be read."""
    return _with_client(action, lambda client, _: _read(action, client, external_id)).result


def _with_client(action: Action, use: Use) -> SendOutcome:
    """Return what `use` does with the connection's client, opened once for all requests of the action."""
    operation = operation_of(action)
    if operation is None:
        return SendOutcome(ActionState.UNKNOWN)
    try:
        with _recorded_client(action) as client:
            return use(client, operation)
    except ConnectorError as error:
        return _failed(action, error)


def _attempt(action: Action, request: Callable[[], ActionResult | None]) -> SendOutcome:
    try:
        result = request()
    except ActionRejected as rejection:
        return SendOutcome(ActionState.REFUSED, rejection=rejection)
    except OutcomeUnknown:
        return SendOutcome(ActionState.UNKNOWN)
    except ConnectorError as error:
        return _failed(action, error)
    return SendOutcome(ActionState.ACCEPTED if result else ActionState.REFUSED, result)


def _failed(action: Action, error: ConnectorError) -> SendOutcome:
    if error.kind == Kind.CREDENTIALS:
        set_status(action.connection, Status.NEEDS_ATTENTION, error.message)
    is_refused = error.kind in REFUSALS or not error.sent
    return SendOutcome(ActionState.REFUSED if is_refused else ActionState.UNKNOWN, error=error)


def _find(action: Action, client: Client, operation: Operation) -> SendOutcome:
    find = operation.find
    if find is None:
        return SendOutcome(ActionState.UNKNOWN)
    return _unless_failed(_attempt(action, lambda: find(client, request_of(action))))


def _unless_failed(outcome: SendOutcome) -> SendOutcome:
    """Return the outcome of a search; one that fails, however it fails, says nothing about the action."""
    if outcome.error or outcome.rejection:
        return SendOutcome(ActionState.UNKNOWN, error=outcome.error)
    return outcome


def _with_current(action: Action, client: Client, outcome: SendOutcome) -> SendOutcome:
    """Read the record once if the response is incomplete or does not say which version it is."""
    result = outcome.result
    if result is None or (result.record is not None and result.version_known):
        return outcome
    found = _read(action, client, result.external_id).result
    return replace(outcome, current=found.record if found else None)


def _read(action: Action, client: Client, external_id: str) -> SendOutcome:
    def look_up() -> ActionResult | None:
        resource = action.connection.connector.resources.get(ActionKind(action.kind).entity)
        if resource is None or resource.lookup is None:
            return None
        page = resource.lookup(client, [external_id])
        found = next((record for record in page.records if record.external_id == external_id), None)
        return ActionResult(external_id, found, clock=page.clock) if found else None

    return _attempt(action, look_up)


@contextmanager
def _recorded_client(action: Action) -> Iterator[Client]:
    """Yield an unpaced client, whose exchanges are kept on the action (not saved)."""
    try:
        client = open_client(action.connection)
    except ConnectorError as error:
        error.sent = False
        raise
    client.pacing = Pacing()
    client.transport.deadline = time.monotonic() + ANSWER_TIMEOUT.total_seconds()
    recording = ExchangeRecording()
    try:
        with client.recorded_by(recording):
            yield client
    finally:
        client.close()
        secrets = _secrets(action, client)
        exchanges = [*action.exchanges, *(_serialize(exchange, secrets) for exchange in recording.exchanges)]
        # The first ones are the action itself; of the later searches the last ones are the most useful.
        action.exchanges = exchanges[:MAX_FIRST_EXCHANGES] + exchanges[MAX_FIRST_EXCHANGES:][-MAX_LATER_EXCHANGES:]


def _secrets(action: Action, client: Client) -> list[str]:
    """Return the texts that must not be kept, also as they look in JSON and in URLs; the longest first."""
    names = [credential.name for credential in action.connection.connector.credentials if credential.secret]
    values = [client.credentials.get(name, "") for name in names]
    values += [*client.headers.values(), *(value for value in client.state.values() if isinstance(value, str))]
    found = {form for value in values if value for form in (value, json.dumps(value)[1:-1], quote(value, safe=""))}
    return sorted(found, key=len, reverse=True)


def _serialize(exchange: Exchange, secrets: list[str]) -> dict[str, Any]:
    body = "" if exchange.body is None else json.dumps(exchange.body, ensure_ascii=False, default=str)
    return {
        "method": exchange.method,
        "path": _redact(exchange.path, secrets),
        "body": _redact(body, secrets),
        "status": exchange.status,
        "answer": _redact(exchange.answer.decode(errors="replace"), secrets),
        "ms": exchange.ms,
    }


def _redact(text: str, secrets: list[str]) -> str:
    """Return at most MAX_BODY_LENGTH characters of a text, without secrets."""
    text = str(clean(text[: 2 * MAX_BODY_LENGTH]))
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text if len(text) <= MAX_BODY_LENGTH else f"{text[:MAX_BODY_LENGTH]}…"


def apply_outcome(action: Action, outcome: SendOutcome) -> None:
    """Set the state of an action and what the person reads; saves nothing."""
    action.state = outcome.state
    action.message, action.origin, action.failure = outcome.message, "", ""
    action.errors, action.retry_at = {}, None
    if outcome.rejection:
        action.message = outcome.rejection.message[:MAX_MESSAGE_LENGTH]
        action.errors = outcome.rejection.fields
        action.origin = outcome.rejection.origin
    elif outcome.error:
        action.failure = outcome.error.kind
        action.retry_at = outcome.error.retry_at
        action.message = UNKNOWN if outcome.state == ActionState.UNKNOWN else _refusal_message(outcome.error)
    elif outcome.state == ActionState.UNKNOWN:
        action.message = UNKNOWN


def _refusal_message(error: ConnectorError) -> str:
    if error.kind == Kind.RATE_LIMITED:
        return f"The WMS is limiting requests and did not accept this change. {_retry_advice(error.retry_at)}"
    return error.message_with(NOT_CARRIED_OUT if error.sent else NOT_SENT)[:MAX_MESSAGE_LENGTH]


def _retry_advice(moment: datetime | None) -> str:
    if moment is None:
        return "Try again in a minute."
    seconds = max(1, round((moment - datetime.now(UTC)).total_seconds()))
    if seconds < 120:
        return f"Try again in {seconds} seconds."
    return f"Try again after {moment.astimezone(UTC):%-d %B, %H:%M} UTC."
