"""A connection, its WMS and the engine: what can happen to them, and what must hold afterwards."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.utils.timezone import now

from integrations.connectors.registry import CONNECTORS
from integrations.entities import Entity
from integrations.errors import ConnectorError
from integrations.models import Connection, Status
from integrations.records import Record
from packr.warehouse.mirror import digests, sql, writer
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import InventoryLevel, OrderLine, OrderShipment
from syncs import removal_reviews
from syncs.engine import runner
from syncs.models import ACTIVE, Checkpoint, EntitySchedule, Lane, Mode, Phase, RejectedRecord, State, SyncRun, Trigger
from syncs.runs import claims, enqueue, lifecycle
from tests.kit.model_wms import connector_for
from tests.kit.running import adds_up

from .source import FAR, Key, Listing, Source, When

ENTITIES = (Entity.ORDERS, Entity.INVENTORY)
START = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
OVERLAP = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
# With the usual limit of twenty missing rows, no short history would reach the removal limit.
REMOVAL_LIMIT_ROWS = 3
# Every history is done in fewer slices, so a run that is still active then would never end.
MAX_SLICES = 300


class Killed(BaseException):
    """The death of a process, which no handler catches."""


@dataclass(frozen=True)
class Shape:
    """The settings that stay the same throughout a history."""

    page_size: int = 3
    listing: Listing = Listing.BY_ID
    has_clock: bool = True
    whole_inventory: bool = False
    slice_seconds: float = 0
    copy_threshold: int = sql.COPY_THRESHOLD


class World:
    def __init__(self, connection: Connection, other: Connection, person: Any, clock: Any) -> None:
        self.connection, self.other, self.person, self.clock = connection, other, person, clock
        self.untouched = fingerprint(other)

    def begin(self, shape: Shape) -> None:
        """Begin a history at nine o'clock with an empty mirror and an empty WMS."""
        self.clock.move_to(START)
        self.source = Source(page_size=shape.page_size, listing=shape.listing, has_clock=shape.has_clock)
        whole = [Entity.INVENTORY] if shape.whole_inventory else []
        CONNECTORS["model"] = connector_for(self.source, whole=whole)
        settings.SLICE_SECONDS = shape.slice_seconds
        sql.COPY_THRESHOLD = shape.copy_threshold
        wipe(self.connection)
        self.checked: set[int] = set()
        self.passes_checked: set[int] = set()
        self.watermarks: dict[Entity, datetime | None] = dict.fromkeys(ENTITIES)
        self.bounds: dict[Entity, datetime] = {}  # the next incremental must find changes stamped at or after this
        self.owed: set[Key] = set()  # what the next complete incremental must deliver
        self.newest: dict[Key, datetime] = {}  # the highest stamp that the mirror may have for an id
        self.stamps: dict[Key, tuple[datetime, int]] = {}  # each stamp in the mirror, with the earlier number of calls
        self.is_aside = False
        self.touched = False
        self.delivered = dict.fromkeys(ENTITIES, 0)  # rows created by webhooks

    # --- Changes in the WMS, and webhooks ----------------------------------------------------------------------------

    def put(self, entity: Entity, external_id: str, when: When) -> None:
        self._owe(entity, self.source.write(entity, external_id, when))

    def put_back(self, entity: Entity, external_id: str) -> None:
        """Put a dropped record back into the list, unchanged."""
        versions = self.source.versions.get((entity, external_id))
        if versions and external_id not in self.source.rows[entity]:
            self.source.place(entity, versions[-1])
            self._owe(entity, versions[-1])

    def _owe(self, entity: Entity, record: Record) -> None:
        key = entity, str(record.external_id)
        stamp, bound = record.updated_at, self.bounds.get(entity)
        if isinstance(stamp, datetime):
            self.newest[key] = max(stamp, self.newest.get(key, stamp))
        if isinstance(stamp, datetime) and bound and stamp < bound:
            self.owed.discard(key)  # only a full run can find it
        else:
            self.owed.add(key)

    def spoil(self, entity: Entity, external_id: str) -> None:
        """Make the record unreadable."""
        self.source.bad[entity][external_id] = "Unreadable."
        self.forgive(entity, external_id)

    def restore(self, entity: Entity) -> None:
        for external_id in self.source.bad[entity]:
            self.forgive(entity, str(external_id))
        self.source.bad[entity] = {}

    def forgive(self, entity: Entity, external_id: str) -> None:
        """Expect the record only of the next full run, and nothing of the pass in progress."""
        self.owed.discard((entity, external_id))
        self.source.disturb(entity)

    def deliver(self, entity: Entity, external_id: str, back: int) -> None:
        """Deliver a version of a record, the current or an earlier one, as a webhook or an action's response would."""
        versions = self.source.versions.get((entity, external_id))
        if not versions:
            return
        record = versions[max(0, len(versions) - 1 - back)]
        current = self.source.rows[entity].get(external_id)
        if record is not current and not is_older(record, current):
            self.forgive(entity, external_id)
        if isinstance(record.updated_at, datetime):
            self.newest[entity, external_id] = max(record.updated_at, self.newest.get((entity, external_id), START))
        self.touched = True
        with transaction.atomic():
            drafts = [record]
            self.delivered[entity] += writer.apply(self.connection.pk, entity, drafts, now=now()).created
        self._note_stamps(entity)

    def change_and_deliver(self, entity: Entity, external_id: str, when: When) -> None:
        """Change a record and deliver it immediately by a webhook."""
        self.put(entity, external_id, when)
        self.deliver(entity, external_id, 0)

    def skew(self, minutes: int) -> None:
        """Set the WMS's clock right or wrong. Does nothing if its responses have no Date."""
        if self.source.has_clock:
            self.source.skew = timedelta(minutes=minutes)

    def pass_time(self, seconds: int) -> None:
        self.clock.shift(seconds)

    def answer_badly(self, after: int, fault: Callable[[], ConnectorError], *, only_inside: bool) -> None:
        """Let a later call to the WMS fail. `only_inside` spares the first page of a pass."""

        def fails(call: Any) -> None:
            if not only_inside:
                raise fault()
            if call.cursor is not None:
                self.source.forgotten.add(call.entity)
                raise fault()

        self.source.faults.extend([*[None] * after, fails])

    def meanwhile(self, after: int, happens: Callable[[], Any], *, looking_up: bool) -> None:
        """Let something happen between a later response and the engine's writing of it."""

        def act() -> None:
            self.is_aside, before = True, self.is_aside
            self.pass_time(1)
            try:
                happens()
            finally:
                self.is_aside = before

        queue = self.source.looking_up if looking_up else self.source.between
        queue.extend([*[None] * after, act])

    # --- Packr's actions ----------------------------------------------------------------------------------------------

    def request(self, entity: Entity, mode: Mode, *, by_person: bool) -> None:
        person = self.person if by_person else None
        enqueue.request_runs(self.connection, [entity], mode=mode, trigger=Trigger.MANUAL, person=person)

    def cancel(self, entity: Entity) -> None:
        run = SyncRun.objects.filter(connection=self.connection, entity=entity, state__in=ACTIVE).first()
        if run:
            lifecycle.cancel(run, person=self.person)
            self.check_ended()

    def work(self, killed_at: int | None = None) -> bool:
        """Run one slice of a worker. If it is killed before statement `killed_at`, its lease lapses."""
        claimed = None
        self.touched = True
        self.pass_time(1)
        try:
            with self._mortal(killed_at):
                claimed = claims.claim(connection=self.connection)
                if claimed:
                    runner.work(claimed)
        except Killed:
            self.pass_time(settings.LEASE_SECONDS + 1)
        self.check_ended()
        return bool(claimed) or self._wait()

    @contextmanager
    def _mortal(self, killed_at: int | None) -> Iterator[None]:
        executed = 0

        def step(execute: Any, *statement: Any) -> Any:
            nonlocal executed
            executed += not self.is_aside
            if executed == killed_at and not self.is_aside:
                raise Killed
            return execute(*statement)

        with database.execute_wrapper(step):
            yield

    def be_overtaken(self) -> None:
        """Freeze the current worker past its lease while another one takes the lane, then let it continue."""
        self.pass_time(settings.LEASE_SECONDS + 1)
        self.work()

    def _wait(self) -> bool:
        """Move to the next moment at which something can be ready. Return False if no run is active."""
        active = SyncRun.objects.filter(connection=self.connection, state__in=ACTIVE).select_related("lane")
        moments = [one for run in active for one in (run.ready_at, run.lane.waits_until, run.lane.leased_until) if one]
        if moments:
            self.pass_time(max(0, (max(moments) - now()).total_seconds()) + 1)
        return bool(moments)

    def drain(self) -> None:
        for _ in range(MAX_SLICES):
            if not self.work():
                return
        raise AssertionError(f"still active after {MAX_SLICES} slices")

    # --- Invariants --------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check what must hold at every moment."""
        self.touched = False
        for entity in ENTITIES:
            rows = self._rows(entity)
            self._check_rows(entity, rows)
            runs = SyncRun.objects.filter(connection=self.connection, entity=entity)
            made = sum(runs.values_list("created", flat=True)) + self.delivered[entity]
            assert made == len(rows), "rows and counts were not written together"
            self._note_stamps(entity, rows)
        self._check_lines()
        self._check_passes()
        marks = dict(self._schedules().values_list("entity", "watermark"))
        assert marks == self.watermarks, "a watermark moved without a complete run"

    def _check_rows(self, entity: Entity, rows: dict[str, Any]) -> None:
        for external_id, row in rows.items():
            versions = self.source.versions[entity, external_id]
            assert any(row["record"] == plain(one) for one in versions), (
                f"no version of {external_id} was {row['record']}"
            )
            if row["removed_at"]:
                assert (entity, external_id) in self.source.dropped, (
                    f"{external_id} was removed, but the WMS never dropped it"
                )

    def _note_stamps(self, entity: Entity, rows: dict[str, Any] | None = None) -> None:
        """Check that an older version overwrote a newer one only if a look-up or an implausible stamp explains it."""
        for external_id, row in (rows or self._rows(entity)).items():
            key, stamp = (entity, external_id), row["updated_at"]
            known, calls = self.stamps.get(key, (None, 0))
            if stamp and known and stamp < known < FAR:
                asked = self.source.looked_up.get(key, -1)
                assert asked > calls, f"{external_id}: the version of {stamp} overwrote that of {known}"
            if stamp is None:
                self.stamps.pop(key, None)
            elif stamp != known:
                self.stamps[key] = stamp, len(self.source.calls)

    def _check_lines(self) -> None:
        orders, items = self._rows(Entity.ORDERS), self._rows(Entity.INVENTORY)
        lines = OrderLine.objects.filter(connection=self.connection)
        levels = InventoryLevel.objects.filter(connection=self.connection)
        shipments = OrderShipment.objects.present().filter(connection=self.connection)
        assert sorted(lines.values_list("order__external_id", "sku", "quantity")) == sorted(
            (id_, line["sku"], int(line["quantity"]))
            for id_, row in orders.items()
            for line in row["record"]["line_items"]
        )
        assert sorted(shipments.values_list("order_id", "external_id", "status")) == sorted(
            (id_, part["external_id"], part["status"])
            for id_, row in orders.items()
            for part in row["record"]["shipments"]
            if not row["removed_at"]
        )
        assert sorted(levels.values_list("item__external_id", "warehouse_id", "onhand")) == sorted(
            (id_, place, int(level["onhand"]))
            for id_, row in items.items()
            for place, level in row["record"]["inventory_by_warehouse_id"].items()
        )

    def check_ended(self) -> None:
        """Check the runs that have ended since the last check."""
        ended = SyncRun.objects.filter(connection=self.connection).exclude(state__in=ACTIVE).order_by("pk")
        for run in ended.exclude(pk__in=self.checked):
            self.checked.add(run.pk)
            assert adds_up(run), f"{run} does not add up"
            assert "internal error during" not in run.message, f"{run} met an error in Packr"
            if run.pk not in self.passes_checked:
                self._check_end(run, State(run.state))
            self.source.forgotten.discard(Entity(run.entity))
            self.check()

    def _check_passes(self) -> None:
        """Check that the data is complete and the watermark moved at the end of a pass, before post-processing."""
        ended_passes = SyncRun.objects.filter(connection=self.connection, checkpoint__phase=Phase.POST_PROCESS)
        ended_passes = ended_passes.filter(state__in=ACTIVE).exclude(pk__in=self.passes_checked)
        for run in ended_passes.select_related("checkpoint"):
            self.passes_checked.add(run.pk)
            self._check_end(run, State(run.checkpoint.cursor["state"]))

    def _check_end(self, run: SyncRun, state: State) -> None:
        if state == State.SUCCEEDED or (state == State.PARTIAL and run.rejected):
            self._check_complete(run)

    def _check_complete(self, run: SyncRun) -> None:
        entity = Entity(run.entity)
        read_pass = self.source.passes[entity]
        self._check_watermark(entity)
        if not read_pass.disturbed:
            if entity not in self.source.forgotten:
                assert run.pages == len(read_pass.pages), "a page was counted twice, or not at all"
                read, inside = sum(read_pass.pages.values()), self.source.rows[entity].values()
                # A full run looks up the records it did not see, which may include history before the history start.
                more = sum(not self._in_scope(entity, record) for record in inside) if run.mode == Mode.FULL else 0
                assert read <= run.seen <= read + more, "a record was counted twice, or not at all"
            missing = self._missing(entity, whole=run.mode == Mode.FULL, until=run.until)
            assert missing == {}, f"after {run}, {run.mode}"
            if run.mode == Mode.FULL:
                self._forget_stamps(entity)
        self._settle_debts(entity)

    def _check_watermark(self, entity: Entity) -> None:
        """Check the time up to which the mirror is complete: at most the WMS's time when the pass began."""
        watermark = self._schedules().get(entity=entity).watermark
        began = self.source.passes[entity].clock
        if self.source.has_clock:
            assert watermark == began - SECOND
        else:
            assert watermark is None or watermark <= began, "changes during the pass may never be requested"
        self.watermarks[entity] = watermark
        self.bounds[entity] = began - SECOND - OVERLAP

    def _settle_debts(self, entity: Entity) -> None:
        """Drop from `owed` what the next incremental run will not request."""
        for key in [key for key in self.owed if key[0] == entity]:
            record = self.source.rows[entity].get(key[1])
            stamp = record.updated_at if record else None
            if not record or (isinstance(stamp, datetime) and stamp < self.bounds[entity]):
                self.owed.discard(key)

    def _forget_stamps(self, entity: Entity) -> None:
        """Reset the expected stamps. After a full run, the mirror has those of the WMS."""
        for external_id, record in self.source.rows[entity].items():
            if isinstance(record.updated_at, datetime):
                self.newest[entity, external_id] = record.updated_at

    def _missing(self, entity: Entity, *, whole: bool, until: datetime | None = None) -> dict[str, Any]:
        """Return where mirror and WMS differ: anywhere, or in what an incremental run up to `until` must find."""
        rows = self._rows(entity)
        expected = {
            external_id: record
            for external_id, record in self.source.rows[entity].items()
            if external_id not in self.source.bad[entity]
            and (
                self._in_scope(entity, record) if whole else self._is_owed(entity, record) and not _after(record, until)
            )
        }
        wrong: dict[str, Any] = {
            external_id: (record, rows.get(external_id))
            for external_id, record in expected.items()
            if external_id not in rows or not same(record, rows[external_id])
        }
        if whole:
            wrong |= {
                external_id: (None, row)
                for external_id, row in rows.items()
                if not row["removed_at"] and external_id not in self.source.rows[entity] and self._is_kept(entity, row)
            }
        return wrong

    def _in_scope(self, entity: Entity, record: Record) -> bool:
        old = isinstance(record.updated_at, datetime) and record.updated_at < self.connection.border
        return not (entity.is_history and old)

    def _is_kept(self, entity: Entity, row: dict[str, Any]) -> bool:
        """Return whether a full run keeps the row if the WMS drops it, and removes it otherwise."""
        return not entity.is_history or row["created_at"] > self.connection.border

    def _is_owed(self, entity: Entity, record: Record) -> bool:
        key = entity, str(record.external_id)
        beaten = isinstance(record.updated_at, datetime) and record.updated_at < self.newest[key]
        return key in self.owed and not beaten

    def _rows(self, entity: Entity) -> dict[str, Any]:
        rows = TABLES[entity].model._default_manager.filter(connection=self.connection)
        fields = ("external_id", "record", "created_at", "updated_at", "removed_at")
        return {row["external_id"]: row for row in rows.values(*fields)}

    def _schedules(self) -> Any:
        return EntitySchedule.objects.filter(connection=self.connection, entity__in=ENTITIES)

    # --- The end of a history ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """End all disturbances, run complete full runs, and check that the mirror equals the WMS."""
        self.source.faults.clear()
        self.source.between.clear()
        self.source.looking_up.clear()
        settings.SLICE_SECONDS = 60
        for entity in ENTITIES:
            self.restore(entity)
        Connection.objects.filter(pk=self.connection.pk).update(status=Status.CONNECTED, status_message="")
        self.drain()
        for entity in ENTITIES:
            self.request(entity, Mode.FULL, by_person=False)
            self.drain()
            run = self._decided(entity)
            assert run.state == State.SUCCEEDED, f"{run} ended {run.state}: {run.message}"
            assert self._missing(entity, whole=True) == {}
        assert fingerprint(self.other) == self.untouched
        assert not Checkpoint.objects.exists()
        assert not Lane.objects.exclude(leased_until=None).exists()

    def _decided(self, entity: Entity) -> SyncRun:
        """Return the final run after the reviews or further runs that an uncertain one needs."""
        run = self._last(entity)
        for _ in range(2):
            if run.state == State.NEEDS_REVIEW:
                removal_reviews.release(run, person=self.person)
            elif run.state == State.PARTIAL:
                self.pass_time(15 * 60)
                self.request(entity, Mode.FULL, by_person=False)
            self.drain()
            run = self._last(entity)
        return run

    def _last(self, entity: Entity) -> SyncRun:
        return SyncRun.objects.filter(connection=self.connection, entity=entity).latest("pk")


