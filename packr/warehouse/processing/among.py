"""Rows by their SKUs, found by the indexes that hold SKUs in small letters."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup, Q, TextField
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler

from .. import sql

SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@TextField.register_lookup
class OneOf(Lookup):
    """`field__one_of`: one of the texts of `sql.as_list`, found by the column's index."""

    lookup_name = "one_of"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        column, params = self.process_lhs(compiler, connection)
        value, more = self.process_rhs(compiler, connection)
        return sql.one_of(column, value), [*params, *more]


def among(path: str, skus: Iterable[str]) -> Q:
    """The condition that the SKU at a path is one of these, to the letter.

    They go as one value: of thousands Django and the drivers make more work than the database has with the statement.
    """
    wanted = set(skus)
    folded = sql.as_list({_folded(sku) for sku in wanted})
    return Q(**{f"{path}__folded__one_of": folded, f"{path}__in": RawSQL(sql.listed("%s"), [sql.as_list(wanted)])})


def _folded(text: str) -> str:
    """As the database folds it: A to Z and nothing else."""
    return text.translate(SMALL)
