"""The Support group sees incidents, signs of life and the daily tally."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Support"
SEEN = {"view_incident", "view_beat", "view_dailytally"}


def make_permissions(apps, using):
    """Django makes permissions only after the last migration; a fresh database needs them here already."""
    config = apps.get_app_config("syncs")
    config.models_module = True  # it looks at apps with models only, and a migration's apps don't say
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = None


def permissions(apps, using):
    return apps.get_model("auth", "Permission").objects.using(using).filter(
        content_type__app_label="syncs", codename__in=SEEN
    )


def extend_group(apps, schema_editor):
    using = schema_editor.connection.alias
    make_permissions(apps, using)
    found = list(permissions(apps, using))
    missing = SEEN - {permission.codename for permission in found}
    if missing:
        raise LookupError(f"There are no permissions {sorted(missing)} in syncs.")
    group, _ = apps.get_model("auth", "Group").objects.using(using).get_or_create(name=GROUP)
    group.permissions.add(*found)


def reduce_group(apps, schema_editor):
    using = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name=GROUP):
        group.permissions.remove(*permissions(apps, using))


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("syncs", "0003_watchdog_and_review"),
    ]

    operations = [migrations.RunPython(extend_group, reduce_group)]
