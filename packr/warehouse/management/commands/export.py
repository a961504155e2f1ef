from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.management.base import connection_named, entity_named
from packr.warehouse.mirror import export


class Command(BaseCommand):
    help = "Print the records of one entity as JSON lines, without removed records."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="its id, or WORKSPACE/NAME")
        parser.add_argument("entity")

    def handle(self, *args: Any, connection: str, entity: str, **options: Any) -> None:
        found = connection_named(connection)
        wanted = entity_named(entity)
        if wanted not in found.connector.entities():
            raise CommandError(f"{found.connector.label} does not offer {wanted.label.lower()}.")
        for line in export.export_lines(found, wanted):
            self.stdout.write(line)
