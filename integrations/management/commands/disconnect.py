from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.management.base import connection_named
from integrations.services import disconnect


class Command(BaseCommand):
    help = "Disconnect: syncs stop and the credentials are deleted. The data stays unless --delete-data is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="its id, or WORKSPACE/NAME")
        parser.add_argument("--delete-data", action="store_true", help="delete the connection with all its data")

    def handle(self, *args: Any, connection: str, delete_data: bool, **options: Any) -> None:
        found = connection_named(connection)
        disconnect(found, delete_data=delete_data)
        outcome = "Its data was deleted." if delete_data else "Its data was kept."
        self.stdout.write(f"{found.name} is disconnected. {outcome}")
