"""The metrics of SKUs, worked out from the mirror: the same few statements for one SKU as for a portion of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, DecimalField, F, Min, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Coalesce

from integrations.models import Connection

from .. import sql
from ..models import InboundLine, InventoryItem, KitPart, OrderLine, Product, SkuMetrics
from .among import among

WINDOWS = (7, 30, 90)  # days
PACE = 30  # the days by which it is judged how long the stock lasts
ZERO = Decimal(0)
NO_CUSTOMER = Value("", output_field=TextField())
DIGITS = Decimal("0.000001")
COUNTERS = ("onhand", "fulfillable", "committed", "awaiting")
NOT_TO_COME = ("received", "cancelled")
COLUMNS = (
    "connection_id",
    "sku",
    "customer",
    *COUNTERS,
    *(f"sold_{days}" for days in WINDOWS),
    "cover",
    "next_arrival",
    "outstanding",
    "day",
    "worked_out_at",
)
KEY = COLUMNS[:3]

# A customer account's id, empty for none, and a SKU.
Sku = tuple[str, str]


@dataclass
class _Figures:
    """What is known of one SKU of one customer."""

    counters: Sequence[Decimal | None] = (None, None, None, None)
    sold: list[Decimal] = field(default_factory=lambda: [ZERO] * len(WINDOWS))
    next_arrival: datetime | None = None
    outstanding: Decimal = ZERO

    @property
    def cover(self) -> Decimal | None:
        sold, available = self.sold[WINDOWS.index(PACE)], self.counters[COUNTERS.index("fulfillable")]
        if available is None or sold <= 0:
            return None
        return (max(available, ZERO) * PACE / sold).quantize(DIGITS)

    def values(self) -> tuple[Any, ...]:
        """The values of COLUMNS between the key and the day."""
        return (*self.counters, *self.sold, self.cover, self.next_arrival, self.outstanding)


def today(zone: ZoneInfo, now: datetime) -> date:
    """The workspace's day."""
    return now.astimezone(zone).date()


def work_out(connection: Connection, skus: Iterable[str], *, day: date, now: datetime) -> int:
    """Work the metrics of these SKUs out anew, of all customers of the connection. Returns how many SKUs they are.

    Only what differs is written; a SKU that nothing is known of any more has no row.
    """
    wanted = sorted({sku for sku in skus if sku})
    if not wanted:
        return 0
    found = _figures(connection, wanted, day)
    stored = {(row.customer, row.sku): row for row in SkuMetrics.objects.filter(connection=connection, sku__in=wanted)}
    new, changed = [], []
    for (customer, sku), figures in found.items():
        row = (connection.pk, sku, customer, *figures.values(), day, now)
        known = stored.get((customer, sku))
        if known is None:
            new.append(row)
        elif not _is_same(known, figures, day):
            changed.append(row)
    sql.insert_rows(SkuMetrics._meta.db_table, COLUMNS, len(new), new)
    _update(changed)
    gone = [row.pk for key, row in stored.items() if key not in found]
    if gone:
        SkuMetrics.objects.filter(pk__in=gone).delete()
    return len(wanted)


def _is_same(row: SkuMetrics, figures: _Figures, day: date) -> bool:
    return row.day == day and figures.values() == tuple(getattr(row, name) for name in COLUMNS[len(KEY) : -2])


def _update(rows: Sequence[sql.Row]) -> None:
    changing = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[len(KEY) :])
    sql.upsert(SkuMetrics._meta.db_table, COLUMNS, rows, f"({', '.join(KEY)}) DO UPDATE SET {changing}")


def _figures(connection: Connection, skus: Sequence[str], day: date) -> dict[Sku, _Figures]:
    found: dict[Sku, _Figures] = defaultdict(_Figures)
    for key, counters in _stock(connection, skus):
        found[key].counters = counters
    for key, sold in _sold(connection, skus, day).items():
        found[key].sold = sold
    for key, outstanding, arrival in _arrivals(connection, skus):
        found[key].outstanding, found[key].next_arrival = outstanding, arrival
    for sku, customer in _of(Product, connection, skus).values_list("sku", "warehouse_customer_id"):
        found[customer or "", sku]  # a product without stock and sales has sold nothing, which is known
    return found


