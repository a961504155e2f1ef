"""A connection to a sandbox with switchable faults, and checks that hold whatever the sandbox does."""

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.timezone import now

from integrations.connection_status import refresh
from integrations.connectors.trackstar import resources
from integrations.encryption import encrypt
from integrations.entities import Entity
from integrations.models import Connection, Status
from integrations.services import Account, connect
from packr.demo.sandbox.control import Control
from packr.demo.sandbox.http_types import SandboxRequest
from packr.demo.sandbox.server import Sandbox
from packr.warehouse.mirror import export
from packr.warehouse.mirror.schema import TABLES
from packr.workspaces.models import Workspace
from syncs.models import ACTIVE, EntitySchedule, Lane, Mode, State, SyncRun
from syncs.runs.planner import queue_due
from tests.kit.running import adds_up, drain

START = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
API_KEY = "key-4f1c9a77"
SANDBOX_NAMES = {Entity.CUSTOMERS: "warehouse-customers"}
# The changes of an hour fill two pages and a whole list a few; with the second size everything fits on one page.
PAGE_SIZE, ONE_PAGE = 10, 1000


class Bench:
    """A separate connection and account. The clock stands still until a test moves it."""

    def __init__(self, sandbox: Sandbox, clock: Any, workspace: Workspace, number: int) -> None:
        self.sandbox, self.clock, self.number = sandbox, clock, number
        self.token = f"sandbox-{number}"
        self.control = Control(sandbox.world, sandbox.faults, sandbox.log)
        self.switch({"fault": "rotate", "api_key": API_KEY})
        credentials = {"api_key": API_KEY, "access_token": self.token}
        account = Account("trackstar", "Main", credentials, base_url=sandbox.url)
        self.connection: Connection = connect(workspace, account, first_sync=False)
        EntitySchedule.objects.filter(connection=self.connection).update(enabled=False)

    # --- The WMS ---------------------------------------------------------------------------------------------------

    def switch(self, *faults: Mapping[str, Any]) -> None:
        """Switch faults on, each as it would be posted to /_control/fault."""
        for fault in faults:
            body = json.dumps(fault, ensure_ascii=True).encode()
            self.control.answer(SandboxRequest("POST", "/_control/fault", {}, body))

    def set_page_size(self, size: int) -> None:
        """Set the number of records per page. The fixture resets it."""
        resources.LIMIT = str(size)

    def heal(self) -> None:
        """Switch off all faults except those of the API key."""
        self.switch({"fault": "rotate", "clear": True}, *[{"fault": name, "clear": True} for name in self._names()])
        self.switch({"fault": "rotate", "api_key": API_KEY})

    def _names(self) -> set[str]:
        return {str(fault["fault"]) for fault in self.sandbox.faults.listed()}

    def change(self, entity: Entity, **body: Any) -> dict[str, Any]:
        """Make one change, as posted to /_control/change. Return the changed record."""
        whole = json.dumps({"account": self.token, "entity": sandbox_name(entity), **body}).encode()
        answer = self.control.answer(SandboxRequest("POST", "/_control/change", {}, whole))
        record: dict[str, Any] = answer.value["record"]
        return record

    def change_some(self, entity: Entity) -> None:
        """Change every third record and add one, so that the changes fill more than one page."""
        records = self.source(entity)
        for identity in sorted(records)[::3]:
            self.change(entity, id=identity, set={"name": "New"} if entity == Entity.CUSTOMERS else {"tags": ["new"]})
        self.change(entity, add={"id": "added-1"})

    def source(self, entity: Entity) -> dict[str, dict[str, Any]]:
        """Return the WMS's records of an entity by id; of history, those updated after the history start."""
        account = self.sandbox.world.account(self.number)
        with account.lock:
            records = account.tables[sandbox_name(entity)].all()
        border = self.connection.border if entity.is_history else None
        return {one["id"]: one for one in records if border is None or _moment(one["updated_date"]) >= border}

    def asked(self) -> int:
        """Return the number of requests that the account has made."""
        return len([entry for entry in self.sandbox.log.listed() if entry["account"] == self.token])

    # --- Packr -----------------------------------------------------------------------------------------------------

    def schedule(self, entity: Entity) -> EntitySchedule:
        return EntitySchedule.objects.get(connection=self.connection, entity=entity)

    def due(self, entity: Entity, mode: Mode) -> None:
        """Schedule the entity in this mode, due now."""
        EntitySchedule.objects.filter(connection=self.connection, entity=entity).update(
            enabled=True, mode=mode, next_due_at=now(), next_reread_at=None, reread="none"
        )

    def tick(self, entity: Entity) -> SyncRun:
        """Do what the tick and a worker do at this moment. Return the last run."""
        queue_due(now())
        drain()
        return self.last(entity)

    def last(self, entity: Entity) -> SyncRun:
        runs = SyncRun.objects.filter(connection=self.connection, entity=entity).exclude(state=State.QUEUED)
        return runs.select_related("lane").order_by("-pk")[0]

    def next(self, entity: Entity) -> SyncRun:
        """Return the entity's next scheduled run once it is due, or once its wait is over."""
        if self.last(entity).state == State.WAITING:
            return self.resume(self.last(entity))
        planned = SyncRun.objects.filter(connection=self.connection, entity=entity, state=State.QUEUED).first()
        moment = planned.due_at if planned else self.schedule(entity).next_due_at
        assert moment is not None
        self.clock.move_to(max(moment, now()))
        return self.tick(entity)

    def resume(self, run: SyncRun) -> SyncRun:
        """Return a waiting run after its wait. Check that nobody contacts the WMS earlier."""
        asked = self.asked()
        self.clock.move_to(run.ready_at - timedelta(milliseconds=1))
        drain()
        assert self.asked() == asked, "asked before the wait was over"
        self.clock.move_to(run.ready_at)
        drain()
        run.refresh_from_db()
        return run

    def reconnect(self, api_key: str = API_KEY) -> None:
        """Store new credentials and check the connection with them."""
        self.connection.refresh_from_db()
        self.connection.sealed_credentials = encrypt({"api_key": api_key, "access_token": self.token})
        self.connection.save(update_fields=["sealed_credentials"])
        refresh(self.connection)
        assert self.connection.status == Status.CONNECTED

    def mirror(self, entity: Entity) -> dict[str, dict[str, Any]]:
        """Return the exported mirror by id."""
        records = [json.loads(line) for line in export.export_lines(self.connection, entity)]
        return {record["external_id"]: record for record in records}

    def row_ids(self, entity: Entity) -> set[str]:
        """Return the ids of all rows, including removed ones."""
        rows = TABLES[entity].model._default_manager.filter(connection=self.connection)
        return set(rows.values_list("external_id", flat=True))

    def differences(self, entity: Entity) -> list[str]:
        """Return the ids of the records that differ between mirror and WMS."""
        mirror, source = self.mirror(entity), self.source(entity)
        alien = mirror.keys() ^ source.keys()
        return sorted(
            alien | {id_ for id_ in mirror.keys() & source.keys() if not matches_source(mirror[id_], source[id_])}
        )


