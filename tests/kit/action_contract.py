"""What the actions of every connector must do: subclass `ActionContract` and simulate the WMS's side of them.

Each test sends an action through `action_sender`, as a person's click does: the outcome is the one Packr would store.
"""

import logging
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from integrations import action_sender
from integrations.action_sender import SendOutcome
from integrations.connectors.actions import ActionKind, RetryPolicy
from integrations.connectors.base import Connector
from integrations.connectors.registry import CONNECTORS
from integrations.encryption import encrypt
from integrations.errors import Kind
from integrations.models import Action, ActionState, Connection

from . import factories
from .server import Call, Reply, Server

BROKEN_OFF = Reply(b"{", announced=1000)


class ActionContract(ABC):
    """The tests. A subclass fills in the class attributes and simulates a WMS that creates and cancels orders."""

    connector: ClassVar[type[Connector]]
    credentials: ClassVar[Mapping[str, str]]  # secret ones with values that appear nowhere else
    values: ClassVar[Mapping[str, Any]]  # an order that the WMS accepts
    refused_values: ClassVar[Mapping[str, Any]]  # an order with one value that the WMS refuses
    refused_field: ClassVar[str]  # the path of that value
    # Facts about an account with an action that it does not have.
    unavailable: ClassVar[Sequence[tuple[ActionKind, Mapping[str, Any]]]] = ()

    @abstractmethod
    def answer(self, call: Call) -> Reply:
        """Act as the WMS: carry out the call, keep the orders, and answer."""

    @abstractmethod
    def creates_order(self, call: Call) -> bool:
        """Whether the call asks the WMS to create an order."""

    @abstractmethod
    def order_ids(self) -> list[str]:
        """The ids of the orders that the WMS has."""

    @abstractmethod
    def refusal(self, words: str) -> Reply:
        """The WMS's refusal of a change in these words."""

    # Fixtures and helpers.

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[Server]:
        with Server(self.answer) as server:
            yield server

    @pytest.fixture(autouse=True)
    def connection(self, server: Server, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setitem(CONNECTORS, self.connector.slug, self.connector)  # type: ignore[arg-type]
        settings.PRIVATE_WMS_HOSTS = frozenset({server.host})
        made = factories.connection(factories.workspace())
        made.wms, made.base_url = self.connector.slug, server.url
        made.sealed_credentials = encrypt(dict(self.credentials))
        made.save()
        return made

    @pytest.fixture
    def no_lookup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Leave no time for the look-up that follows a lost reply."""
        monkeypatch.setattr(action_sender, "MIN_TIME_TO_LOOK", action_sender.ANSWER_TIMEOUT)

    def action(self, connection: Connection, kind: ActionKind = ActionKind.CREATE_ORDER, **fields: Any) -> Action:
        """An action that is about to be sent."""
        usual = {"values": dict(self.values) if kind == ActionKind.CREATE_ORDER else {}, "external_id": ""}
        return factories.action(connection, kind, state=ActionState.SENDING, exchanges=[], **(usual | fields))

    def send(self, action: Action) -> SendOutcome:
        outcome = action_sender.send(action)
        action_sender.apply_outcome(action, outcome)
        return outcome

    def reply_to_creation(self, server: Server, reply: Reply, *, carried_out: bool = True) -> None:
        """Answer the request for a new order with `reply`, after creating the order if it is `carried_out`."""

        def answer(call: Call) -> Reply:
            if not self.creates_order(call):
                return self.answer(call)
            if carried_out:
                self.answer(call)
            return reply

        server.answer = answer

    def creations(self, server: Server) -> list[Call]:
        return [call for call in server.calls if self.creates_order(call)]

    # Accepted and refused.

    def test_accepted_order_has_its_record_and_our_reference(self, server: Server, connection: Connection) -> None:
        action = self.action(connection)
        outcome = self.send(action)
        assert (outcome.state, action.message, action.errors) == (ActionState.ACCEPTED, "", {})
        assert outcome.result
        assert [outcome.result.external_id] == self.order_ids()
        assert outcome.result.clock
        record = outcome.result.record or outcome.current
        assert record
        assert record.external_id == outcome.result.external_id
        (call,) = self.creations(server)
        assert action.reference.encode() in call.body

    def test_refused_value_is_reported_at_its_field(self, server: Server, connection: Connection) -> None:
        action = self.action(connection, values=dict(self.refused_values))
        outcome = self.send(action)
        assert outcome.state == ActionState.REFUSED
        assert list(action.errors) == [self.refused_field]
        assert all(message for message in action.errors[self.refused_field])
        assert action.message
        assert self.order_ids() == []

    def test_refusal_is_shown_in_the_wms_own_words(self, server: Server, connection: Connection) -> None:
        self.reply_to_creation(server, self.refusal("The number\nis taken.\x00"), carried_out=False)
        action = self.action(connection)
        assert self.send(action).state == ActionState.REFUSED
        assert "The number is taken." in action.message
        assert action.message.isprintable()
        assert action.origin
        assert len(self.creations(server)) == 1

    @pytest.mark.parametrize("status", [401, 403, 429, 501])
    def test_status_that_rules_out_the_change_is_a_refusal(
        self, server: Server, connection: Connection, status: int
    ) -> None:
        reply = Reply(b"{}", status, {"Retry-After": "30"})
        self.reply_to_creation(server, reply, carried_out=False)
        action = self.action(connection)
        assert self.send(action).state == ActionState.REFUSED
        assert action.message.endswith(".")
        assert (action.retry_at is not None) == (status == 429)
        if status in (401, 429):  # some WMSs use the other two for refusals of their own
            assert action.failure == (Kind.CREDENTIALS if status == 401 else Kind.RATE_LIMITED)

    def test_cancelling_a_cancelled_order_is_accepted(self, connection: Connection) -> None:
        assert self.send(self.action(connection)).state == ActionState.ACCEPTED
        (order_id,) = self.order_ids()
        for _ in range(2):
            outcome = self.send(self.action(connection, ActionKind.CANCEL_ORDER, external_id=order_id))
            assert outcome.state == ActionState.ACCEPTED
            assert outcome.result
            assert getattr(outcome.result.record or outcome.current, "status", "") == "cancelled"

    # Lost replies.

    def test_lost_reply_is_resolved_by_reference_and_nothing_is_sent_twice(
        self, server: Server, connection: Connection
    ) -> None:
        self.reply_to_creation(server, BROKEN_OFF)
        outcome = self.send(self.action(connection))
        assert outcome.state == ActionState.ACCEPTED
        assert outcome.result
        assert [outcome.result.external_id] == self.order_ids()
        assert len(self.creations(server)) == 1

    @pytest.mark.usefixtures("no_lookup")
    def test_order_of_a_lost_reply_is_found_later(self, server: Server, connection: Connection) -> None:
        self.reply_to_creation(server, BROKEN_OFF)
        action = self.action(connection)
        assert self.send(action).state == ActionState.UNKNOWN
        assert action.message == action_sender.UNKNOWN
        for _ in range(2):
            found = action_sender.find_outcome(action)
            assert found.state == ActionState.ACCEPTED
            assert found.result
            assert [found.result.external_id] == self.order_ids()
        assert len(self.creations(server)) == 1

    def test_order_that_never_arrived_is_reported_missing(self, server: Server, connection: Connection) -> None:
        self.reply_to_creation(server, BROKEN_OFF, carried_out=False)
        action = self.action(connection)
        assert self.send(action).state == ActionState.UNKNOWN
        assert action_sender.find_outcome(action).state == ActionState.REFUSED
        assert len(self.creations(server)) == 1

    @pytest.mark.usefixtures("no_lookup")
    @pytest.mark.parametrize(
        "reply",
        [
            Reply(b"<!doctype html><title>Sign in</title>"),
            Reply(b""),
            Reply(b'{"data": {"id": "1", "result": [6'),
            Reply(b"[]"),
            Reply(b"null"),
            Reply(b"3"),
            Reply(b"{}"),
            Reply(b"\xff\xfe\x00"),
            Reply(b"[" * 100_000 + b"]" * 100_000),
            Reply(b"", 302, {"Location": "/elsewhere"}),
            Reply(b"{}", 500),
            Reply(b"<html>", 502),
            Reply(b"<html>", 404),
        ],
        ids=["html", "nothing", "cut", "list", "null", "number", "object", "bytes", "deep", "302", "500", "502", "404"],
    )
    def test_unusable_reply_leaves_the_outcome_unknown(
        self, server: Server, connection: Connection, reply: Reply
    ) -> None:
        self.reply_to_creation(server, reply)
        action = self.action(connection)
        outcome = self.send(action)
        assert (outcome.state, outcome.result) == (ActionState.UNKNOWN, None)
        assert action.message == action_sender.UNKNOWN
        assert len(self.creations(server)) == 1

    def test_failed_lookup_says_nothing_about_the_action(self, server: Server, connection: Connection) -> None:
        self.reply_to_creation(server, BROKEN_OFF)
        action = self.action(connection)
        self.send(action)
        for status in (401, 404, 429, 500):
            server.answer = lambda call, status=status: Reply(b"<html>", status)  # type: ignore[misc]
            assert action_sender.find_outcome(action).state == ActionState.UNKNOWN

    def test_wms_that_cannot_be_reached_is_a_refusal(self, connection: Connection, settings: Any) -> None:
        with Server() as gone:
            settings.PRIVATE_WMS_HOSTS = frozenset({gone.host})
            connection.base_url = gone.url
        action = self.action(connection)
        outcome = self.send(action)
        assert outcome.state == ActionState.REFUSED
        assert outcome.error
        assert outcome.error.kind == Kind.UNREACHABLE
        assert "Nothing was sent" in action.message

    def test_slow_reply_ends_at_the_deadline(
        self, server: Server, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(action_sender, "ANSWER_TIMEOUT", timedelta(seconds=1))
        self.reply_to_creation(server, Reply(b" " * 5000, drip=0.02))
        began = time.monotonic()
        assert self.send(self.action(connection)).state == ActionState.UNKNOWN
        assert time.monotonic() - began < 3

    # Availability, retries and secrets.

    def test_unavailable_actions_have_a_reason(self) -> None:
        for kind, learned in self.unavailable:
            assert self.connector.actions[kind].unavailable_reason(learned).endswith("."), kind

    def test_lost_actions_can_be_resolved(self) -> None:
        for kind, operation in self.connector.actions.items():
            assert operation.find or operation.retry != RetryPolicy.NEVER, kind
            assert not (kind.creates and operation.retry == RetryPolicy.HARMLESS), kind
            assert operation.visibility_delay > timedelta(0)

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 422, 429, 500, 501])
    def test_secrets_are_in_no_message_trace_or_log(
        self, server: Server, connection: Connection, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        caplog.set_level(logging.DEBUG)
        secrets = [self.credentials[field.name] for field in self.connector.credentials if field.secret]
        body = self.refusal(f"not with {' '.join(secrets)}").body
        self.reply_to_creation(server, Reply(body, status), carried_out=False)
        action = self.action(connection)
        outcome = self.send(action)
        assert outcome.state != ActionState.ACCEPTED
        assert action.exchanges
        shown = [action.message, str(action.errors), str(action.exchanges), caplog.text, repr(outcome)]
        for error in (outcome.error, outcome.rejection):
            shown += [] if error is None else [repr(error), *traceback.format_exception(error)]
        shown += [outcome.error.detail] if outcome.error else []
        for secret in secrets:
            assert secret not in "\n".join(shown)
