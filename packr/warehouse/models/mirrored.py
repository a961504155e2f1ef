"""What every mirrored row has."""

from typing import Any, Self, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Transform
from django.db.models.sql.compiler import SQLCompiler

from integrations.models import Connection


class ExternalId(models.TextField):  # type: ignore[type-arg]
    """A WMS's id as text, compared and ordered by its UTF-8 bytes on every database.

    SQLite compares bytes anyway; PostgreSQL needs to be told.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        collation = "C" if connection.vendor == "postgresql" else None
        return {**super().db_parameters(connection), "collation": collation}


class WholeRecord(models.JSONField):
    """A record as JSON, stored as it is written and not taken apart to be searched inside (docs/decisions/0007)."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "json" if connection.vendor == "postgresql" else super().db_type(connection)

    def select_format(self, compiler: SQLCompiler, sql: str, params: Any) -> tuple[str, Any]:
        """As text, which is what Django reads JSON from; the driver would read a `json` by itself."""
        return (f"{sql}::text" if compiler.connection.vendor == "postgresql" else sql), params


class Quantity(models.DecimalField):  # type: ignore[type-arg]
    """An amount or a number of units, for sorting and adding up. The record beside it keeps the exact text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_digits": 30, "decimal_places": 6, "null": True, **kwargs})


Row = TypeVar("Row", bound=models.Model, covariant=True)

# Lists show what the WMS still has; what it has not is in none of their indexes.
PRESENT = models.Q(removed_at=None)


def sorts(name: str, column: str | Transform) -> models.Index:
    """The index of a list that is sorted by a column, either way, or searched by the column's beginning.

    One text an index: PostgreSQL refuses entries of more than 2,704 bytes, and a text may have 2,000.
    """
    return models.Index("connection", column, "id", name=name, condition=PRESENT)


def newest(name: str, *fields: str) -> models.Index:
    """Return the index of a list sorted by creation, newest first, within these fields."""
    return models.Index(fields=["connection", *fields, "-created_at", "-id"], name=name, condition=PRESENT)


def feeds(name: str) -> models.Index:
    """The index of what changed since some change, removed rows included."""
    return models.Index(fields=["connection", "change_no", "id"], name=name)


class MirroredQuerySet(models.QuerySet[Row]):
    def present(self) -> Self:
        """What the WMS still has."""
        return self.filter(removed_at=None)


class Mirrored(models.Model):
    """One record of a WMS as Packr last saw it.

    `record` is the record whole, in the form it is exported in, less its id and its stamp; the other columns are what
    is searched, sorted, joined or shown in lists. `digest` tells whether the record or its stamps changed. `version_at`
    is the stamp of an API that is a copy. `changed_at` is ours: when the row last changed. `removed_at`: no longer in
    the WMS.

    The database is not asked whether what rows and lines belong to is there: only the writer makes them, while it holds
    their connection, as whoever deletes that does first (docs/decisions/0006).
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    external_id = ExternalId()
    created_at = models.DateTimeField("created in the WMS", null=True)
    updated_at = models.DateTimeField("updated in the WMS", null=True)
    version_at = models.DateTimeField(null=True, editable=False)
    digest = models.BinaryField(max_length=40, editable=False)
    record = WholeRecord()
    change_no = models.BigIntegerField(editable=False)
    changed_at = models.DateTimeField("changed in Packr")
    removed_at = models.DateTimeField(null=True, blank=True)

    workspace_path = "connection__workspace"
    objects = MirroredQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["connection", "external_id"], name="one_%(class)s")]

    def __str__(self) -> str:
        return str(self.external_id)


class Line(models.Model):
    """One of the rows that are replaced as a set with a mirrored row, their parent.

    It names its connection as well: a SKU is looked for among the lines of one connection, however many others have it.
    """

    # Lines go with their parents, and those with the connection.
    connection = models.ForeignKey(
        Connection, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )

    workspace_path = "connection__workspace"

    class Meta:
        abstract = True


class ItemLine(Line):
    """A numbered line with a SKU."""

    position = models.PositiveIntegerField()
    sku = models.TextField("SKU", null=True)

    class Meta:
        abstract = True
        ordering = ["position"]

    def __str__(self) -> str:
        return self.sku or f"line {self.position}"
