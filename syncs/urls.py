from django.urls import path

from .views import connection, diagnosis, fragments, history, manual_sync, reviews, runs, settings

SETTINGS = "settings/integrations/"
CONNECTION = f"{SETTINGS}<int:pk>/"

urlpatterns = [
    path(f"{SETTINGS}history/", history.workspace_history, name="workspace_history"),
    path(f"{SETTINGS}why/<slug:entity>/", diagnosis.why, name="why"),
    path(f"{SETTINGS}asked/<int:pk>/approve/", diagnosis.approve, name="approve_request"),
    path(f"{SETTINGS}asked/<int:pk>/decline/", diagnosis.decline, name="decline_request"),
    path(CONNECTION, connection.connection, name="connection"),
    path(f"{CONNECTION}ask/", diagnosis.ask_admin, name="ask_admin"),
    path(f"{CONNECTION}settings/", settings.sync_settings, name="sync_settings"),
    path(f"{CONNECTION}sync/", manual_sync.window, name="sync_window"),
    path(f"{CONNECTION}sync/confirm/", manual_sync.confirm, name="confirm_sync"),
    path(f"{CONNECTION}sync-state/", fragments.state_table, name="sync_state"),
    path(f"{CONNECTION}history/", history.history, name="history"),
    path(f"{CONNECTION}data/<slug:entity>/", connection.entity, name="entity"),
    path(f"{CONNECTION}data/<slug:entity>/rejected/", reviews.retry_rejected, name="retry_rejected"),
    path(f"{CONNECTION}runs/<int:run_id>/", runs.run, name="run"),
    path(f"{CONNECTION}runs/<int:run_id>/cancel/", runs.cancel, name="cancel_run"),
    path(f"{CONNECTION}runs/<int:run_id>/held/", reviews.held, name="held"),
    path("sync-widget/", fragments.widget, name="sync_widget"),
]
