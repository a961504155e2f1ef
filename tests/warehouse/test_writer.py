"""Writing a page of records: only changed rows, with the same result on both databases, with and without COPY."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.db import OperationalError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from msgspec import UNSET

from integrations import records, services
from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import Account, connect
from packr.warehouse.mirror import digests, export, sql, writer
from packr.warehouse.mirror.write_plan import SYNC, WritePolicy, make_drafts
from packr.warehouse.models import (
    Customer,
    InboundShipment,
    InventoryItem,
    InventoryLevel,
    Order,
    OrderLine,
    OrderShipment,
)
from syncs.models import Mode, State, SyncRun
from tests.kit import factories as make
from tests.kit.model_wms import customer, item, order, shipment
from tests.kit.running import mirrored, present, sync
from tests.kit.written import rows_written

ORDERS, INVENTORY, CUSTOMERS, SHIPMENTS = Entity.ORDERS, Entity.INVENTORY, Entity.CUSTOMERS, Entity.ORDER_SHIPMENTS
THEN = datetime(2026, 2, 4, 18, 40, 2, tzinfo=UTC)
NOW = datetime(2026, 2, 5, tzinfo=UTC)


def apply(connection, entity, *found, policy=SYNC, now=NOW):
    """Return (created, updated, unchanged, stale) of a page written in one transaction."""
    with transaction.atomic():
        done = writer.apply(connection.pk, entity, found, now=now, policy=policy)
    return done.created, done.updated, done.unchanged, done.stale


def changes(connection):
    return Connection.objects.get(pk=connection.pk).change_no


# --- Unchanged records -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_unchanged_records_cause_no_writes(wms, connection):
    """An incremental and a full run without changes write no mirrored row."""
    moment = datetime.now(UTC)
    wms.page_size = 60
    wms.put(ORDERS, *(order(f"o{n}", moment, shipments=[shipment(f"s{n}", f"o{n}")]) for n in range(80)))
    wms.put(INVENTORY, *(item(f"i{n}", str(n), moment) for n in range(80)))
    with rows_written() as written:
        sync(connection, ORDERS)
        sync(connection, INVENTORY)
        # The counter itself counts.
        assert written() == {
            "warehouse_order": 80,
            "warehouse_orderline": 80,
            "warehouse_ordershipment": 80,
            "warehouse_inventoryitem": 80,
            "warehouse_inventorylevel": 80,
            "warehouse_skumetrics": 81,  # of the items and the one sold SKU
            "warehouse_processingmark": 2,
        }
    with rows_written() as written:
        for mode in (Mode.INCREMENTAL, Mode.FULL):
            assert sync(connection, ORDERS, mode).unchanged == 80
            assert sync(connection, INVENTORY, mode).unchanged == 80
        assert written() == {}
    with rows_written() as written:
        wms.put(ORDERS, order("o7", moment, status="shipped", shipments=[shipment("s7", "o7")]))
        assert sync(connection, ORDERS, Mode.FULL).updated == 1
        assert written() == {
            "warehouse_order": 1,
            "warehouse_orderline": 2,
            "warehouse_recordchange": 1,
            "warehouse_processingmark": 1,
        }


# --- The same rows by every path ------------------------------------------------------------------------------------

ODD_IDS = [
    "7",
    "07",
    "007",
    "a",
    "A",
    "ä",
    "a\u0308",
    "ß",
    "SS",
    "😀",
    " 7",
    "7 ",
    "x" * 500,
    "é" * 250,
    "-1",
    "1e3",
    "%",
    "'",
]


@pytest.mark.parametrize("others", [0, 60], ids=["few", "page"])
def test_ids_are_compared_by_bytes(connection, others):
    """Ids that differ in case, leading zeros or composition are different rows, ordered by their UTF-8 bytes."""
    found = [customer(one, f"name of {one}") for one in ODD_IDS] + [customer(f"zz{n:03}") for n in range(others)]
    assert apply(connection, CUSTOMERS, *found) == (len(found), 0, 0, 0)
    assert apply(connection, CUSTOMERS, *found) == (0, 0, len(found), 0)
    exported = [json.loads(line) for line in mirrored(connection, CUSTOMERS)]
    ids = [one["external_id"] for one in exported]
    assert ids == sorted((one.external_id for one in found), key=lambda text: text.encode())
    assert all(one["name"] == f"name of {one['external_id']}" for one in exported if one["external_id"] in ODD_IDS)


@pytest.mark.parametrize("others", [0, 60], ids=["few", "page"])
def test_unusual_values_are_stored_exactly(connection, others):
    """Quotes, tabs, backslashes, line ends, emoji, COPY's own marks, many digits and distant times."""
    texts = [
        "\\N",
        "\t\r\n",
        "\\.",
        "a\\tb",
        "NULL",
        "",
        "“”",
        "😀",
        "'; DROP TABLE x; --",
        "{}",
        "\x01\x7f",
        "%s %(a)s",
    ]
    fields = {
        "total_price": "123456789012345678.123456",
        "total_tax": "0.0000000000000000000000000000000000000001",
        "required_ship_date": datetime(1, 1, 1, tzinfo=UTC),
        "extra": {"deep": [1, 1.5, None, True, {"x": "y"}], "big": 2**63, "text": texts},
        "tags": texts,
    }
    found = [order(f"o{n}", THEN, order_number=text, **fields) for n, text in enumerate(texts)]
    found += [order(f"x{n:03}", THEN, **fields) for n in range(others)]
    assert apply(connection, ORDERS, *found)[0] == len(found)
    assert apply(connection, ORDERS, *found) == (0, 0, len(found), 0)
    for row in Order.objects.filter(external_id__startswith="o").prefetch_related("lines"):
        number = texts[int(row.external_id[1:])]
        out = export.export_row(writer.TABLES[ORDERS], row)
        assert (row.order_number, out["order_number"]) == (number, number)
        assert out["total_price"] == "123456789012345678.123456"
        assert out["total_tax"] == fields["total_tax"]
        assert out["extra"] == fields["extra"]
        assert out["tags"] == texts
        assert row.required_ship_date == fields["required_ship_date"]
        assert [(line.sku, line.quantity, line.unit_price) for line in row.lines.all()] == [("MUG", 1, Decimal("9.5"))]


