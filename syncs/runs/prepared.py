"""Queries whose SQL is written once.

Django writes the SQL of a query anew each time it runs. For the two wide ones of every turn that costs more than
running them: a quarter of what a sync that finds nothing costs.
"""

from copy import copy
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection as database
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


class PreparedQuery(Generic[M]):
    """A query that differs from one time to the next in the values of its filter alone.

    `example` is the query with any values: whole numbers and texts, which need no conversion for the database.
    """

    def __init__(self, example: "QuerySet[M, M]") -> None:
        self._example = example

    @cached_property
    def _compiled(self) -> tuple[Any, str, tuple[Any, ...], dict[int, Any]]:
        """The compiler, the SQL, its values, and what makes Python's values of the columns that need it."""
        compiler = self._example.query.get_compiler(connection=database)
        sql, values = compiler.as_sql()
        return compiler, sql, values, compiler.get_converters([column for column, *_ in compiler.select])

    def get(self, *values: int | str) -> M:
        """The row with these values, given in the order of the SQL; the model's DoesNotExist when there is none."""
        compiler, sql, given, converters = self._compiled
        everything = (*given[: len(given) - len(values)], *values)  # the filter comes last
        mine = copy(compiler)  # of this thread and its database connection
        mine.connection = database
        mine.as_sql = lambda *_args, **_options: (sql, everything)
        mine.get_converters = lambda _columns: converters
        rows = self._example.all()
        rows.query.get_compiler = lambda *_args, **_options: mine  # type: ignore[method-assign]
        for row in rows:
            return row
        model: Any = self._example.model
        raise model.DoesNotExist(f"There is no {model._meta.verbose_name} {values} any more.")
