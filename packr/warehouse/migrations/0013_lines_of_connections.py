"""Lines name their connection, and are found by their SKU within it."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery

from packr.warehouse.models.folding import Folded

# Each kind of lines, its parent, and the index by which it is found by its SKU.
LINES = (
    ("orderline", "order", "order_lines_by_sku"),
    ("inboundline", "inbound_shipment", "inbound_lines_by_sku"),
    ("returnline", "sent_back", "return_lines_by_sku"),
    ("kitpart", "product", "kit_parts_by_sku"),
    ("inventorylevel", "item", None),
)


def name_connections(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give each line its parent's connection; one without a parent, which nothing could show, goes."""
    for name, parent, _ in LINES:
        model = apps.get_model("warehouse", name)
        parents = model._meta.get_field(parent).related_model._default_manager
        own = parents.filter(pk=OuterRef(parent)).values("connection")
        model._default_manager.update(connection=Subquery(own))
        model._default_manager.filter(connection=None).delete()


def _connection(null: bool = False) -> models.Field:
    return models.ForeignKey(
        "integrations.connection",
        on_delete=django.db.models.deletion.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        null=null,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0003_actions"),
        ("warehouse", "0012_records_as_they_are_written"),
    ]

    operations = [
        *[migrations.RemoveIndex(name, index) for name, _, index in LINES if index],
        *[migrations.AddField(name, "connection", _connection(null=True)) for name, _, _ in LINES],
        migrations.RunPython(name_connections, migrations.RunPython.noop),
        *[migrations.AlterField(name, "connection", _connection()) for name, _, _ in LINES],
        *[
            migrations.AddIndex(name, models.Index(models.F("connection"), Folded("sku"), models.F(parent), name=index))
            for name, parent, index in LINES
            if index
        ],
    ]
