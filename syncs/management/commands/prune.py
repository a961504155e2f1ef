from typing import Any

from django.core.management.base import BaseCommand

from syncs.monitoring import retention


class Command(BaseCommand):
    help = "Remove history that is past its time, as the workers do every hour by themselves."

    def handle(self, *args: Any, **options: Any) -> None:
        pruned = retention.prune()
        self.stdout.write(f"Removed {pruned.runs} runs and {pruned.incidents} incidents.")
