from django.urls import path

from integrations.entities import Entity

from .views import history

# Entities whose records have a page of their history, as they stand in addresses.
PAGES = {
    Entity.ORDERS: "orders",
    Entity.INVENTORY: "inventory",
    Entity.INBOUND_SHIPMENTS: "inbound-shipments",
    Entity.PRODUCTS: "products",
}

urlpatterns = [
    path(
        f"{name}/<int:pk>/history/",
        history.history,
        {"entity": entity},
        name=f"{entity.value}_history".replace("-", "_"),
    )
    for entity, name in PAGES.items()
]
