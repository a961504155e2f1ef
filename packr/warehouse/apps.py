from django.apps import AppConfig


class WarehouseConfig(AppConfig):
    name = "packr.warehouse"
    label = "warehouse"
