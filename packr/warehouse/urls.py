from django.urls import include, path

from . import look_views, mapping_views, override_views, saved_views, screens, stock_views, views
from .processing import views as processing_views

SCREENS = screens.SCREENS

urlpatterns = [
    *(path(f"{screen.path}/", views.listing, {"screen": screen}, name=screen.name) for screen in SCREENS),
    *(path(f"{screen.path}/export.csv", views.export, {"screen": screen}, name=screen.export) for screen in SCREENS),
    path("", include("packr.warehouse.action_pages.urls")),
    path("orders/<int:pk>/", views.order, name="order"),
    path("inventory/<int:pk>/", views.inventory_item, name="inventory_item"),
    path("products/<int:pk>/", views.product, name="product"),
    path("returns/<int:pk>/", views.returned, name="return"),
    path("views/", saved_views.save, name="save_view"),
    path("views/<int:pk>/", saved_views.change, name="saved_view"),
    path("views/<int:pk>/delete/", saved_views.delete, name="delete_view"),
    path("inbound-shipments/<int:pk>/", views.inbound_shipment, name="inbound_shipment"),
    path("<slug:entity>/<int:pk>/override/", override_views.new, name="override"),
    path("overrides/", override_views.listing, name="overrides"),
    path("overrides/<int:pk>/end/", override_views.end, name="end_override"),
    path("orders/<int:pk>/stock/", stock_views.check_order, name="check_stock"),
    path("<slug:entity>/<int:pk>/check/", look_views.check, name="check_record"),
    path("<slug:entity>/<int:pk>/check/take/", look_views.take, name="take_over"),
    path("", include("packr.warehouse.history.urls")),
    path("settings/stock/", processing_views.stock_settings, name="stock_settings"),
    path("settings/brands/", mapping_views.brands, name="brands"),
    path("settings/brands/<int:pk>/", mapping_views.brand, name="brand"),
    path("settings/brands/<int:pk>/link/", mapping_views.link, name="link_brand"),
    path("settings/brands/links/<int:pk>/remove/", mapping_views.unlink, name="unlink_brand"),
]
