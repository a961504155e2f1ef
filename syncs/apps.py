import gc

from django.apps import AppConfig


class SyncsConfig(AppConfig):
    name = "syncs"

    def ready(self) -> None:
        from . import receivers  # noqa: F401  connects the signals
        from .monitoring import web_trigger  # noqa: F401  connects the signals

        # What is loaded by now stays as long as the process. To look through all of it for garbage, again and again,
        # took a tenth of a first load and held up everything for 80 ms each time.
        gc.freeze()
        gc.set_threshold(10_000)
