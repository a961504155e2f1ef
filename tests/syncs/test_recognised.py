"""Full runs do not parse unchanged records: they are recognised by their bytes."""

import pytest

from integrations.connectors.decoding import ItemMapping
from integrations.connectors.trackstar import mapping
from integrations.entities import Entity
from integrations.records import InventoryItem as InventoryRecord
from packr.warehouse.mirror import writer
from packr.warehouse.models import InventoryItem
from syncs.models import Mode, RejectedRecord, State
from tests.kit.mapping_versions import copy_with_other_comments
from tests.kit.running import counts, mirrored, sync

INVENTORY = Entity.INVENTORY


@pytest.fixture
def stocked(connected):
    """Return a connection whose inventory was read once."""
    connection = connected(100)
    sync(connection, INVENTORY)
    return connection


@pytest.fixture
def parsed(monkeypatch):
    """Return the list of the items parsed from now on."""
    items, real = [], ItemMapping._parse_bytes

    def counted(self, raw):
        items.append(bytes(raw))
        return real(self, raw)

    monkeypatch.setattr(ItemMapping, "_parse_bytes", counted)
    return items


def again(connection):
    return sync(connection, INVENTORY, Mode.FULL)


def test_unchanged_items_are_not_parsed(stocked, parsed):
    before = mirrored(stocked, INVENTORY)
    rows = InventoryItem.objects.count()
    run = again(stocked)
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": rows, "unchanged": rows})
    assert rows > 200
    assert (parsed, mirrored(stocked, INVENTORY)) == ([], before)


def test_changed_items_are_parsed(stocked, parsed):
    """A row that differs from the WMS is parsed and corrected, whoever changed it."""
    row = InventoryItem.objects.order_by("pk")[3]
    before = mirrored(stocked, INVENTORY)
    changed = InventoryRecord(external_id=row.external_id, name="Changed", updated_at=row.updated_at)
    writer.apply(stocked.pk, INVENTORY, [changed], now=row.changed_at)
    assert mirrored(stocked, INVENTORY) != before
    run = again(stocked)
    assert (counts(run)["updated"], len(parsed)) == (1, 1)
    assert mirrored(stocked, INVENTORY) == before


def test_removed_row_is_parsed_and_restored(stocked, parsed):
    row = InventoryItem.objects.order_by("pk")[3]
    before = mirrored(stocked, INVENTORY)
    writer.remove(stocked.pk, INVENTORY, [row.pk], now=row.changed_at)
    run = again(stocked)
    assert (counts(run)["updated"], len(parsed)) == (1, 1)
    assert mirrored(stocked, INVENTORY) == before


def test_new_mapping_version_parses_everything_once(monkeypatch, stocked, parsed):
    """Another version may map the same bytes differently. Afterwards they are recognised again."""
    rows = InventoryItem.objects.count()
    monkeypatch.setattr(mapping.INVENTORY, "version", b"zz")
    assert counts(again(stocked)) == {"seen": rows, "unchanged": rows}
    assert len(parsed) == rows
    again(stocked)
    assert len(parsed) == rows


def test_item_with_volatile_source_is_not_written_each_time(monkeypatch, stocked, parsed):
    """The same record in other bytes (for example with another order of keys) is parsed but not written."""
    digests = dict(InventoryItem.objects.values_list("pk", "digest"))
    real = ItemMapping._source
    monkeypatch.setattr(ItemMapping, "_source", lambda self, item: real(self, bytes(item) + b" "))
    rows = len(digests)
    assert counts(again(stocked)) == {"seen": rows, "unchanged": rows}
    assert len(parsed) == rows
    assert dict(InventoryItem.objects.values_list("pk", "digest")) == digests


def test_unparsable_item_is_rejected(monkeypatch, stocked):
    """On a lazily parsed page as on any other."""
    rows = InventoryItem.objects.count()
    row = InventoryItem.objects.order_by("pk")[3]
    InventoryItem.objects.filter(pk=row.pk).update(digest=bytes(40))
    real = ItemMapping._parse_bytes

    def refuses(self, raw):
        if row.external_id.encode() in bytes(raw):
            raise ValueError("no sense in it")
        return real(self, raw)

    with monkeypatch.context() as patch:
        patch.setattr(ItemMapping, "_parse_bytes", refuses)
        run = again(stocked)
    assert (run.state, counts(run)) == (State.PARTIAL, {"seen": rows, "unchanged": rows - 1, "rejected": 1})
    assert RejectedRecord.objects.get().external_id == row.external_id
    assert counts(again(stocked)) == {"seen": rows, "unchanged": rows - 1, "updated": 1}
    assert not RejectedRecord.objects.exists()


def test_deploy_that_changes_only_comments_writes_no_row(monkeypatch, stocked, parsed):
    """The mapping's version is set manually; docstrings and comments do not affect a row's source."""
    digests = dict(InventoryItem.objects.values_list("pk", "digest"))
    deployed = copy_with_other_comments(mapping).INVENTORY
    for name in ("version", "parse", "raw_type", "decoder"):
        monkeypatch.setattr(mapping.INVENTORY, name, getattr(deployed, name))
    assert counts(again(stocked)) == {"seen": len(digests), "unchanged": len(digests)}
    assert parsed == []
    assert dict(InventoryItem.objects.values_list("pk", "digest")) == digests
