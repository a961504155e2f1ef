import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.management.base import workspace_named
from integrations.services import Account, connect
from packr.workspaces.errors import Refused


class Command(BaseCommand):
    help = "Connect a workspace to its WMS. Reads the credentials from standard input, as a JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace")
        parser.add_argument("wms")
        parser.add_argument("--name", required=True, help="unique in the workspace")
        parser.add_argument("--base-url", default="", help="the address of a WMS that you host")
        parser.add_argument("--lookback-days", type=int, default=30, metavar="D")
        parser.add_argument("--no-first-sync", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, workspace: str, wms: str, **options: Any) -> None:
        account = Account(
            wms=wms,
            name=options["name"],
            credentials=_credentials(),
            base_url=options["base_url"],
            lookback_days=options["lookback_days"],
        )
        try:
            connection = connect(workspace_named(workspace), account, first_sync=not options["no_first_sync"])
        except Refused as error:
            raise CommandError(f"Not connected. {error}") from None
        self.stdout.write(json.dumps({"id": connection.pk}) if options["json"] else str(connection.pk))


def _credentials() -> dict[str, Any]:
    try:
        found = json.load(sys.stdin)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CommandError('Pass the credentials on standard input as a JSON object, such as {"api_key": "…"}.')
    return found
