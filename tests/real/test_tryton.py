"""Packr with a real Tryton server, from the first sync to the last change, on each database.

Tryton is seeded once and copied, so both databases mirror the same warehouse. Only the deletion needs a manual full
sync.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.kit.processes import Packr, until
from tests.tryton.peer import Different, Peer

pytestmark = pytest.mark.real

CADENCE = 5  # seconds
BATCH = 8  # changes between two comparisons
COMMAND = """
from pathlib import Path
from django.core.management import call_command
for entity in {entities}:
    with (Path({folder!r}) / (entity + ".jsonl")).open("w") as out:
        call_command("export", {connection!r}, entity, stdout=out)
"""


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """Return a stopped Tryton with 200 products and 120 orders."""
    peer = Peer(tmp_path_factory.mktemp("tryton"))
    peer.make()
    return peer


@pytest.fixture
def tryton(seeded: Peer, tmp_path: Path) -> Iterator[Peer]:
    peer = seeded.copy(tmp_path / "tryton")
    peer.start()
    yield peer
    peer.stop()


class Mirror:
    """Packr's mirror of a Tryton."""

    def __init__(self, packr: Packr, tryton: Peer) -> None:
        self.packr, self.tryton = packr, tryton
        credentials = {name: tryton.facts[name] for name in ("database", "login", "password")}
        self.connection = packr.connect("tryton", tryton.facts["base_url"], credentials)
        offered = json.loads(packr.manage("capabilities", "--json"))["tryton"]
        self.entities = [entity for entity, can in offered.items() if can["read"]]
        own = packr.rows("SELECT entity FROM syncs_entityschedule WHERE next_due_at IS NOT NULL")
        self.scheduled = {entity for (entity,) in own}

    def succeeded(self, trigger: str, since: datetime | None = None) -> set[str]:
        """Return the entities with a succeeded run of this trigger that started after `since`."""
        later = f"AND started_at > '{since:%Y-%m-%d %H:%M:%S.%f+00:00}'" if since else ""
        rows = self.packr.rows(
            f"SELECT entity FROM syncs_syncrun WHERE \"trigger\" = '{trigger}' AND state = 'succeeded' {later}"
        )
        return {entity for (entity,) in rows}

    def first_runs(self) -> float:
        """Wait until every entity's first run has succeeded. Return the seconds."""
        began = time.monotonic()
        until(lambda: self.succeeded("first") == self.scheduled, "every entity's first run succeeded", 120)
        assert self.packr.rows("SELECT id FROM syncs_syncrun WHERE \"trigger\" NOT IN ('first', 'schedule')") == []
        return time.monotonic() - began

    def wait_for_schedules(self) -> None:
        """Wait until a scheduled run of every entity has succeeded."""
        since = datetime.now(UTC)
        until(lambda: self.succeeded("schedule", since) >= self.scheduled, "every entity was read on schedule", 60)

    def export(self) -> Path:
        """Return a folder with the export of every entity."""
        folder = self.packr.folder / "exports"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        asked = COMMAND.format(entities=self.entities, folder=str(folder), connection=self.connection)
        self.packr.shell(asked)
        return folder

    def compare(self, after: str, *, self_test: bool = False) -> str:
        """Return the comparer's table. Raises AssertionError with the differences and the changes made before."""
        try:
            return self.tryton.compare(self.export(), self_test=self_test)
        except Different as different:
            raise AssertionError(f"after “{after}”:\n{different}") from None


def test_mirror_equals_tryton_after_every_change(packr: Packr, tryton: Peer, tell: Callable[[str], None]) -> None:
    """After the first sync and after every type of change. Only a full sync finds the deletion."""
    packr.env["PACKR_LEASE_SECONDS"] = "60"
    mirror = Mirror(packr, tryton)
    packr.hasten(CADENCE)
    packr.start("qcluster")
    tell(f"every entity's first run had succeeded after {mirror.first_runs():.0f} s")
    tell(mirror.compare("the first sync", self_test=True))

    *changes, deletion = tryton.changes()
    assert len(changes) + 1 >= 20
    began = time.monotonic()
    for place in range(0, len(changes), BATCH):
        batch = changes[place : place + BATCH]
        tryton.change(*batch)
        mirror.wait_for_schedules()
        mirror.compare(", ".join(batch))
    tell(f"{len(changes)} changes came by themselves in {time.monotonic() - began:.0f} s: {', '.join(changes)}")

    tryton.change(deletion)
    mirror.wait_for_schedules()
    with pytest.raises(AssertionError, match="orders"):
        mirror.compare(deletion)
    assert mirror.succeeded("manual") == set()
    packr.manage("sync", mirror.connection, "orders", "--mode", "full", "--wait")
    # The requested run or, if orders were being synced at that moment, the one that followed.
    full = "entity = 'orders' AND mode = 'full' AND \"trigger\" <> 'first'"
    assert packr.rows(f"SELECT removed FROM syncs_syncrun WHERE {full}") == [(1,)]
    tell(f"“{deletion}” came with a full read; then:\n{mirror.compare(deletion)}")
