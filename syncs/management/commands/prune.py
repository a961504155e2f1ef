from typing import Any

from django.core.management.base import BaseCommand

from syncs.monitoring import retention


class Command(BaseCommand):
    help = "Delete history older than its retention. The workers do this automatically every hour."

    def handle(self, *args: Any, **options: Any) -> None:
        result = retention.prune()
        self.stdout.write(f"Deleted {result.runs} runs and {result.incidents} incidents.")