def test_long_numbers_are_rounded_only_in_the_sort_column(connection):
    """The column has six decimal places, the record has all."""
    apply(
        connection,
        INVENTORY,
        item("A", "0.1234567", THEN),
        item("B", "-3", THEN),
        item("C", "999999999999999999", THEN),
    )
    assert dict(InventoryItem.objects.values_list("external_id", "onhand"))["B"] == -3
    assert [json.loads(line)["onhand"] for line in mirrored(connection, INVENTORY)] == [
        "0.1234567",
        "-3",
        "999999999999999999",
    ]


@pytest.mark.parametrize("number", [3, 120])
def test_statements_do_not_grow_with_rows(connection, number):
    """A page takes the same few statements for any number of rows."""
    counted = []
    for size in (number, number + 80):
        Order.objects.all().delete()
        found = [
            order(f"o{n}", THEN, shipments=[shipment(f"s{n}-{m}", f"o{n}") for m in range(3)]) for n in range(size)
        ]
        for version in (found, found):
            with CaptureQueriesContext(database) as queries:
                apply(connection, ORDERS, *version)
            counted.append(len(queries))
    assert counted[1] == counted[3] == 3  # unchanged: a savepoint, the digests, and its release
    assert counted[2] <= counted[0] + 6  # COPY creates, merges and drops a table, for orders and for shipments
    assert max(counted) < 24


def test_last_duplicate_in_a_page_wins(connection):
    assert apply(connection, CUSTOMERS, customer("c", "first"), customer("c", "last")) == (1, 0, 0, 0)
    assert Customer.objects.get().name == "last"


# --- Missing, null, empty -------------------------------------------------------------------------------------------


def test_missing_field_is_kept_and_null_clears(connection):
    """This holds for the stamp as for any field."""
    first = order("o1", THEN, order_number="1001", reference_id="R1", total_price="10")
    apply(connection, ORDERS, first)
    partial = records.Order(external_id="o1", order_number="1002", reference_id=None)
    assert apply(connection, ORDERS, partial) == (0, 1, 0, 0)
    row = Order.objects.get()
    assert (row.order_number, row.reference_id, row.total_price, row.status) == ("1002", None, 10, "open")
    assert (row.updated_at, row.created_at) == (THEN, THEN)
    assert row.lines.count() == 1
    assert apply(connection, ORDERS, partial) == (0, 0, 1, 0)
    assert json.loads(mirrored(connection)[0])["updated_at"] == "2026-02-04T18:40:02Z"


def test_order_without_shipments_field_keeps_its_shipments(connection):
    """An order sent with an empty list of shipments loses them."""
    whole = order("o1", THEN, shipments=[shipment("s1", "o1", extra={"note": "x"})])
    apply(connection, ORDERS, whole)
    before = mirrored(connection, SHIPMENTS)
    assert apply(connection, ORDERS, records.Order(external_id="o1", status="shipped")) == (0, 1, 0, 0)
    assert mirrored(connection, SHIPMENTS) == before
    assert OrderShipment.objects.count() == 1
    apply(connection, ORDERS, records.Order(external_id="o1", shipments=[]))
    assert present(connection, SHIPMENTS) == []


