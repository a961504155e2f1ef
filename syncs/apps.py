from django.apps import AppConfig


class SyncsConfig(AppConfig):
    name = "syncs"

    def ready(self) -> None:
        from . import onlookers, receivers  # noqa: F401  connects the signals
