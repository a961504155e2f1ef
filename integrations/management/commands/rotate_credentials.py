from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from integrations.encryption import Unreadable, rotate
from integrations.models import Connection


class Command(BaseCommand):
    help = "Encrypt all stored credentials again, with the first key of PACKR_CREDENTIAL_KEYS."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for connection in Connection.objects.select_for_update():
            try:
                connection.sealed_credentials = rotate(connection.sealed_credentials)
            except Unreadable as error:
                raise CommandError(f"Nothing was changed. {connection}: {error}") from None
            connection.save(update_fields=["sealed_credentials"])
            count += 1
        self.stdout.write(f"{count} connections are encrypted with the first key.")