def test_missing_version_keeps_the_stored_one(connection):
    apply(connection, CUSTOMERS, records.Customer(external_id="c", name="a", version_at=THEN))
    apply(connection, CUSTOMERS, records.Customer(external_id="c", name="b"))
    assert Customer.objects.get().version_at == THEN


# --- Sets -----------------------------------------------------------------------------------------------------------


def test_lines_are_replaced_as_a_set(connection):
    """Fewer, other and reordered lines."""
    lines = [records.OrderLine(sku=sku, quantity="1") for sku in "ABC"]
    apply(connection, ORDERS, order("o1", THEN, line_items=lines), order("o2", THEN, line_items=lines))
    apply(connection, ORDERS, order("o1", THEN, line_items=[lines[2], lines[0]]))
    assert list(OrderLine.objects.filter(order__external_id="o1").values_list("position", "sku")) == [
        (1, "C"),
        (2, "A"),
    ]
    assert OrderLine.objects.filter(order__external_id="o2").count() == 3
    apply(connection, ORDERS, order("o1", THEN, line_items=None))
    assert OrderLine.objects.filter(order__external_id="o1").count() == 0


def test_levels_are_replaced_as_a_set(connection):
    apply(connection, INVENTORY, item("A", "7", THEN))
    two = {name: records.Counters(onhand="1") for name in ("w2", "w3")}
    apply(connection, INVENTORY, item("A", "2", THEN, inventory_by_warehouse_id=two))
    assert list(InventoryLevel.objects.values_list("warehouse_id", "onhand")) == [("w2", 1), ("w3", 1)]


def test_inbound_lines(connection):
    line = records.InboundLine(sku="A", expected_quantity="5", received_quantity="2")
    supplier = records.Supplier(supplier_id="7", supplier_name="Acme")
    apply(
        connection,
        Entity.INBOUND_SHIPMENTS,
        records.InboundShipment(external_id="i", kind="purchase", supplier_object=supplier, line_items=[line]),
    )
    row = InboundShipment.objects.get()
    assert (row.supplier_name, row.lines.get().expected_quantity, row.lines.get().received_quantity) == ("Acme", 5, 2)


def test_shipments_are_replaced_as_a_set(connection):
    """One is removed, one added, one restored."""
    s1, s2, s3 = (shipment(f"s{n}", "o1") for n in (1, 2, 3))
    other = order("o2", THEN, shipments=[shipment("t1", "o2")])
    for found, expected in (([s1, s2], "s1 s2 t1"), ([s2, s3], "s2 s3 t1"), ([s1], "s1 t1"), ([], "t1")):
        apply(connection, ORDERS, order("o1", THEN, shipments=found), other)
        assert present(connection, SHIPMENTS) == expected.split()
    assert OrderShipment.objects.count() == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda one: records.Order(external_id="o1", shipments=[shipment("s9", "o1", shipment_id="s1")]),
        lambda one: records.Order(external_id="o1", shipments=[shipment("s1", "o1", extra={"door": "4"})]),
        lambda one: records.Order(external_id="o1", shipments=[shipment("s1", "o1", updated_at=NOW)]),
    ],
    ids=["another id", "another extra", "another stamp"],
)
def test_change_inside_a_shipment_is_written(connection, change):
    """The order's digest covers its shipments, so a change in one is found although the order itself is the same."""
    one = order("o1", THEN, shipments=[shipment("s1", "o1")])
    apply(connection, ORDERS, one)
    before = mirrored(connection, SHIPMENTS)
    apply(connection, ORDERS, change(one))
    assert mirrored(connection, SHIPMENTS) != before


# --- Versions -------------------------------------------------------------------------------------------------------


def test_older_version_is_dropped_as_stale(connection):
    """None of its values or lines are written."""
    apply(connection, ORDERS, order("o1", THEN, status="shipped"))
    number = changes(connection)
    assert apply(connection, ORDERS, order("o1", THEN - timedelta(seconds=1), line_items=[])) == (0, 0, 0, 1)
    assert (Order.objects.get().status, OrderLine.objects.count(), changes(connection)) == ("shipped", 1, number)


def test_equal_stamp_applies_the_later_read(connection):
    apply(connection, ORDERS, order("o1", THEN, status="open"))
    assert apply(connection, ORDERS, order("o1", THEN, status="packed")) == (0, 1, 0, 0)


