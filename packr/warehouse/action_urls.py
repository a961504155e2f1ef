from django.urls import path

from integrations.connectors.actions import ActionKind

from .views import action_log, actions

urlpatterns = [
    path("orders/new/", actions.create, {"kind": ActionKind.CREATE_ORDER}, name="new_order"),
    path("orders/<int:pk>/hold/", actions.change, {"kind": ActionKind.HOLD_ORDER}, name="hold_order"),
    path("orders/<int:pk>/release/", actions.change, {"kind": ActionKind.RELEASE_ORDER}, name="release_order"),
    path("orders/<int:pk>/cancel/", actions.change, {"kind": ActionKind.CANCEL_ORDER}, name="cancel_order"),
    path(
        "inbound-shipments/new/",
        actions.create,
        {"kind": ActionKind.CREATE_INBOUND_SHIPMENT},
        name="new_inbound_shipment",
    ),
    path(
        "inbound-shipments/<int:pk>/edit/",
        actions.change,
        {"kind": ActionKind.UPDATE_INBOUND_SHIPMENT},
        name="edit_inbound_shipment",
    ),
    path("inventory/<int:pk>/adjust/", actions.change, {"kind": ActionKind.ADJUST_INVENTORY}, name="adjust_inventory"),
    path("products/<int:pk>/edit/", actions.change, {"kind": ActionKind.UPDATE_PRODUCT}, name="edit_product"),
    path("actions/", action_log.list_page, name="actions"),
    path("actions/export.csv", action_log.export, name="actions_export"),
    path("actions/marks/", action_log.marks, name="action_marks"),
    path("actions/skus/<int:pk>/", action_log.skus, name="action_skus"),
    path("actions/<int:pk>/", action_log.action, name="action"),
]
