from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from packr.workspaces.services import save_workspace


class Command(BaseCommand):
    help = "Create or update a workspace. Users who don't exist are created, without a password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name")
        parser.add_argument("--timezone", metavar="TZ", help="such as Europe/Berlin")
        parser.add_argument("--admin", action="append", default=[], metavar="USER")
        parser.add_argument("--member", action="append", default=[], metavar="USER")
        parser.add_argument("--bills", action="append", default=[], metavar="USER", help="a member who sees bills")

    def handle(self, *args: Any, slug: str, admin: list[str], member: list[str], **options: Any) -> None:
        try:
            workspace = save_workspace(
                slug,
                name=options["name"],
                timezone=options["timezone"],
                admins=admin,
                members=member,
                bills=options["bills"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"Workspace {workspace.slug} ({workspace.name}, {workspace.timezone}) is ready.")