def test_version_stamp_decides_before_update_stamp(connection):
    """trackstar_updated_date before updated_date."""
    apply(connection, CUSTOMERS, records.Customer(external_id="c", name="a", updated_at=THEN, version_at=THEN))
    earlier, later = THEN - timedelta(hours=1), THEN + timedelta(hours=1)
    newer = records.Customer(external_id="c", name="b", updated_at=earlier, version_at=later)
    older = records.Customer(external_id="c", name="x", updated_at=later, version_at=earlier)
    assert apply(connection, CUSTOMERS, newer) == (0, 1, 0, 0)
    assert apply(connection, CUSTOMERS, older) == (0, 0, 0, 1)


def test_record_without_stamp_is_applied(connection):
    apply(connection, ORDERS, order("o1", THEN))
    assert apply(connection, ORDERS, order("o1", None, created_at=THEN, status="packed")) == (0, 1, 0, 0)


def test_new_stamp_alone_is_stored_and_counts_as_unchanged(connection):
    """Versions older than that stamp are stale afterwards. No change number is used."""
    apply(connection, ORDERS, order("o1", THEN, created_at=THEN))
    number, changed = changes(connection), Order.objects.get().changed_at
    later = THEN + timedelta(hours=1)
    again = order("o1", later, created_at=THEN)
    assert apply(connection, ORDERS, again, now=NOW + timedelta(days=1)) == (0, 0, 1, 0)
    row = Order.objects.get()
    assert (row.updated_at, row.changed_at, changes(connection)) == (later, changed, number)


def test_lookup_policy_applies_an_older_version(connection):
    """A restored WMS returns older versions, which a live lookup applies."""
    apply(connection, ORDERS, order("o1", THEN, status="shipped"))
    assert apply(connection, ORDERS, order("o1", THEN - timedelta(days=1)), policy=WritePolicy.lookup()) == (0, 1, 0, 0)


def test_removed_row_is_restored_when_seen_again(connection):
    """The row is restored even if its record is the same."""
    apply(connection, ORDERS, order("o1", THEN, shipments=[shipment("s1", "o1")]))
    with transaction.atomic():
        assert writer.remove(connection.pk, ORDERS, [Order.objects.get().pk], now=NOW) == 1
    assert (present(connection), present(connection, SHIPMENTS)) == ([], [])
    assert apply(connection, ORDERS, order("o1", THEN, shipments=[shipment("s1", "o1")])) == (0, 1, 0, 0)
    assert (present(connection), present(connection, SHIPMENTS)) == (["o1"], ["s1"])


def test_newer_version_committed_after_reading_wins(connection, monkeypatch):
    """It wins with its lines."""
    apply(connection, ORDERS, order("o1", THEN))
    real, newer = sql.next_change_no, THEN + timedelta(hours=2)
    lines = [records.OrderLine(sku="NEW", quantity="9")]

    def write_newer(connection_id):
        monkeypatch.setattr(sql, "next_change_no", real)
        apply(connection, ORDERS, order("o1", newer, status="shipped", line_items=lines))
        return real(connection_id)

    monkeypatch.setattr(sql, "next_change_no", write_newer)
    assert apply(connection, ORDERS, order("o1", THEN + timedelta(hours=1), status="packed")) == (0, 0, 0, 1)
    assert (Order.objects.get().status, OrderLine.objects.get().sku) == ("shipped", "NEW")


@pytest.mark.parametrize("threshold", [50, 1])
def test_row_changed_since_comparison_rolls_the_page_back(connection, monkeypatch, threshold):
    """The statement itself compares the digest, and the page is read again instead of being written in part."""
    monkeypatch.setattr(sql, "COPY_THRESHOLD", threshold)
    apply(connection, ORDERS, order("o1", THEN), order("o2", THEN))
    real = sql.update

    def change_first(table, rows, digests):
        Order.objects.filter(external_id="o2").update(digest=b"another process")
        real(table, rows, digests)

    monkeypatch.setattr(sql, "update", change_first)
    later = THEN + timedelta(hours=1)
    with pytest.raises(OperationalError):
        apply(connection, ORDERS, *(order(one, later, status="shipped") for one in ("o1", "o2", "o3")))
    assert sorted(Order.objects.values_list("external_id", "status")) == [("o1", "open"), ("o2", "open")]


