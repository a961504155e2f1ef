"""The metrics of SKUs, worked out where the mirror lies: two statements, for one SKU as for a portion of them."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from integrations.models import Connection

from ..models import SkuMetrics
from . import dialect
from .sources import COUNTERS, SOLD, WINDOWS, Source, sources

METRICS = SkuMetrics._meta.db_table
KEY = ("connection_id", "sku", "customer")
COLUMNS = (*KEY, *COUNTERS, *SOLD, "cover", "next_arrival", "outstanding", "day", "worked_out_at")
# What the sources tell, put together. A counter may be unknown; what was not sold and does not come is none.
FIGURES = {
    **{name: f"round(sum({name}), 6)" for name in COUNTERS},
    **{name: f"coalesce(round(sum({name}), 6), 0)" for name in SOLD},
    "next_arrival": "min(next_arrival)",
    "outstanding": "coalesce(round(sum(outstanding), 6), 0)",
}
UNKNOWN = dict.fromkeys(FIGURES, "CAST(NULL AS numeric)") | {"next_arrival": "CAST(NULL AS timestamptz)"}
# How many days the stock lasts, judged by the last 30. With a point, since SQLite divides whole numbers to whole ones.
COVER = """CASE WHEN fulfillable IS NULL OR sold_30 <= 0 THEN NULL WHEN fulfillable <= 0 THEN 0
    ELSE round(30.0 * fulfillable / sold_30, 6) END"""


def today(zone: ZoneInfo, now: datetime) -> date:
    """The workspace's day."""
    return now.astimezone(zone).date()


def compute(connection: Connection, skus: Iterable[str], *, day: date, now: datetime) -> int:
    """Work the metrics of these SKUs out anew, of all customers of the connection. Returns how many SKUs they are.

    Only what differs is written; a SKU that nothing is known of any more has no row.
    """
    wanted = {sku for sku in skus if sku}
    if wanted:
        zone = ZoneInfo(connection.workspace.timezone)
        values = {"connection": connection.pk, "skus": dialect.as_list(wanted), "day": day, "now": now}
        values |= {f"since_{days}": _midnight(day - timedelta(days=days - 1), zone) for days in WINDOWS}
        dialect.execute(_forget(), values)
        dialect.execute(_renew(), values)
    return len(wanted)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


@cache
def _forget() -> str:
    """Deletes the metrics of SKUs of which no source knows anything any more."""
    knows = " UNION ALL ".join(f"SELECT 1 FROM {one.rows()} AND {one.customer} = asked.customer" for one in sources())
    stored = {"asked": (SkuMetrics, "asked.connection_id = %(connection)s AND asked.sku = wanted.sku")}
    return f"""
        DELETE FROM {METRICS} WHERE id IN (
            WITH wanted (sku) AS ({dialect.listed("%(skus)s")})
            SELECT asked.id FROM wanted CROSS JOIN {dialect.join_in_order(stored, f"NOT EXISTS ({knows})")})"""


@cache
def _renew() -> str:
    """Writes the metrics that are new or differ. Those that are the same are kept from ON CONFLICT, which locks."""
    told = " UNION ALL ".join(_told(one) for one in sources())
    sums = ", ".join(f"{figure} AS {name}" for name, figure in FIGURES.items())
    stored = {"known": (SkuMetrics, "known.connection_id = %(connection)s AND known.sku = asked.sku")}
    changing = COLUMNS[len(KEY) :]
    compared = changing[:-1]  # all but the moment
    return f"""
        INSERT INTO {METRICS} ({", ".join(COLUMNS)})
        WITH asked (sku) AS ({dialect.listed("%(skus)s")}),
            summed AS (SELECT sku, customer, {sums} FROM ({told}) AS told GROUP BY sku, customer),
            fresh AS (
                SELECT %(connection)s AS connection_id, summed.*, {COVER} AS cover, %(day)s AS day,
                    %(now)s AS worked_out_at
                FROM summed),
            known AS (SELECT known.* FROM asked CROSS JOIN {dialect.join_in_order(stored)})
        SELECT {_columns("fresh", COLUMNS)}
        FROM fresh LEFT JOIN known ON known.sku = fresh.sku AND known.customer = fresh.customer
        WHERE known.id IS NULL OR NOT {dialect.same(_columns("known", compared), _columns("fresh", compared))}
        ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in changing)}"""


def _told(source: Source) -> str:
    """What a source's rows tell of the SKUs that are asked for: every figure, unknown where it knows nothing of it."""
    figures = ", ".join(f"{told} AS {name}" for name, told in (UNKNOWN | dict(source.figures)).items())
    return f"SELECT asked.sku, {source.customer} AS customer, {figures} FROM asked CROSS JOIN {source.rows()}"


def _columns(table: str, names: Iterable[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)
