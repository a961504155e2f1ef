"""Sending an action to its WMS while a person waits, and finding out later what became of one.

What the WMS said comes back as an `SendOutcome`; applying it to the mirror is the caller's.
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
# The rest of a person's time that is worth a look at the WMS at once, when the answer was lost.
MIN_TIME_TO_LOOK = timedelta(seconds=3)
FIRST_EXCHANGES, MOST_EXCHANGES, LONGEST_BODY = 4, 16, 4000
LONGEST_MESSAGE = 1000
SECRET = "(secret)"
NOT_SENT = "Nothing was sent to the WMS. Try again after fixing this."
NOT_CARRIED_OUT = "Nothing was changed in the WMS. Try again after fixing this."
UNKNOWN = (
    "The WMS's answer was lost, so it is not known yet whether it made this change. Packr is finding out, and sends "
    "nothing twice meanwhile; don't send it again."
)
# What surely was not carried out, whatever the answer looked like.
REFUSALS = (Kind.CREDENTIALS, Kind.FORBIDDEN, Kind.NOT_OFFERED, Kind.RATE_LIMITED)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What came of asking a WMS. `done` is there when it accepted, `error` when it was no clear refusal of its own.

    `seen` is the record read after an answer that did not hold the whole of it, or did not say which version it is.
    `message` is for the person, where none of them says enough.
    """

    state: ActionState
    done: ActionResult | None = None
    declined: ActionRejected | None = None
    error: ConnectorError | None = None
    seen: Record | None = None
    message: str = ""


def request_of(action: Action) -> ActionRequest:
    """The action as its connector is told it."""
    return ActionRequest(
        kind=ActionKind(action.kind),
        target=None if ActionKind(action.kind).creates else action.external_id,
        values=action.values,
        reference=action.reference,
        key=action.reference,
        asked_at=action.asked_at,
        learned=action.connection.learned,
        before=action.before,
    )


def operation_of(action: Action) -> Operation | None:
    """How the connection's connector carries the action out; None when it no longer can."""
    return action.connection.connector.actions.get(ActionKind(action.kind))


def send(action: Action) -> SendOutcome:
    """Send an action, within DEADLINE, and keep the exchange on it (not saved). Raises nothing of the WMS's."""
    began = time.monotonic()

    def use(client: Client) -> SendOutcome:
        outcome = _ask(action, client, _send)
        left = ANSWER_TIMEOUT - timedelta(seconds=time.monotonic() - began)
        if outcome.state == ActionState.UNKNOWN and left > MIN_TIME_TO_LOOK:
            found = _look(action, client)
            outcome = found if found.state == ActionState.ACCEPTED else outcome
        return _with_version(action, client, outcome)

    outcome = _talk(action, use)
    action.latency_ms = round((time.monotonic() - began) * 1000)
    return outcome


def send_again(action: Action) -> SendOutcome:
    """The same once more, with the same key."""
    return _talk(action, lambda client: _with_version(action, client, _ask(action, client, _send)))


def look(action: Action) -> SendOutcome:
    """Look at the WMS whether it did what was asked: accepted, refused (it is not there) or unknown (can't be told)."""
    return _without_failure(_talk(action, lambda client: _look(action, client)))


def read(action: Action, external_id: str) -> ActionResult | None:
    """The record as the WMS has it now, with its clock; None when it can't be had."""
    return _talk(action, lambda client: _read(action, client, external_id)).done


def _talk(action: Action, use: Callable[[Client], SendOutcome]) -> SendOutcome:
    """What came of using a client of the action's own, opened once for all it asks."""
    if operation_of(action) is None:
        return SendOutcome(ActionState.UNKNOWN)
    try:
        with _client(action) as client:
            return use(client)
    except ConnectorError as error:
        return _failed(action, error)


def _send(operation: Operation, client: Client, wish: ActionRequest) -> ActionResult:
    return operation.send(client, wish)


def _look(action: Action, client: Client) -> SendOutcome:
    def find(operation: Operation, client: Client, wish: ActionRequest) -> ActionResult | None:
        if operation.find is None:
            raise OutcomeUnknown
        return operation.find(client, wish)

    return _without_failure(_ask(action, client, find))


def _without_failure(outcome: SendOutcome) -> SendOutcome:
    """A look that fails says nothing about the action, however it fails."""
    if outcome.error or outcome.declined:
        return SendOutcome(ActionState.UNKNOWN, error=outcome.error)
    return outcome


def _with_version(action: Action, client: Client, outcome: SendOutcome) -> SendOutcome:
    """An answer that does not say which version it is, or is not whole, is followed by one read."""
    done = outcome.done
    if done is None or (done.record is not None and done.version_known):
        return outcome
    found = _read(action, client, done.external_id).done
    return replace(outcome, seen=found.record if found else None)


