"""`manage.py sandbox_wms`: a live sandbox WMS with the Trackstar API."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from packr.demo.sandbox.cli import add_arguments, serve

OPTIONS = ("port", "seed", "orders", "still", "no_limit", "keep")


class Command(BaseCommand):
    help = "Run a live sandbox WMS with the Trackstar API: api_key sandbox, access_token sandbox-1, sandbox-2, …"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            serve(**{name: options[name] for name in OPTIONS})
        except ValueError as error:
            raise CommandError(str(error)) from error
