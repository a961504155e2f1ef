from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from packr.workspaces import tokens
from packr.workspaces.models import Scope


class Command(BaseCommand):
    help = "Make an API token for a person. It is printed once, alone on its line; support revokes it in the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=Scope.values,
            help="what it may be used for; without any: everything its person may do",
        )

    def handle(self, *args: Any, user: str, scope: list[str], **options: Any) -> None:
        person = get_user_model().objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no person “{user}”.")
        if not person.is_active:
            raise CommandError(f"{user} was switched off, so a token of theirs would open nothing.")
        self.stdout.write(tokens.create(person, [Scope(one) for one in scope]))
