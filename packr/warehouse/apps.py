from django.apps import AppConfig


class WarehouseConfig(AppConfig):
    name = "packr.warehouse"
    label = "warehouse"

    def ready(self) -> None:
        from . import receivers  # noqa: F401
