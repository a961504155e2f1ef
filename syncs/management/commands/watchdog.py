from typing import Any

from django.core.management.base import BaseCommand

from syncs.monitoring import watchdog


class Command(BaseCommand):
    help = "Look after all syncs once, as cron may do every minute: mend what can be mended, print what is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        for incident in watchdog.check():
            self.stdout.write(f"{incident.opened_at:%Y-%m-%dT%H:%M:%SZ} {incident}: {incident.message}")
