"""Expressions of the metrics' SQL that differ between SQLite and PostgreSQL, and statements with named parameters."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection as database
from django.db.models import Model

from ..mirror import sql


def execute(statement: str, values: Mapping[str, Any]) -> None:
    """Execute a statement with named parameters."""
    with database.cursor() as cursor:
        cursor.execute(statement, _named(values))


def select(statement: str, values: Mapping[str, Any]) -> list[sql.Row]:
    """Return the rows of a statement with named parameters."""
    with database.cursor() as cursor:
        cursor.execute(statement, _named(values))
        rows: list[sql.Row] = cursor.fetchall()
    return rows


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(values, sql.to_parameters(tuple(values.values())), strict=True))


def encode_list(values: Iterable[str]) -> str:
    """Return texts as one parameter, for `select_list`."""
    return json.dumps(sorted(values))


def select_list(value: str) -> str:
    """Return a SELECT of the texts in a parameter, one per row."""
    if database.vendor == "postgresql":
        return f"SELECT json_array_elements_text({value}::json)"
    return f"SELECT value FROM json_each({value})"


def join_in_order(tables: Mapping[str, tuple[type[Model], str]], condition: str = "TRUE") -> str:
    """Return tables, given by alias as (model, join condition), joined in this order, for use after FROM.

    `condition` applies to the joined rows. Whatever its statistics, the database looks each row up by an index and
    does not start from the last table.
    """
    if database.vendor == "postgresql":
        lookups = (
            f"LATERAL (SELECT * FROM {model._meta.db_table} AS {name} WHERE {where} OFFSET 0) AS {name}"
            for name, (model, where) in tables.items()
        )
        return f"{' CROSS JOIN '.join(lookups)} WHERE {condition}"
    names = " CROSS JOIN ".join(f"{model._meta.db_table} AS {name}" for name, (model, _) in tables.items())
    return f"{names} WHERE {' AND '.join(where for _, where in tables.values())} AND {condition}"


def equal_skus(first: str, other: str) -> str:
    """Return the condition that two rows have exactly the same SKU. The first one's folded index finds it."""
    by_bytes = ' COLLATE "C"' if database.vendor == "postgresql" else ""
    return f"lower({first}.sku{by_bytes}) = lower({other}.sku{by_bytes}) AND {first}.sku = {other}.sku"


def equal_columns(columns: str, others: str) -> str:
    """Return the condition that the columns equal the others, where NULL equals NULL."""
    return f"({columns}) {'IS NOT DISTINCT FROM' if database.vendor == 'postgresql' else 'IS'} ({others})"