def _read(action: Action, client: Client, external_id: str) -> SendOutcome:
    def ask(operation: Operation, client: Client, wish: ActionRequest) -> ActionResult | None:
        resource = action.connection.connector.resources.get(wish.kind.entity)
        if resource is None or resource.lookup is None:
            return None
        page = resource.lookup(client, [external_id])
        found = next((record for record in page.records if record.external_id == external_id), None)
        return ActionResult(external_id, found, clock=page.clock) if found else None

    return _ask(action, client, ask)


def _ask(
    action: Action, client: Client, ask: Callable[[Operation, Client, ActionRequest], ActionResult | None]
) -> SendOutcome:
    operation = operation_of(action)
    assert operation is not None
    try:
        done = ask(operation, client, request_of(action))
    except ActionRejected as declined:
        return SendOutcome(ActionState.REFUSED, declined=declined)
    except OutcomeUnknown:
        return SendOutcome(ActionState.UNKNOWN)
    except ConnectorError as error:
        return _failed(action, error)
    return SendOutcome(ActionState.ACCEPTED if done else ActionState.REFUSED, done)


def _failed(action: Action, error: ConnectorError) -> SendOutcome:
    if error.kind == Kind.CREDENTIALS:
        set_status(action.connection, Status.NEEDS_ATTENTION, error.message)
    is_refused = error.kind in REFUSALS or not error.sent
    return SendOutcome(ActionState.REFUSED if is_refused else ActionState.UNKNOWN, error=error)


@contextmanager
def _client(action: Action) -> Iterator[Client]:
    """A client of the person's own, that waits for nobody; what it asks is kept on the action."""
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
        kept = [_told(one, secrets) for one in recording.exchanges]
        all_ = [*action.exchanges, *kept]
        # The first ones are what the action is about; of what was looked up later the last ones tell most.
        action.exchanges = all_[:FIRST_EXCHANGES] + all_[FIRST_EXCHANGES:][-MOST_EXCHANGES:]


def _secrets(action: Action, client: Client) -> list[str]:
    """Every text that must not be kept, also as it looks inside JSON; the longest first."""
    names = [field.name for field in action.connection.connector.credentials if field.secret]
    values = [client.credentials.get(name, "") for name in names]
    values += [*client.headers.values(), *(value for value in client.state.values() if isinstance(value, str))]
    found = {form for value in values if value for form in (value, json.dumps(value)[1:-1], quote(value, safe=""))}
    return sorted(found, key=len, reverse=True)


def _told(one: Exchange, secrets: list[str]) -> dict[str, Any]:
    body = "" if one.body is None else json.dumps(one.body, ensure_ascii=False, default=str)
    return {
        "method": one.method,
        "path": _redacted(one.path, secrets),
        "body": _redacted(body, secrets),
        "status": one.status,
        "answer": _redacted(one.answer.decode(errors="replace"), secrets),
        "ms": one.ms,
    }


def _redacted(text: str, secrets: list[str]) -> str:
    """A text without secrets, so long as it may be kept."""
    text = str(clean(text[: 2 * LONGEST_BODY]))
    for secret in secrets:
        text = text.replace(secret, SECRET)
    return text if len(text) <= LONGEST_BODY else f"{text[:LONGEST_BODY]}…"


def note(action: Action, outcome: SendOutcome) -> None:
    """Put an outcome on an action (not saved): its state and what the person reads."""
    action.state = outcome.state
    action.message, action.origin, action.failure = outcome.message, "", ""
    action.errors, action.retry_at = {}, None
    if outcome.declined:
        action.message = outcome.declined.message[:LONGEST_MESSAGE]
        action.errors = outcome.declined.fields
        action.origin = outcome.declined.origin
    elif outcome.error:
        action.failure = outcome.error.kind
        action.retry_at = outcome.error.retry_at
        action.message = UNKNOWN if outcome.state == ActionState.UNKNOWN else _why_refused(outcome.error)
    elif outcome.state == ActionState.UNKNOWN:
        action.message = UNKNOWN


def _why_refused(error: ConnectorError) -> str:
    if error.kind == Kind.RATE_LIMITED:
        return f"The WMS is limiting requests and did not accept this change. {_try_again(error.retry_at)}"
    return error.message_with(NOT_CARRIED_OUT if error.sent else NOT_SENT)[:LONGEST_MESSAGE]


def _try_again(moment: datetime | None) -> str:
    if moment is None:
        return "Try again in a minute."
    seconds = max(1, round((moment - datetime.now(UTC)).total_seconds()))
    if seconds < 120:
        return f"Try again in {seconds} seconds."
    return f"Try again after {moment.astimezone(UTC):%-d %B, %H:%M} UTC."
