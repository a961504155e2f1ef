import sys
from typing import Any

from django.core.management.base import BaseCommand

from syncs.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run a supervised worker process: syncs what is due, until told to stop (Ctrl-C or SIGTERM)."

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(Supervisor().run())
