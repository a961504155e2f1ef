from django.urls import path

from integrations.connectors.actions import ActionKind

from . import live, traces, views

urlpatterns = [
    path("orders/new/", views.create, {"kind": ActionKind.CREATE_ORDER}, name="new_order"),
    path("orders/<int:pk>/hold/", views.change, {"kind": ActionKind.HOLD_ORDER}, name="hold_order"),
    path("orders/<int:pk>/release/", views.change, {"kind": ActionKind.RELEASE_ORDER}, name="release_order"),
    path("orders/<int:pk>/cancel/", views.change, {"kind": ActionKind.CANCEL_ORDER}, name="cancel_order"),
    path(
        "inbound-shipments/new/",
        views.create,
        {"kind": ActionKind.CREATE_INBOUND_SHIPMENT},
        name="new_inbound_shipment",
    ),
    path(
        "inbound-shipments/<int:pk>/edit/",
        views.change,
        {"kind": ActionKind.UPDATE_INBOUND_SHIPMENT},
        name="edit_inbound_shipment",
    ),
    path("inventory/<int:pk>/adjust/", views.change, {"kind": ActionKind.ADJUST_INVENTORY}, name="adjust_inventory"),
    path("products/<int:pk>/edit/", views.change, {"kind": ActionKind.UPDATE_PRODUCT}, name="edit_product"),
    path("actions/", traces.listing, name="actions"),
    path("actions/export.csv", traces.export, name="actions_export"),
    path("actions/marks/", live.marks, name="action_marks"),
    path("actions/skus/<int:pk>/", live.skus, name="action_skus"),
    path("actions/<int:pk>/", traces.action, name="action"),
]
