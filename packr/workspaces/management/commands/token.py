from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from packr.workspaces import tokens
from packr.workspaces.models import Scope


class Command(BaseCommand):
    help = "Create an API token for a user. It is printed once, alone on its line; support can revoke it in the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=Scope.values,
            help="what the token may be used for; without any, everything its user may do",
        )

    def handle(self, *args: Any, user: str, scope: list[str], **options: Any) -> None:
        person = get_user_model().objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user “{user}”.")
        if not person.is_active:
            raise CommandError(f"{user} is inactive, so a token of theirs would not work.")
        self.stdout.write(tokens.create(person, [Scope(one) for one in scope]))
