"""The Support group sees what people sent to their WMS."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Support"
SEEN = "view_action"


def make_permissions(apps, using):
    """Django makes permissions only after the last migration; a fresh database needs them here already."""
    config = apps.get_app_config("integrations")
    config.models_module = True  # it looks at apps with models only, and a migration's apps don't say
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = None


def permission(apps, using):
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    return permissions.get(content_type__app_label="integrations", codename=SEEN)


def extend_group(apps, schema_editor):
    using = schema_editor.connection.alias
    make_permissions(apps, using)
    group, _ = apps.get_model("auth", "Group").objects.using(using).get_or_create(name=GROUP)
    group.permissions.add(permission(apps, using))


def reduce_group(apps, schema_editor):
    using = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name=GROUP):
        group.permissions.remove(permission(apps, using))


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("help", "0003_support_sees_all_entities"),
        ("integrations", "0003_actions"),
    ]

    operations = [migrations.RunPython(extend_group, reduce_group)]