def is_older(record: Record, than: Record | None) -> bool:
    """Return whether both records have a stamp and the first one's is earlier."""
    mine, other = record.updated_at, than.updated_at if than else None
    return isinstance(mine, datetime) and isinstance(other, datetime) and mine < other


def _after(record: Record, until: datetime | None) -> bool:
    return until is not None and isinstance(record.updated_at, datetime) and record.updated_at > until


def plain(record: Record) -> dict[str, Any]:
    """Return a record as the mirror stores it."""
    return json.loads(digests.encode_body(record))


def same(record: Record, row: dict[str, Any]) -> bool:
    """Return whether the row is present and equals the record. A stamp that was not sent is not compared."""
    stamps = record.updated_at == row["updated_at"] or not isinstance(record.updated_at, datetime | None)
    return row["removed_at"] is None and stamps and row["record"] == plain(record)


def fingerprint(connection: Connection) -> list[Any]:
    """Return everything the mirror has of a connection, and its watermarks."""
    fields = ("id", "digest", "updated_at", "removed_at", "change_no")
    rows = [
        (entity, *row)
        for entity in (*ENTITIES, Entity.ORDER_SHIPMENTS)
        for row in TABLES[entity]
        .model._default_manager.filter(connection=connection)
        .order_by("pk")
        .values_list(*fields)
    ]
    lines = OrderLine.objects.filter(connection=connection).order_by("pk").values_list("pk", "sku", "quantity")
    marks = EntitySchedule.objects.filter(connection=connection).order_by("pk").values_list("pk", "watermark")
    return [*rows, *lines, *marks]


def wipe(connection: Connection) -> None:
    """Delete everything of a connection except itself. Much faster than a flush."""
    OrderLine.objects.filter(connection=connection).delete()
    InventoryLevel.objects.filter(connection=connection).delete()
    for entity in (*ENTITIES, Entity.ORDER_SHIPMENTS):
        TABLES[entity].model._default_manager.filter(connection=connection).delete()
    SyncRun.objects.filter(connection=connection).delete()
    RejectedRecord.objects.filter(connection=connection).delete()
    Lane.objects.all().delete()
    schedules = EntitySchedule.objects.filter(connection=connection)
    schedules.update(watermark=None, as_of=None, brake_rows=REMOVAL_LIMIT_ROWS)
    Connection.objects.filter(pk=connection.pk).update(status=Status.CONNECTED, status_message="", learned={})
