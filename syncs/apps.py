from django.apps import AppConfig


class SyncsConfig(AppConfig):
    name = "syncs"

    def ready(self) -> None:
        from . import receivers  # noqa: F401  connects the signals
        from .monitoring import web_trigger  # noqa: F401  connects the signals
