from django.urls import path

from . import screens, views

urlpatterns = [
    path("orders/", views.listing, {"screen": screens.ORDERS}, name="orders"),
    path("orders/<int:pk>/", views.order, name="order"),
    path("inventory/", views.listing, {"screen": screens.INVENTORY}, name="inventory"),
    path("inbound-shipments/", views.listing, {"screen": screens.INBOUND_SHIPMENTS}, name="inbound_shipments"),
    path("inbound-shipments/<int:pk>/", views.inbound_shipment, name="inbound_shipment"),
    path("products/", views.listing, {"screen": screens.PRODUCTS}, name="products"),
]
