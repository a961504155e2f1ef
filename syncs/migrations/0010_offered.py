from django.db import migrations, models


def as_it_was_shown(apps, schema_editor):
    """What was off with a reason before anything had been read was shown as not offered."""
    schedules = apps.get_model("syncs", "EntitySchedule").objects
    schedules.filter(enabled=False, as_of=None).exclude(off_reason="").update(offered=False)


class Migration(migrations.Migration):
    dependencies = [
        ("syncs", "0009_sync_requests"),
    ]

    operations = [
        migrations.AddField(
            model_name="entityschedule",
            name="offered",
            field=models.BooleanField(
                default=True, editable=False, help_text="Off: the WMS said that it has no such thing."
            ),
        ),
        migrations.RunPython(as_it_was_shown, migrations.RunPython.noop, elidable=True),
    ]
