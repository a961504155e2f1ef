"""`manage.py sandbox_wms`: a WMS of our own that speaks the Trackstar API and lives."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from packr.demo.sandbox.cli import add_arguments, serve

OPTIONS = ("port", "seed", "orders", "still", "no_limit", "keep")


class Command(BaseCommand):
    """Serves until it is told to end."""

    help = "A WMS that speaks the Trackstar API and lives: api_key sandbox, access_token sandbox-1, sandbox-2, …"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        try:
            serve(**{name: options[name] for name in OPTIONS})
        except ValueError as error:
            raise CommandError(str(error)) from error
