"""The base classes of mirrored rows and their lines."""

from typing import Any, Self, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Transform
from django.db.models.sql.compiler import SQLCompiler

from integrations.models import Connection


class ExternalId(models.TextField):  # type: ignore[type-arg]
    """A WMS's id as text, compared and ordered by its UTF-8 bytes, for which PostgreSQL needs a collation."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        collation = "C" if connection.vendor == "postgresql" else None
        return {**super().db_parameters(connection), "collation": collation}


class WholeRecord(models.JSONField):
    """A record as JSON text, stored unparsed, since nothing searches inside it (docs/decisions/0007)."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "json" if connection.vendor == "postgresql" else super().db_type(connection)

    def select_format(self, compiler: SQLCompiler, sql: str, params: Any) -> tuple[str, Any]:
        """Select it as text, from which Django decodes JSON. The driver would decode the type `json` itself."""
        return (f"{sql}::text" if compiler.connection.vendor == "postgresql" else sql), params


class Quantity(models.DecimalField):  # type: ignore[type-arg]
    """An amount or a number of units, for sorting and sums. The stored record keeps the exact text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_digits": 30, "decimal_places": 6, "null": True, **kwargs})


Row = TypeVar("Row", bound=models.Model, covariant=True)

# Rows that were removed from the WMS are in no list and in none of their indexes.
PRESENT = models.Q(removed_at=None)


def sorts(name: str, column: str | Transform) -> models.Index:
    """Return the index of a list sorted by a column, in either direction, or searched by its beginning.

    Only one text per index: PostgreSQL refuses entries of more than 2,704 bytes, and a text may have 2,000.
    """
    return models.Index("connection", column, "id", name=name, condition=PRESENT)


def newest(name: str, *fields: str) -> models.Index:
    """Return the index of a list sorted by creation, newest first, within these fields."""
    return models.Index(fields=["connection", *fields, "-created_at", "-id"], name=name, condition=PRESENT)


def feeds(name: str) -> models.Index:
    """Return the index for the rows that changed after a change number, including removed ones."""
    return models.Index(fields=["connection", "change_no", "id"], name=name)


class MirroredQuerySet(models.QuerySet[Row]):
    def present(self) -> Self:
        """Return the rows that are still in the WMS."""
        return self.filter(removed_at=None)


class Mirrored(models.Model):
    """One record of a WMS as Packr last saw it.

    `record` is the whole record in the export format, without its id and stamps; the other columns are searched,
    sorted, joined or shown in lists. `digest` shows whether the record or its stamps changed. `version_at` is the stamp
    of an API that is a copy. `changed_at` is when the row last changed, by Packr's clock. `removed_at` is set if the
    record is no longer in the WMS.

    Rows and lines have no foreign-key constraints: only the writer creates them, under a lock on their connection that
    deleting the connection takes first (docs/decisions/0006).
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
    """A line of a mirrored row, its parent, with which it is replaced.

    It names its connection too, so that an index finds a SKU among the lines of one connection.
    """

    # Lines are deleted with their parents, and these with the connection.
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
