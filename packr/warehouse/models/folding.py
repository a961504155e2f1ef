"""Comparing text case-insensitively for A to Z, the same on every database."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import TextField, Transform
from django.db.models.sql.compiler import SQLCompiler


@TextField.register_lookup
class Folded(Transform):
    """`field__folded`: the text in lower case, ordered by its UTF-8 bytes.

    SQLite lowers only A to Z and compares bytes. PostgreSQL needs the collation "C" for both: its default differs by
    server and allows no index for beginnings.
    """

    lookup_name = "folded"
    function = "LOWER"

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='LOWER((%(expressions)s) COLLATE "C")', **context)
