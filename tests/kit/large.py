"""A large mirror that PostgreSQL generates in seconds: one workspace with most rows, and many small ones.

Values repeat, are missing and are stored in random order, as in production. The same arguments give the same data.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection as database
from django.utils.timezone import now

from integrations.models import Connection
from packr.workspaces.models import Brand, Workspace
from syncs.models import Lane, Mode, State, SyncRun, Trigger

from . import factories as make

SMALL_WORKSPACES = 20
LINES = 5
RUNS = 2_000  # runs in the history of a connection
CUSTOMERS = 12  # of each connection; the first has a third of its rows, each further one fewer
BASE = "connection_id, external_id, created_at, updated_at, digest, record, change_no, changed_at, removed_at"
RECORD = """jsonb_build_object('type', 'd2c', 'tags', jsonb_build_array('a', 'b'), 'raw_status', 'Shipped',
    'ship_to_address', jsonb_build_object('full_name', 'Somebody ' || n, 'address1', n || ' Way'))"""
# The columns of BASE of row n. One in a hundred is removed, and one in a hundred has no created_at.
ROW = f"""n::text, CASE WHEN n % 101 <> 7 THEN now() - make_interval(secs => (n * 7919) % 31536000) END,
    now() - make_interval(secs => (n * 104729) % 8640000), decode(md5(n::text), 'hex'), {RECORD}, n, now(),
    CASE WHEN n % 103 = 13 THEN now() END"""
CUSTOMER = f"'c-' || floor({CUSTOMERS} * power(((n * 48271) % 10007) / 10007.0, 3))"
SKU = "'SKU-' || lpad(floor(5000 * power(((o.id * 7 + n) * 69621 % 100003) / 100003.0, 2))::text, 5, '0')"
TABLES = {
    "order": (
        "order_number, reference_id, status, warehouse_customer_id, warehouse_id, channel_name, ship_to_name, "
        "total_price, invoice_currency_code, required_ship_date, held",
        f"""'#NB-' || n, (n * 31)::text,
        (ARRAY['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'open', 'picked', 'cancelled'])[1 + n % 7],
        {CUSTOMER}, 'wh-' || n % 4, (ARRAY['Shopify', 'Amazon', 'Wholesale'])[1 + n % 3],
        (ARRAY['Ada', 'Noor', 'Kim', 'Lee', 'Sam', 'Dana', 'Élodie'])[1 + n % 7] || ' ' || md5(n::text),
        CASE WHEN n % 50 = 3 THEN NULL ELSE ((n * 127) % 50000) / 100.0 END, 'USD',
        CASE WHEN n % 2 = 0 THEN timestamptz '2026-01-01' + make_interval(days => (n % 400)::int) END, n % 50 = 0""",
    ),
    "inventoryitem": (
        "warehouse_customer_id, sku, name, active, onhand, fulfillable, committed, awaiting",
        f"""{CUSTOMER}, 'SKU-' || lpad(n::text, 7, '0'), 'Thing ' || md5(n::text), n % 20 > 0,
        (n * 17) % 1000, CASE WHEN n % 30 > 0 THEN (n * 17) % 900 END, n % 50, n % 7""",
    ),
    "product": (
        "warehouse_customer_id, sku, name, gtin, active, is_kit, unit_price",
        f"""{CUSTOMER}, 'SKU-' || lpad(n::text, 7, '0'), 'Thing ' || md5(n::text), lpad(n::text, 13, '0'), n % 20 > 0,
        n % 10 = 0, (n % 9000) / 100.0""",
    ),
    "inboundshipment": (
        "kind, purchase_order_number, status, warehouse_customer_id, warehouse_id, supplier_name, "
        "expected_arrival_date",
        f"""(ARRAY['purchase', 'transfer', 'other'])[1 + n % 3], 'PO-' || n, (ARRAY['open', 'received'])[1 + n % 2],
        {CUSTOMER}, 'wh-' || n % 4, 'Supplier ' || n % 300,
        CASE WHEN n % 4 > 0 THEN timestamptz '2026-01-01' + make_interval(days => (n % 400)::int) END""",
    ),
}


@dataclass(frozen=True)
class Large:
    """The generated data: a workspace with six tenths of the rows in two connections, and its brand of one customer."""

    workspace: Workspace
    connections: list[Connection]
    brand: Brand


def fill(*, orders: int, inventory: int, products: int = 0, inbound: int = 0) -> Large:
    """Fill an empty PostgreSQL database."""
    workspace = make.workspace("large")
    large = [make.connection(workspace, name) for name in ("East", "West")]
    others = [make.connection(make.workspace(f"small-{n}"), "Main") for n in range(SMALL_WORKSPACES)]
    brand = make.brand(workspace, "Acme", *((one, "c-1") for one in large))
    for connection in (*large, *others):
        for number in range(4):
            make.warehouse(connection, f"wh-{number}", f"Warehouse {number}")
    for connection in large:
        _history(connection)
    for name, count in (
        ("order", orders),
        ("inventoryitem", inventory),
        ("product", products),
        ("inboundshipment", inbound),
    ):
        _rows(name, count, large, others)
    _lines()
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Large(workspace, large, brand)


def _history(connection: Connection) -> None:
    """Create runs of every entity; the last one succeeded a minute ago."""
    for entity in connection.connector.entities():
        make.synced(connection, entity)
    moment, lane = now(), Lane.objects.get(account_key=connection.account_key)
    SyncRun.objects.bulk_create(
        SyncRun(
            connection=connection,
            lane=lane,
            entity="orders" if n % 2 else "inventory",
            due_at=moment,
            ready_at=moment,
            urgency=moment,
            started_at=moment - timedelta(minutes=RUNS - n),
            completed_at=moment - timedelta(minutes=RUNS - n),
            mode=Mode.INCREMENTAL,
            trigger=Trigger.SCHEDULE,
            state=State.SUCCEEDED,
        )
        for n in range(RUNS)
    )


def _rows(name: str, count: int, large: list[Connection], others: list[Connection]) -> None:
    """Create rows: four tenths in the first connection, two in the second, the rest spread over the others."""
    columns, values = TABLES[name]
    keys = ", ".join(str(one.pk) for one in others)
    connection = (
        f"CASE WHEN n % 10 < 4 THEN {large[0].pk} WHEN n % 10 < 6 THEN {large[1].pk} "
        f"ELSE (ARRAY[{keys}])[1 + (n / 10) % {len(others)}] END"
    )
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO warehouse_{name} ({BASE}, {columns}) SELECT {connection}, {ROW}, {values} "
            f"FROM generate_series(1, {count}::bigint) AS n"
        )


def _lines() -> None:
    """Create lines of orders and inbound shipments, and inventory levels. All connections use the same few SKUs."""
    statements = (
        "INSERT INTO warehouse_orderline (connection_id, order_id, position, sku, product_id, quantity, unit_price) "
        f"SELECT o.connection_id, o.id, n, {SKU}, n::text, n, 2.5 "
        f"FROM warehouse_order AS o, generate_series(1, {LINES}) AS n",
        "INSERT INTO warehouse_inboundline (connection_id, inbound_shipment_id, position, sku, expected_quantity, "
        f"received_quantity) SELECT o.connection_id, o.id, n, {SKU}, 10, n "
        f"FROM warehouse_inboundshipment AS o, generate_series(1, {LINES}) AS n",
        "INSERT INTO warehouse_inventorylevel (connection_id, item_id, warehouse_id, onhand, fulfillable) "
        "SELECT o.connection_id, o.id, 'wh-' || n, n, n FROM warehouse_inventoryitem AS o, generate_series(1, 2) AS n",
        "INSERT INTO warehouse_ordershipment (connection_id, external_id, order_id, shipment_id, status, digest, "
        "record, change_no, changed_at) SELECT connection_id, 's' || external_id, external_id, external_id, 'shipped', "
        "digest, '{}', 1, changed_at FROM warehouse_order WHERE id % 4 = 0",
    )
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