def sandbox_name(entity: Entity) -> str:
    return SANDBOX_NAMES.get(entity, entity.value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- Comparing records -----------------------------------------------------------------------------------------------

RENAMED = {
    "external_id": "id",
    "created_at": "created_date",
    "updated_at": "updated_date",
    "extra": "additional_fields",
}


def matches_source(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Return whether an exported record equals the WMS's item in every field that both have."""
    pairs = [(ours[name], theirs[there]) for name in ours if (there := RENAMED.get(name, name)) in theirs]
    assert len(pairs) > 3, "hardly anything to compare"
    return all(same(a, b) for a, b in pairs)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(same(ours[name], theirs[name]) for name in ours.keys() & theirs.keys())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, str) and isinstance(theirs, int | float | str) and ours != theirs:
        return _decimal(ours) is not None and _decimal(ours) == _decimal(str(theirs))
    return bool(ours == theirs or (not ours and not theirs))


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


# --- What must always hold -------------------------------------------------------------------------------------------

EFFECT = re.compile(
    r"earlier data|nothing was|no data is lost|is kept|are kept|everything else|is not affected|"
    r"continues automatically",
    re.IGNORECASE,
)
NEXT = re.compile(
    r"automatically|tries again|reads? (it )?again|contact|check the|ask the|reconnect|needs to review|switch it on",
    re.I,
)


def check_words(text: str) -> None:
    """Check that a message has at least two sentences: the fact, its consequence and the next step."""
    sentences = [one for one in re.split(r"(?<=[.!?”])\s+", text) if one]
    assert len(sentences) >= 2, text
    assert EFFECT.search(text), f"no effect: {text}"
    assert NEXT.search(text), f"no next step: {text}"
    assert not re.match(r"\W*\d", text) or "records" in sentences[0], f"a code as headline: {text}"
    assert not re.search(r"Traceback|Error\b|Exception|<[a-z!/]|urllib3|requests\.[a-z_]*\.|HTTPConnection", text), text
    assert len(text) < 1000, text


def check_settled(bench: Bench) -> None:
    """Check that no run is running, each wait has an end, no lane is leased, counts add up, and texts are sentences."""
    for run in SyncRun.objects.select_related("lane"):
        assert run.state != State.RUNNING
        assert adds_up(run)
        if run.state == State.WAITING:
            assert run.ready_at > now()
            assert run.lane.waits_until == run.ready_at
        if run.state not in (State.SUCCEEDED, State.QUEUED):
            check_words(run.message)
        assert (run.completed_at is None) == (run.state in ACTIVE)
    assert not Lane.objects.exclude(leased_until=None).exists()
    bench.connection.refresh_from_db()
    if bench.connection.status != Status.CONNECTED:
        check_words(bench.connection.status_message)
    for schedule in EntitySchedule.objects.exclude(off_reason=""):
        check_words(schedule.off_reason)


def secrets_in(bench: Bench, texts: Sequence[str]) -> list[str]:
    return [text[:300] for text in texts if API_KEY in text or re.search(rf"{bench.token}\b", text)]


def public_texts() -> Iterator[str]:
    """Return all texts about runs, connections and records that people and support can read."""
    for run in SyncRun.objects.all():
        yield from (run.message, run.detail)
    for connection in Connection.objects.all():
        yield from (connection.status_message, json.dumps(connection.learned))
    for schedule in EntitySchedule.objects.all():
        yield schedule.off_reason


class LogCollector(logging.Handler):
    """Collects everything that is logged, with tracebacks, and the errors separately."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._here = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._here:
            self.lines.append(self.format(record))
            if record.levelno >= logging.ERROR:
                self.errors.append(self.lines[-1])