def test_stamp_of_a_changed_row_rolls_the_page_back(connection, monkeypatch):
    apply(connection, ORDERS, order("o1", THEN, created_at=THEN))
    real = sql.restamp

    def change_first(model, rows):
        Order.objects.update(digest=b"another process")
        real(model, rows)

    monkeypatch.setattr(sql, "restamp", change_first)
    with pytest.raises(OperationalError):
        apply(connection, ORDERS, order("o1", THEN + timedelta(hours=1), created_at=THEN))
    assert Order.objects.get().updated_at == THEN


def test_connections_do_not_share_rows(connection, home):
    """The same id in two connections is two records."""
    other = connect(home, Account("model", "Other", {"key": "k2"}), first_sync=False)
    apply(connection, CUSTOMERS, customer("c", "mine"))
    assert apply(other, CUSTOMERS, customer("c", "theirs")) == (1, 0, 0, 0)
    assert [json.loads(line)["name"] for line in mirrored(connection, CUSTOMERS)] == ["mine"]


@pytest.mark.parametrize("count", [3, 80])
def test_plan_reads_everything_before_writing(connection, count):
    """A plan holds everything that writing needs, so the prefetcher may use the time after it."""
    found = [item(f"i{n}", "1", THEN) for n in range(count)]

    def write():
        with CaptureQueriesContext(database) as queries, transaction.atomic():
            plan = writer.plan(connection.pk, INVENTORY, make_drafts(found), now=NOW)
            planned = len(queries)
            writer.write(plan)
        statements = [one["sql"] for one in queries]
        return [is_write(one) for one in statements[:planned]], [is_write(one) for one in statements[planned:]]

    def is_write(statement):
        return "INSERT INTO warehouse_inventory" in statement or "COPY warehouse_inventory" in statement

    planning, writing = write()
    assert planning
    assert not any(planning)
    assert any(writing)
    planning, writing = write()  # the same records again
    assert planning
    assert not any(writing)


def test_record_is_stored_as_encoded(connection):
    """The database does not parse and format it again (docs/decisions/0007)."""
    record = item("i", "1", THEN)
    apply(connection, INVENTORY, record)
    with database.cursor() as cursor:
        cursor.execute("SELECT CAST(record AS text) FROM warehouse_inventoryitem")
        ((stored,),) = cursor.fetchall()
    assert stored == digests.encode_body(record).decode()
    assert InventoryItem.objects.get().record == json.loads(stored)
    assert InventoryItem.objects.get(record__isnull=False).record["sku"] == record.sku
    assert InventoryItem.objects.values_list("record__sku", flat=True).get() == record.sku


def test_deleted_connection_accepts_no_rows(connection):
    pk = connection.pk
    connection.delete()
    with pytest.raises(Connection.DoesNotExist), transaction.atomic():
        writer.apply(pk, CUSTOMERS, [customer("c")], now=NOW)


@pytest.mark.django_db(transaction=True)
def test_connection_deleted_during_a_write_leaves_no_row(connection):
    """The rows have no foreign key that would delay the deletion (docs/decisions/0006)."""

    def delete():
        try:
            services._delete(connection.pk)  # the last step of `disconnect`; a page may have begun after the first
        finally:
            database.close()

    deleting = Thread(target=delete)
    with transaction.atomic():
        writer.apply(connection.pk, INVENTORY, [item(f"i{n}", "1", THEN) for n in range(80)], now=NOW)
        deleting.start()
        deleting.join(0.5)  # long enough to reach the point where it waits
    deleting.join()
    assert not Connection.objects.exists()
    assert not InventoryItem.objects.exists()
    assert not InventoryLevel.objects.exists()


@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite's transactions wait for each other from the start")
@pytest.mark.django_db(transaction=True)
def test_deletion_that_deadlocks_with_a_worker_is_retried(connection):
    """A worker holds a run and waits for the connection; the deletion holds the connection and waits for the run."""
    run = make.run(connection, state=State.RUNNING)
    refused = []

    def delete():
        try:
            services._delete(connection.pk)
        except OperationalError as error:
            refused.append(error)
        finally:
            database.close()

    deleting = Thread(target=delete)
    with transaction.atomic():
        with database.cursor() as cursor:
            # With a long timeout here, the other session detects the deadlock and is cancelled.
            cursor.execute("SET LOCAL deadlock_timeout = '1min'")
        SyncRun.objects.select_for_update().get(pk=run.pk)
        deleting.start()
        deleting.join(0.3)  # long enough for it to take the connection
        writer.apply(connection.pk, CUSTOMERS, [customer("c")], now=NOW)
    deleting.join()
    assert refused == []
    assert not Connection.objects.exists()
    assert not Customer.objects.exists()


def test_unset_is_falsy():
    """The stamps and columns rely on it."""
    assert not UNSET
