"""The engine: one slice of one run at a time.

A page is one transaction: rows, checkpoint, counters and lease, fenced by the lease's token. Whatever is killed,
whenever, at most the page in hand is fetched again. A run goes through its phases: read the pages, then (when it is
full) look once more at what came back older and at what was absent, then end.
"""

import logging
import time
from array import array
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils.timezone import now

from integrations.connector import Ask, Page, Rejected, Resource
from integrations.entities import Entity
from integrations.errors import ConnectorError, CursorExpired, Kind
from integrations.http import Client
from integrations.models import Connection, Status
from integrations.records import Record
from integrations.services import set_status
from packr.warehouse import writer

from . import absence, clients, failures, stopping
from .models import Checkpoint, EntitySchedule, Mode, RejectedRecord, SeenPage, State, SyncRun
from .schedule import WIDE, next_wide
from .services import MOST_CLAIMS, Claim, LeaseLost, fence, finish, release

log = logging.getLogger(__name__)

READ, DOUBTS, ABSENT = "read", "doubts", "absent"
MOST_RESTARTS = 3
MOST_PAGES = 100_000
# So many pages in a row without an id that the pages before them did not have: the list goes round for ever.
IDLE_PAGES = 5
# A stamp further ahead of the WMS's own clock is stored, but nothing follows from it.
BELIEVABLE = timedelta(hours=1)
# Fetching ahead pays only where fetching is what takes the time. It has a price: killed in the middle of a write, the
# page fetched ahead is lost with the page in hand. So a busy machine must not pass for a slow WMS.
SLOW_FETCH = 1.0


class Gone(Exception):
    """The run has ended by another hand: nothing more is to be done for it."""


class Cancelled(Exception):
    """A person asked for the run to be cancelled."""


def work(claimed: Claim) -> None:
    """Do one slice of a claimed run and give the lane back. Ends in a state of the table, whatever happens."""
    try:
        _Slice(claimed).work()
    except LeaseLost:
        log.info("Run %s: the lease is another worker's by now; nothing was written.", claimed.run.pk)
        return
    except (Gone, Connection.DoesNotExist):
        log.info("Run %s has ended by another hand.", claimed.run.pk)
    except ConnectorError as error:
        failures.handle(claimed, error)
    except (OperationalError, InterfaceError):
        # A deadlock, a restarted database: the page in hand was rolled back, and the next claim reads it again.
        log.exception("Run %s: the database failed; the run goes on from its last page.", claimed.run.pk)
    except Exception:  # the edge of a run: a fault of ours must not leave it running for ever
        log.exception("Run %s ended by a fault of Packr's own.", claimed.run.pk)
        failures.ours(claimed)
    release(claimed)


@dataclass
class _Fetched:
    page: Page
    seconds: float


