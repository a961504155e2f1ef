"""The Support group sees requests and tokens, answers the ones and revokes the others."""

from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.models import Q

GROUP = "Support"
GIVEN = {
    "help": {"view_supportrequest", "change_supportrequest"},
    "workspaces": {"view_token", "change_token"},
}


def make_permissions(apps, using):
    """Django makes permissions only after the last migration; a fresh database needs them here already."""
    for label in GIVEN:
        config = apps.get_app_config(label)
        config.models_module = True  # it looks at apps with models only, and a migration's apps don't say
        create_permissions(config, verbosity=0, using=using, apps=apps)
        config.models_module = None


def permissions(apps, using):
    wanted = Q(pk__in=())
    for label, names in GIVEN.items():
        wanted |= Q(content_type__app_label=label, codename__in=names)
    return apps.get_model("auth", "Permission").objects.using(using).filter(wanted)


def extend_group(apps, schema_editor):
    using = schema_editor.connection.alias
    make_permissions(apps, using)
    found = list(permissions(apps, using))
    missing = set.union(*GIVEN.values()) - {permission.codename for permission in found}
    if missing:
        raise LookupError(f"There are no permissions {sorted(missing)}.")
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
        ("syncs", "0004_support_group_incidents"),
        ("workspaces", "0002_tokens"),
        ("help", "0001_initial"),
    ]

    operations = [migrations.RunPython(extend_group, reduce_group)]
