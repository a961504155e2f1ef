from django.urls import path

from . import views

SETTINGS = "settings/integrations/"
CONNECTION = f"{SETTINGS}<int:pk>/"

urlpatterns = [
    path(f"{SETTINGS}history/", views.workspace_history, name="workspace_history"),
    path(f"{SETTINGS}why/<slug:entity>/", views.why, name="why"),
    path(f"{SETTINGS}asked/<int:pk>/approve/", views.approve, name="approve_request"),
    path(f"{SETTINGS}asked/<int:pk>/decline/", views.decline, name="decline_request"),
    path(CONNECTION, views.connection, name="connection"),
    path(f"{CONNECTION}ask/", views.ask, name="ask_admin"),
    path(f"{CONNECTION}settings/", views.sync_settings, name="sync_settings"),
    path(f"{CONNECTION}sync/", views.window, name="sync_window"),
    path(f"{CONNECTION}sync/confirm/", views.confirm, name="confirm_sync"),
    path(f"{CONNECTION}sync-state/", views.state_table, name="sync_state"),
    path(f"{CONNECTION}history/", views.history, name="history"),
    path(f"{CONNECTION}data/<slug:entity>/", views.entity, name="entity"),
    path(f"{CONNECTION}data/<slug:entity>/rejected/", views.retry_rejected, name="retry_rejected"),
    path(f"{CONNECTION}runs/<int:run_id>/", views.run, name="run"),
    path(f"{CONNECTION}runs/<int:run_id>/cancel/", views.cancel, name="cancel_run"),
    path(f"{CONNECTION}runs/<int:run_id>/held/", views.held, name="held"),
    path("sync-widget/", views.widget, name="sync_widget"),
]
