"""Text compared without regard to A-Z and a-z, the same on every database."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import TextField, Transform
from django.db.models.sql.compiler import SQLCompiler


@TextField.register_lookup
class Folded(Transform):
    """`field__folded`: the text in small letters, ordered by its UTF-8 bytes.

    SQLite folds A to Z and compares bytes anyway. PostgreSQL does as its collation says, which differs from server to
    server and rules out an index for beginnings, unless it is told.
    """

    lookup_name = "folded"
    function = "LOWER"

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='LOWER((%(expressions)s) COLLATE "C")', **context)
