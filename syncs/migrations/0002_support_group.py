"""The group that support staff are in: it sees everything, and edits what support edits."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Support"
APPS = ("auth", "admin", "workspaces", "integrations", "warehouse", "syncs")
EDITED = {
    "workspaces": {"workspace": ("add", "change"), "brand": ("add", "change", "delete"), "membership": ("add", "change", "delete")},
    "integrations": {"brandmapping": ("add", "change", "delete")},
    "syncs": {"entityschedule": ("change",)},
}
SEEN = {
    "auth": ("user",),
    "admin": ("logentry",),
    "workspaces": ("workspace", "brand", "membership"),
    "integrations": ("connection", "brandmapping"),
    "warehouse": (
        "customer",
        "inboundline",
        "inboundshipment",
        "inventoryitem",
        "inventorylevel",
        "order",
        "orderline",
        "ordershipment",
        "product",
        "shippingmethod",
        "warehouse",
    ),
    "syncs": ("entityschedule", "syncrun", "lane", "rejectedrecord"),
}
ACTIONS = {"workspaces": ("trigger_sync", "manage_connections")}


def codenames():
    """The permissions by app label."""
    found = {label: set(ACTIONS.get(label, ())) for label in APPS}
    for label, models in SEEN.items():
        found[label] |= {f"view_{model}" for model in models}
    for label, models in EDITED.items():
        found[label] |= {f"{may}_{model}" for model, mays in models.items() for may in mays}
    return found


def make_permissions(apps, using):
    """Django makes permissions only after the last migration; a fresh database needs them here already."""
    for label in APPS:
        config = apps.get_app_config(label)
        config.models_module = True  # it looks at apps with models only, and a migration's apps don't say
        create_permissions(config, verbosity=0, using=using, apps=apps)
        config.models_module = None


def make_group(apps, schema_editor):
    using = schema_editor.connection.alias
    make_permissions(apps, using)
    Permission = apps.get_model("auth", "Permission")
    group, _ = apps.get_model("auth", "Group").objects.using(using).get_or_create(name=GROUP)
    for label, names in codenames().items():
        found = list(Permission.objects.using(using).filter(content_type__app_label=label, codename__in=names))
        missing = names - {permission.codename for permission in found}
        if missing:
            raise LookupError(f"There are no permissions {sorted(missing)} in {label}.")
        group.permissions.add(*found)


def drop_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name=GROUP).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("workspaces", "0001_initial"),
        ("integrations", "0001_initial"),
        ("warehouse", "0001_initial"),
        ("syncs", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_group, drop_group)]
