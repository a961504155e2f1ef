import sys
from typing import Any

from django.core.management.base import BaseCommand

from syncs.process.tuning import tune_worker
from syncs.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run a supervised worker process that syncs due data until it is stopped (Ctrl-C or SIGTERM)."

    def handle(self, *args: Any, **options: Any) -> None:
        tune_worker()
        sys.exit(Supervisor().run())
