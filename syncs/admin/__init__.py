"""The admin of syncs: runs, schedules, incidents and lanes."""

import django_q.admin  # noqa: F401  registers the models unregistered below
from django.apps import apps
from django.contrib import admin

from . import dashboard, incidents, lanes, runs, schedules  # noqa: F401  each registers its models

# A django-q2 schedule can run any function, so its models must not be editable here.
for model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
