"""Expressions of the metrics' SQL that differ between SQLite and PostgreSQL, and statements with named parameters."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection as database
from django.db.models import Model

from ..mirror import sql


def execute(statement: str, values: Mapping[str, Any]) -> None:
    """Execute a statement with values that go by their names."""
    with database.cursor() as cursor:
        cursor.execute(statement, _named(values))


def select(statement: str, values: Mapping[str, Any]) -> list[sql.Row]:
    """The rows that a statement gives, with values that go by their names."""
    with database.cursor() as cursor:
        cursor.execute(statement, _named(values))
        rows: list[sql.Row] = cursor.fetchall()
    return rows


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(values, sql.to_parameters(tuple(values.values())), strict=True))


def as_list(values: Iterable[str]) -> str:
    """Texts as one value, for `listed` and `one_of`."""
    return json.dumps(sorted(values))


def listed(value: str) -> str:
    """A select of the texts in a value, a row each."""
    if database.vendor == "postgresql":
        return f"SELECT json_array_elements_text({value}::json)"
    return f"SELECT value FROM json_each({value})"


def join_in_order(found: Mapping[str, tuple[type[Model], str]], counts: str = "TRUE") -> str:
    """Tables, by the names they have here, joined in this order, each row with those that its condition finds.

    `counts` is what is asked of the rows that were found. Whatever the planner knows of the tables, it looks into an
    index per row and does not begin at the other end.
    """
    if database.vendor == "postgresql":
        looked_up = (
            f"LATERAL (SELECT * FROM {model._meta.db_table} AS {name} WHERE {where} OFFSET 0) AS {name}"
            for name, (model, where) in found.items()
        )
        return f"{' CROSS JOIN '.join(looked_up)} WHERE {counts}"
    tables = " CROSS JOIN ".join(f"{model._meta.db_table} AS {name}" for name, (model, _) in found.items())
    return f"{tables} WHERE {' AND '.join(where for _, where in found.values())} AND {counts}"


def same_sku(one: str, other: str) -> str:
    """The condition that two rows have the same SKU, to the letter; by the first one's index, which holds it folded."""
    by_bytes = ' COLLATE "C"' if database.vendor == "postgresql" else ""
    return f"lower({one}.sku{by_bytes}) = lower({other}.sku{by_bytes}) AND {one}.sku = {other}.sku"


def same(columns: str, others: str) -> str:
    """The condition that all of these columns are the same as the others; nothing is the same as nothing."""
    return f"({columns}) {'IS NOT DISTINCT FROM' if database.vendor == 'postgresql' else 'IS'} ({others})"