def _of(model: Any, connection: Connection, skus: Sequence[str]) -> "QuerySet[Any, Any]":
    rows: QuerySet[Any, Any] = model.objects.filter(among("sku", skus), connection=connection, removed_at=None)
    return rows.order_by()


def _stock(connection: Connection, skus: Sequence[str]) -> Iterable[tuple[Sku, list[Decimal | None]]]:
    rows = _of(InventoryItem, connection, skus).values("sku", customer=Coalesce("warehouse_customer_id", NO_CUSTOMER))
    for row in rows.annotate(**{f"all_{name}": Sum(name) for name in COUNTERS}):
        yield (row["customer"], row["sku"]), [row[f"all_{name}"] for name in COUNTERS]


def _sold(connection: Connection, skus: Sequence[str], day: date) -> Mapping[Sku, list[Decimal]]:
    """Units sold in each of the windows: as themselves, and as parts of what they go with."""
    within = KitPart.objects.filter(
        among("sku", skus), product__connection=connection, product__removed_at=None
    ).values_list("sku", "units", "product__sku", "product__warehouse_customer_id")
    parts = [(sku, units, kit, customer or "") for sku, units, kit, customer in within if kit]
    ordered = _ordered(connection, sorted({*skus, *(kit for _, _, kit, _ in parts)}), day)
    wanted = set(skus)
    sold = {key: list(units) for key, units in ordered.items() if key[1] in wanted}
    for sku, each, kit, customer in parts:
        whole = ordered.get((customer, kit))
        if whole:
            so_far = sold.setdefault((customer, sku), [ZERO] * len(WINDOWS))
            sold[customer, sku] = [have + each * units for have, units in zip(so_far, whole, strict=True)]
    return sold


def _ordered(connection: Connection, skus: Sequence[str], day: date) -> dict[Sku, list[Decimal]]:
    zone = ZoneInfo(connection.workspace.timezone)
    starts = [datetime.combine(day - timedelta(days=days - 1), time.min, zone) for days in WINDOWS]
    lines = OrderLine.objects.filter(
        ~Q(order__status="cancelled") | Q(order__status=None),
        among("sku", skus),
        order__connection=connection,
        order__removed_at=None,
        order__created_at__gte=min(starts),
    )
    rows: Any = lines.order_by().values("sku", customer=Coalesce("order__warehouse_customer_id", NO_CUSTOMER))
    since = {
        f"since_{days}": Sum(Case(When(order__created_at__gte=start, then=F("quantity"))))
        for days, start in zip(WINDOWS, starts, strict=True)
    }
    return {
        (row["customer"], row["sku"]): [row[f"since_{days}"] or ZERO for days in WINDOWS]
        for row in rows.annotate(**since)
    }


def _arrivals(connection: Connection, skus: Sequence[str]) -> Iterable[tuple[Sku, Decimal, datetime | None]]:
    """Units that are expected and not received, and when the first of them come."""
    left = F("expected_quantity") - Coalesce("received_quantity", Value(ZERO, output_field=DecimalField()))
    lines = InboundLine.objects.annotate(left=left).filter(
        ~Q(inbound_shipment__status__in=NOT_TO_COME) | Q(inbound_shipment__status=None),
        among("sku", skus),
        inbound_shipment__connection=connection,
        inbound_shipment__removed_at=None,
        left__gt=0,
    )
    customer = Coalesce("inbound_shipment__warehouse_customer_id", NO_CUSTOMER)
    rows: Any = lines.order_by().values("sku", customer=customer)
    for row in rows.annotate(all=Sum("left"), first=Min("inbound_shipment__expected_arrival_date")):
        yield (row["customer"], row["sku"]), row["all"], row["first"]
