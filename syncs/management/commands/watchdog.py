from typing import Any

from django.core.management.base import BaseCommand

from syncs.monitoring import watchdog


class Command(BaseCommand):
    help = "Check all syncs once, for cron: repair what can be repaired, and print the open incidents."

    def handle(self, *args: Any, **options: Any) -> None:
        for incident in watchdog.check():
            self.stdout.write(f"{incident.opened_at:%Y-%m-%dT%H:%M:%SZ} {incident}: {incident.message}")
