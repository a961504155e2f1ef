import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.connectors.capabilities import capabilities
from integrations.entities import Entity
from integrations.management.base import print_table


class Command(BaseCommand):
    help = "Show what each WMS offers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        found = capabilities()
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        rows = [
            {"entity": entity.value, **{slug: "read" if found[slug][entity]["read"] else "-" for slug in found}}
            for entity in Entity
        ]
        print_table(self.stdout, rows, ["entity", *found], as_json=False)
