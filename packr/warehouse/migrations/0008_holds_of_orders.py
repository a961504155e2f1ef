from django.db import migrations


def show_holds(apps, schema_editor):
    """Orders that were mirrored before there was a column for it."""
    orders = apps.get_model("warehouse", "Order").objects.filter(status="exception", held=None)
    found = orders.values_list("pk", "record__raw_status").iterator(chunk_size=2000)
    held = [pk for pk, raw_status in found if "hold" in str(raw_status or "").lower()]
    for start in range(0, len(held), 500):
        orders.filter(pk__in=held[start : start + 500]).update(held=True)


class Migration(migrations.Migration):
    dependencies = [("warehouse", "0007_metrics")]

    operations = [migrations.RunPython(show_holds, migrations.RunPython.noop)]
