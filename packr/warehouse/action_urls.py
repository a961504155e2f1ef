from django.urls import URLPattern, path

from integrations.connectors.actions import ActionKind

from .actions.texts import ACTION_TEXTS
from .views import action_log, actions

FORM_PATHS = {
    ActionKind.CREATE_ORDER: "orders/new/",
    ActionKind.HOLD_ORDER: "orders/<int:pk>/hold/",
    ActionKind.RELEASE_ORDER: "orders/<int:pk>/release/",
    ActionKind.CANCEL_ORDER: "orders/<int:pk>/cancel/",
    ActionKind.CREATE_INBOUND_SHIPMENT: "inbound-shipments/new/",
    ActionKind.UPDATE_INBOUND_SHIPMENT: "inbound-shipments/<int:pk>/edit/",
    ActionKind.ADJUST_INVENTORY: "inventory/<int:pk>/adjust/",
    ActionKind.UPDATE_PRODUCT: "products/<int:pk>/edit/",
}


def _form_path(kind: ActionKind, address: str) -> URLPattern:
    view = actions.create if kind.creates else actions.change
    return path(address, view, {"kind": kind}, name=ACTION_TEXTS[kind].form_url)


urlpatterns = [
    *(_form_path(kind, address) for kind, address in FORM_PATHS.items()),
    path("actions/", action_log.list_page, name="actions"),
    path("actions/export.csv", action_log.export, name="actions_export"),
    path("actions/marks/", action_log.marks, name="action_marks"),
    path("actions/skus/<int:pk>/", action_log.skus, name="action_skus"),
    path("actions/<int:pk>/", action_log.action, name="action"),
]
