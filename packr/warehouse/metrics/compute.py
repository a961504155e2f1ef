"""Computing the metrics of SKUs in the database, by two statements for any number of SKUs."""

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
# How the rows of the sources are aggregated. A counter may be unknown; units sold and outstanding are 0 instead.
FIGURES = {
    **{name: f"round(sum({name}), 6)" for name in COUNTERS},
    **{name: f"coalesce(round(sum({name}), 6), 0)" for name in SOLD},
    "next_arrival": "min(next_arrival)",
    "outstanding": "coalesce(round(sum(outstanding), 6), 0)",
}
UNKNOWN = dict.fromkeys(FIGURES, "CAST(NULL AS numeric)") | {"next_arrival": "CAST(NULL AS timestamptz)"}
# Days that the stock lasts at the rate of the last 30. 30.0, since SQLite divides integers to an integer.
COVER = """CASE WHEN fulfillable IS NULL OR sold_30 <= 0 THEN NULL WHEN fulfillable <= 0 THEN 0
    ELSE round(30.0 * fulfillable / sold_30, 6) END"""


def today(zone: ZoneInfo, now: datetime) -> date:
    """Return the day in the workspace's time zone."""
    return now.astimezone(zone).date()


def compute(connection: Connection, skus: Iterable[str], *, day: date, now: datetime) -> int:
    """Recompute the metrics of these SKUs for all customers of the connection. Return the number of SKUs.

    Only rows that differ are written. A SKU that no source has any more loses its row.
    """
    wanted = {sku for sku in skus if sku}
    if wanted:
        zone = ZoneInfo(connection.workspace.timezone)
        values = {"connection": connection.pk, "skus": dialect.encode_list(wanted), "day": day, "now": now}
        values |= {f"since_{days}": _midnight(day - timedelta(days=days - 1), zone) for days in WINDOWS}
        dialect.execute(_delete_unknown(), values)
        dialect.execute(_upsert(), values)
    return len(wanted)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


@cache
def _delete_unknown() -> str:
    """Return the statement that deletes metrics of SKUs that no source has any more."""
    exists = " UNION ALL ".join(
        f"SELECT 1 FROM {source.rows()} AND {source.customer} = asked.customer" for source in sources()
    )
    stored = {"asked": (SkuMetrics, "asked.connection_id = %(connection)s AND asked.sku = wanted.sku")}
    return f"""
        DELETE FROM {METRICS} WHERE id IN (
            WITH wanted (sku) AS ({dialect.select_list("%(skus)s")})
            SELECT asked.id FROM wanted CROSS JOIN {dialect.join_in_order(stored, f"NOT EXISTS ({exists})")})"""


@cache
def _upsert() -> str:
    """Return the statement that writes new and different metrics. ON CONFLICT would lock equal rows."""
    figures = " UNION ALL ".join(_figures(source) for source in sources())
    sums = ", ".join(f"{figure} AS {name}" for name, figure in FIGURES.items())
    stored = {"known": (SkuMetrics, "known.connection_id = %(connection)s AND known.sku = asked.sku")}
    changing = COLUMNS[len(KEY) :]
    compared = changing[:-1]  # all but worked_out_at
    return f"""
        INSERT INTO {METRICS} ({", ".join(COLUMNS)})
        WITH asked (sku) AS ({dialect.select_list("%(skus)s")}),
            summed AS (SELECT sku, customer, {sums} FROM ({figures}) AS figures GROUP BY sku, customer),
            fresh AS (
                SELECT %(connection)s AS connection_id, summed.*, {COVER} AS cover, %(day)s AS day,
                    %(now)s AS worked_out_at
                FROM summed),
            known AS (SELECT known.* FROM asked CROSS JOIN {dialect.join_in_order(stored)})
        SELECT {_columns("fresh", COLUMNS)}
        FROM fresh LEFT JOIN known ON known.sku = fresh.sku AND known.customer = fresh.customer
        WHERE known.id IS NULL OR NOT {dialect.equal_columns(_columns("known", compared), _columns("fresh", compared))}
        ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in changing)}"""


def _figures(source: Source) -> str:
    """Return the SELECT of a source's figures for the SKUs asked for; NULL for those that it does not have."""
    figures = ", ".join(f"{figure} AS {name}" for name, figure in (UNKNOWN | dict(source.figures)).items())
    return f"SELECT asked.sku, {source.customer} AS customer, {figures} FROM asked CROSS JOIN {source.rows()}"


def _columns(table: str, names: Iterable[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)
