"""What support sees of the syncs, and what they may do about them."""

import django_q.admin  # noqa: F401  registers django-q2's models, so that they can be taken out below
from django.apps import apps
from django.contrib import admin

from . import dashboard, incidents, lanes, runs, schedules  # noqa: F401  each registers what it is about

# Whoever may add one of django-q2's schedules runs any function: its tables are no business of the admin.
for model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