class _Slice:
    def __init__(self, claimed: Claim) -> None:
        self.claimed = claimed
        self.run: SyncRun = claimed.run
        self.connection: Connection = self.run.connection
        self.entity = Entity(self.run.entity)
        self.resource: Resource = self.connection.connector.resources[self.entity]
        self.ends = time.monotonic() + settings.SLICE_SECONDS
        self.pool: ThreadPoolExecutor | None = None

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.ends or stopping.asked()

    def work(self) -> None:
        if self.run.claims > MOST_CLAIMS:
            return failures.too_often(self.claimed)
        if self.run.cancel_asked:
            return self._cancelled()
        self.checkpoint = self._begin()
        client = clients.take(self.connection)
        try:
            self._phases(client)
        except Cancelled:
            self._cancelled()
        except CursorExpired as error:
            self._start_window_again(error)
        except ConnectorError:
            client.close()
            raise
        finally:
            if self.pool:
                self.pool.shutdown(wait=True)
        clients.give_back(self.connection, client)
        return None

    def _phases(self, client: Client) -> None:
        phases = {READ: self._read, DOUBTS: self._doubts, ABSENT: self._absent}
        while not stopping.asked():
            phases[self.checkpoint.phase](client)
            if not self.run.is_active:
                return None
            if self.is_over:  # asked only now: however short a slice is, it gets somewhere
                break
        return self._next_turn()

    def _begin(self) -> Checkpoint:
        """The run's checkpoint; for a run that begins, what it will ask is fixed first."""
        found = Checkpoint.objects.filter(run=self.run).first()
        if found:
            return found
        run = self.run
        if not SyncRun.objects.filter(pk=run.pk, state=State.RUNNING).exists():
            raise Gone
        if self.entity.is_history and run.mode == Mode.FULL:
            run.border = self.connection.border
        if run.mode == Mode.INCREMENTAL and self.resource.incremental:
            run.since = self._since()
        with transaction.atomic():
            fence(self.claimed)
            run.save(update_fields=["since", "border"])
            return Checkpoint.objects.create(run=run, phase=READ)

    def _since(self) -> datetime | None:
        """From when on an incremental asks: the watermark less the overlap, once a night less a wide one."""
        schedules = EntitySchedule.objects.filter(connection=self.connection, entity=self.entity)
        watermark, wide_at = schedules.values_list("watermark", "next_wide_at").get()
        if watermark is None:
            return None
        is_wide = wide_at is not None and wide_at <= now()
        return watermark - (max(WIDE, self.resource.overlap) if is_wide else self.resource.overlap)

    # --- Reading -------------------------------------------------------------------------------------------------

    def _read(self, client: Client) -> None:
        """Pages until the slice or the walk ends. A page that was fetched is written, even past the slice."""
        if self.checkpoint.cursor is None:
            crawled = self.connection.connector.crawled(client)
            self.checkpoint.crawled = crawled.get(self.entity)
        fetched: _Fetched | None = self._fetch(client, self.checkpoint.cursor)
        while fetched:
            page = fetched.page
            ahead = self._fetch_ahead(client, fetched)
            self._write(page)
            client.learned |= page.learned
            if page.cursor is None:
                return
            if ahead is None and self.is_over:
                return
            fetched = ahead.result() if ahead else self._fetch(client, page.cursor)

    def _fetch(self, client: Client, cursor: Any) -> _Fetched:
        began = time.monotonic()
        page = self.resource.fetch(client, Ask(since=self.run.since, border=self.run.border), cursor)
        return _Fetched(page, time.monotonic() - began)

    def _fetch_ahead(self, client: Client, fetched: _Fetched) -> "Future[_Fetched] | None":
        if fetched.page.cursor is None or fetched.seconds < SLOW_FETCH or self.is_over:
            return None
        self.pool = self.pool or ThreadPoolExecutor(1)
        return self.pool.submit(self._fetch, client, fetched.page.cursor)

    def _write(self, page: Page) -> None:
        """One page, one transaction."""
        moment = now()
        with transaction.atomic():
            self._fence()
            records = writer.distinct(page.records)
            applied = writer.apply(self.connection.pk, self.entity, records, now=moment)
            if page.rejected or page.records:
                self._keep_rejected(page.rejected, records, moment)
            self._keep_seen(page, applied)
            self._advance(page, moment)
            self._count(
                pages=1,
                seen=len(records) + len(page.rejected),
                created=applied.created,
                updated=applied.updated,
                unchanged=applied.unchanged,
                stale=applied.stale,
                rejected=len(page.rejected),
            )
            if page.cursor is None and self.run.mode == Mode.INCREMENTAL:
                doubt = absence.suspicious_zero(self.run)
                self._complete(doubt)
        self._learn(page)

    def _fence(self) -> None:
        """Renew the lease and look whether the run is still wanted; the first statements of each transaction."""
        fence(self.claimed)
        wanted = SyncRun.objects.filter(pk=self.run.pk, state=State.RUNNING).values_list("cancel_asked", flat=True)
        cancel = wanted.first()
        if cancel is None:
            raise Gone
        if cancel:
            raise Cancelled

    def _advance(self, page: Page, moment: datetime) -> None:
        """Where the run resumes, and what is known of the WMS's time."""
        checkpoint = self.checkpoint
        if checkpoint.cursor is None:  # only the walk's first answer: a later clock would promise too much
            checkpoint.clock = page.clock
        checkpoint.cursor = page.cursor
        if page.cursor is None:  # with the last page, or a worker killed right after it would read them all again
            checkpoint.phase = DOUBTS
        ceiling = (page.clock or moment) + BELIEVABLE
        # A stamp on a later page may be of a change made while we read: what was changed with it on an earlier page was
        # not seen. So only what is as old as the run counts; of our clock no more than how much time has passed.
        passed = moment - (self.run.started_at or moment)
        stamps = [stamp - passed for record in page.records if (stamp := record.updated_at) and stamp <= ceiling]
        checkpoint.newest = max([*stamps, *filter(None, [checkpoint.newest])], default=None)
        if page.cursor is not None or self.run.mode == Mode.FULL:
            checkpoint.save()

    def _keep_seen(self, page: Page, applied: writer.Applied) -> None:
        """Remember the page's row keys, and refuse a walk in a circle."""
        if page.cursor is None and self.run.mode == Mode.INCREMENTAL:
            return
        digest = blake2b(msgspec.json.encode(page.cursor, order="sorted"), digest_size=16).hexdigest()
        pages = SeenPage.objects.filter(run=self.run)
        if page.cursor is not None and pages.filter(cursor_digest=digest).exists():
            raise ConnectorError(
                Kind.CONTRACT,
                "The WMS sent the same page marker twice, so its list would never end. What was read so far is kept, "
                "and the next sync tries again; contact the WMS's support if this lasts.",
            )
        if self.run.pages >= MOST_PAGES:
            raise ConnectorError(
                Kind.CONTRACT,
                f"The WMS's list did not end after {MOST_PAGES} pages. What was read so far is kept; contact the WMS's "
                "support.",
            )
        keys = applied.keys[:]
        keys.extend(_mark(one) for one in page.rejected)
        if page.cursor is not None and self._is_idle(keys):
            raise ConnectorError(
                Kind.CONTRACT,
                f"The WMS sent {IDLE_PAGES} pages in a row without anything new, so its list would never end. What was "
                "read so far is kept, and the next sync tries again; contact the WMS's support if this lasts.",
            )
        pages.create(
            run=self.run,
            number=self.run.pages + 1,
            keys=keys.tobytes(),
            doubtful=applied.doubtful if self.run.mode == Mode.FULL else [],
            cursor_digest=digest,
        )

    def _is_idle(self, keys: "array[int]") -> bool:
        """Whether this page and the last ones bring no row key that earlier pages did not have.

        Compared with the few pages before them and, each time the number of pages has doubled, with all: so a circle of
        any length is found, at little cost.
        """
        number = self.run.pages + 1
        packed = SeenPage.objects.filter(run=self.run).order_by("-number").values_list("keys", flat=True)
        has_doubled = number & (number - 1) == 0
        pages, new = 1, set(keys)
        for one in packed.iterator(100) if has_doubled else packed[: 2 * IDLE_PAGES - 1]:
            pages += 1
            last = array("q", bytes(one))
            new = new.union(last) if pages <= IDLE_PAGES else new.difference(last)
        return pages >= IDLE_PAGES and not new

    def _keep_rejected(self, rejected: Sequence[Rejected], records: Sequence[Any], moment: datetime) -> None:
        """Keep what could not be understood, with its reason; forget what has been understood since."""
        known = RejectedRecord.objects.filter(connection=self.connection, entity=self.entity)
        if not rejected and not known.exists():
            return
        known.filter(external_id__in=[record.external_id for record in records]).delete()
        news = {(one.external_id or "", one.reason): one.excerpt for one in rejected}
        again = [
            row
            for row in known.filter(external_id__in={external_id for external_id, _ in news})
            if (row.external_id, row.reason) in news
        ]
        for row in again:
            row.excerpt, row.run, row.last_seen_at = (
                news.pop((row.external_id, row.reason), row.excerpt),
                self.run,
                moment,
            )
        RejectedRecord.objects.bulk_update(again, ["excerpt", "run", "last_seen_at"])
        RejectedRecord.objects.bulk_create(
            RejectedRecord(
                connection=self.connection,
                entity=self.entity,
                external_id=external_id,
                reason=reason,
                excerpt=excerpt,
                run=self.run,
                last_seen_at=moment,
            )
            for (external_id, reason), excerpt in news.items()
        )

    def _count(self, **counts: int) -> None:
        """Add to the run's counters; a written page is progress, so the attempts start anew."""
        for name, count in counts.items():
            setattr(self.run, name, getattr(self.run, name) + count)
        added: dict[str, Any] = {name: F(name) + count for name, count in counts.items() if count}
        SyncRun.objects.filter(pk=self.run.pk).update(**added, beat_at=now(), claims=0, waits=0, waiting_since=None)

    def _learn(self, page: Page) -> None:
        """Note what the WMS's answer told about the account, and that it answered at all."""
        learned = {**self.connection.learned, **page.learned}
        if learned != self.connection.learned:
            self.connection.learned = learned
            Connection.objects.filter(pk=self.connection.pk).update(learned=learned)
        if self.connection.status == Status.UNREACHABLE:
            set_status(self.connection, Status.CONNECTED)

    # --- The second look of a full run -----------------------------------------------------------------------------

    def _enter(self, phase: str) -> None:
        self.checkpoint.phase, self.checkpoint.cursor = phase, None
        with transaction.atomic():
            self._fence()
            self.checkpoint.save()

    def _doubts(self, client: Client) -> None:
        """Records that came back older than ours are read once more: if they still say so, the WMS is right."""
        after = self.checkpoint.cursor or 0
        doubtful = SeenPage.objects.filter(run=self.run, number__gt=after).exclude(doubtful=[]).order_by("number")
        page = doubtful.first()
        if page is None:
            return self._enter(ABSENT)
        asked = now()
        records: list[Record] = []
        for ids in _batches(page.doubtful, self.resource.lookup_size):
            records += self._look_up(client, ids).records
        self._settle(page.number, records, asked)
        return None

    def _settle(self, cursor: int, records: Sequence[Any], asked: datetime) -> None:
        with transaction.atomic():
            self._fence()
            records = writer.distinct(records)
            applied = writer.apply(self.connection.pk, self.entity, records, now=now(), trust=True, asked=asked)
            self._count(
                stale=applied.stale - len(records),
                updated=applied.updated,
                unchanged=applied.unchanged + applied.created,
            )
            self.checkpoint.cursor = cursor
            self.checkpoint.save()

    def _absent(self, client: Client) -> None:
        """What the walk did not see is looked up by id, and removed when it is not there either."""
        if self.checkpoint.cursor is None:
            verdict = absence.verdict(self.run)
            if verdict.state:
                with transaction.atomic():
                    self._fence()
                    self._complete(verdict)
                return
            self.checkpoint.cursor = 0
        rows = absence.rows(self.run, after=self.checkpoint.cursor, limit=self.resource.lookup_size)
        if not rows:
            with transaction.atomic():
                self._fence()
                self._complete()
            return
        asked = now()
        found = self._look_up(client, [external_id for _, external_id in rows])
        present = {str(record.external_id) for record in found.records} | {
            one.external_id for one in found.rejected if one.external_id
        }
        gone = [id_ for id_, external_id in rows if external_id not in present]
        with transaction.atomic():
            self._fence()
            records = writer.distinct(found.records)
            applied = writer.apply(self.connection.pk, self.entity, records, now=now())
            removed = writer.remove(self.connection.pk, self.entity, gone, now=now(), asked=asked)
            self._count(
                seen=len(records),
                updated=applied.updated,
                created=applied.created,
                unchanged=applied.unchanged,
                stale=applied.stale,
                removed=removed,
            )
            self.checkpoint.cursor = rows[-1][0]
            self.checkpoint.save()

    def _look_up(self, client: Client, ids: Sequence[str]) -> Page:
        assert self.resource.lookup is not None
        return self.resource.lookup(client, ids)

    # --- Ends ------------------------------------------------------------------------------------------------------

    def _complete(self, doubt: absence.Verdict = absence.SURE) -> None:
        """End a walk that was read to its end: only now the watermark moves, and not for a list that is doubted."""
        checkpoint, run = self.checkpoint, self.run
        watermark = checkpoint.clock - timedelta(seconds=1) if checkpoint.clock else checkpoint.newest
        state, message = State(doubt.state or State.SUCCEEDED), doubt.message
        if doubt.held:
            SyncRun.objects.filter(pk=run.pk).update(held=doubt.held)
        if not doubt.state and run.rejected:
            state, message = State.PARTIAL, _rejected_words(run)
        elif not doubt.state and run.seen != run.created + run.updated + run.unchanged + run.stale:
            state, message = State.PARTIAL, "The counts of this run do not add up; contact support."
        if run.mode == Mode.FULL and not doubt.state:
            # Everything was read: what could not be understood earlier and did not come again is no more.
            RejectedRecord.objects.filter(
                connection=self.connection, entity=self.entity, last_seen_at__lt=run.started_at
            ).delete()
        if watermark and not doubt.state:
            as_of = min(filter(None, [watermark, checkpoint.crawled]))
            entities = [e for e, parent in self.connection.connector.read_with.items() if parent == self.entity]
            schedules = EntitySchedule.objects.filter(connection=self.connection, entity__in=[self.entity, *entities])
            schedules.update(watermark=watermark, as_of=as_of)
            if run.since is None or watermark - run.since >= WIDE:
                night = next_wide(self.connection, self.entity, now())
                schedules.exclude(next_wide_at=None).update(next_wide_at=night)
        finish(run, state, message=message)

    def _cancelled(self) -> None:
        with transaction.atomic():
            fence(self.claimed)
            failures.stopped(self.run)

    def _next_turn(self) -> None:
        """Let the others of this account go first."""
        moment = now()
        with transaction.atomic():
            fence(self.claimed)
            SyncRun.objects.filter(pk=self.run.pk, state=State.RUNNING).update(
                ready_at=moment, urgency=moment, claims=0, beat_at=moment
            )

    def _start_window_again(self, error: CursorExpired) -> None:
        """The WMS forgot where the walk stood: read its window again; what was applied stays."""
        if self.checkpoint.restarts >= MOST_RESTARTS:
            raise ConnectorError(
                Kind.CONTRACT,
                f"{error.message} Its list was started again {MOST_RESTARTS} times in vain. What was read so far is "
                "kept, and the next sync tries again; contact support if this lasts.",
                detail=error.detail,
            ) from error
        with transaction.atomic():
            self._fence()
            SeenPage.objects.filter(run=self.run).delete()
            Checkpoint.objects.filter(run=self.run).update(
                cursor=None, clock=None, newest=None, restarts=F("restarts") + 1, phase=READ
            )


def _rejected_words(run: SyncRun) -> str:
    return (
        f"{run.seen - run.rejected} of {run.seen} records were read; {run.rejected} could not be understood. Packr "
        "keeps each with its reason, leaves earlier data as it is, and reads it again by itself when the WMS sends it "
        "again."
    )


def _mark(rejected: Rejected) -> int:
    """A key for a record that has no row: negative, and the same when the record comes again."""
    text = f"{rejected.external_id}\0{rejected.excerpt}".encode(errors="replace")
    return -1 - (int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1)


def _batches(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
