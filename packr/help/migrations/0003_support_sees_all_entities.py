"""The Support group sees the tables of returns, warehouse locations, suppliers, order channels and bills."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Support"
SEEN = {
    "view_bill",
    "view_orderchannel",
    "view_return",
    "view_returnline",
    "view_supplier",
    "view_warehouselocation",
}


def make_permissions(apps, using):
    """Django makes permissions only after the last migration; a fresh database needs them here already."""
    config = apps.get_app_config("warehouse")
    config.models_module = True  # it looks at apps with models only, and a migration's apps don't say
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = None


def permissions(apps, using):
    return apps.get_model("auth", "Permission").objects.using(using).filter(
        content_type__app_label="warehouse", codename__in=SEEN
    )


def extend_group(apps, schema_editor):
    using = schema_editor.connection.alias
    make_permissions(apps, using)
    found = list(permissions(apps, using))
    missing = SEEN - {permission.codename for permission in found}
    if missing:
        raise LookupError(f"There are no permissions {sorted(missing)} in warehouse.")
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
        ("help", "0002_support_group"),
        ("warehouse", "0004_all_entities"),
    ]

    operations = [migrations.RunPython(extend_group, reduce_group)]
