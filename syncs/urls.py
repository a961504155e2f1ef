from django.urls import path

from . import advice, views
from .sync_settings import sync_settings

urlpatterns = [
    path("settings/integrations/<int:pk>/settings/", sync_settings, name="sync_settings"),
    path("settings/integrations/<int:pk>/sync/", views.window, name="sync_window"),
    path("settings/integrations/<int:pk>/sync-state/", views.state_table, name="sync_state"),
    path("settings/integrations/<int:pk>/runs/<int:run_id>/", views.run, name="run"),
    path("settings/integrations/<int:pk>/runs/<int:run_id>/cancel/", views.cancel, name="cancel_run"),
    path("settings/integrations/why/<slug:entity>/", advice.why, name="why"),
    path("settings/integrations/<int:pk>/ask/", advice.ask, name="ask_admin"),
    path("settings/integrations/asked/<int:pk>/approve/", advice.approve, name="approve_request"),
    path("settings/integrations/asked/<int:pk>/decline/", advice.decline, name="decline_request"),
    path("sync-widget/", views.widget, name="sync_widget"),
]
