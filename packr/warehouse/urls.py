from django.urls import include, path

from .lists.screens import SCREENS
from .record_urls import WITH_HISTORY
from .views import brand_mapping, history, lists, live_lookup, overrides, records, saved_views, stock, stock_settings

urlpatterns = [
    *(path(f"{screen.path}/", lists.list_page, {"screen": screen}, name=screen.name) for screen in SCREENS),
    *(path(f"{screen.path}/export.csv", lists.export, {"screen": screen}, name=screen.export) for screen in SCREENS),
    *(
        path(
            f"{screen.path}/<int:pk>/history/",
            history.history,
            {"entity": screen.entity},
            name=f"{screen.name}_history",
        )
        for screen in SCREENS
        if screen.model in WITH_HISTORY
    ),
    path("", include("packr.warehouse.action_urls")),
    path("orders/<int:pk>/", records.order, name="order"),
    path("orders/<int:pk>/stock/", stock.check_order, name="check_stock"),
    path("inventory/<int:pk>/", records.inventory_item, name="inventory_item"),
    path("products/<int:pk>/", records.product, name="product"),
    path("returns/<int:pk>/", records.returned, name="return"),
    path("inbound-shipments/<int:pk>/", records.inbound_shipment, name="inbound_shipment"),
    path("<slug:entity>/<int:pk>/override/", overrides.new, name="override"),
    path("<slug:entity>/<int:pk>/check/", live_lookup.check, name="check_record"),
    path("<slug:entity>/<int:pk>/check/take/", live_lookup.accept, name="take_over"),
    path("overrides/", overrides.list_page, name="overrides"),
    path("overrides/<int:pk>/end/", overrides.end, name="end_override"),
    path("views/", saved_views.save, name="save_view"),
    path("views/<int:pk>/", saved_views.change, name="saved_view"),
    path("views/<int:pk>/delete/", saved_views.delete, name="delete_view"),
    path("settings/stock/", stock_settings.stock_settings, name="stock_settings"),
    path("settings/brands/", brand_mapping.brands, name="brands"),
    path("settings/brands/<int:pk>/", brand_mapping.brand, name="brand"),
    path("settings/brands/<int:pk>/link/", brand_mapping.link, name="link_brand"),
    path("settings/brands/links/<int:pk>/remove/", brand_mapping.unlink, name="unlink_brand"),
]
