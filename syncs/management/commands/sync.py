import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from integrations.entities import GROUPS, Entity
from integrations.management.base import connection_named, entity_named
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import TRIGGER_SYNC
from syncs.engine import runner
from syncs.models import SCHEDULED_MODES, Mode, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import entities_of_group, request_runs

ACCEPTED, FAILED, INCOMPLETE, TIMED_OUT = 0, 1, 3, 4
LOOKS_EVERY = 0.2  # seconds


class Command(BaseCommand):
    help = "Sync entities of a connection now. With --wait, work done by no cluster is done here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="its id, or WORKSPACE/NAME")
        parser.add_argument("entity", nargs="*")
        parser.add_argument("--group", choices=sorted(GROUPS), help="in place of entities")
        parser.add_argument("--mode", choices=[mode for mode, _ in SCHEDULED_MODES], default=Mode.INCREMENTAL)
        parser.add_argument("--wait", action="store_true", help="until the runs have ended")
        parser.add_argument("--timeout", type=float, default=3600, metavar="S", help="how long --wait waits")
        parser.add_argument("--as", dest="user", metavar="USER", help="with this person's rights")

    def handle(self, *args: Any, connection: str, entity: list[str], **options: Any) -> None:
        found = connection_named(connection)
        person = _person(options["user"], found) if options["user"] else None
        if bool(entity) == bool(options["group"]):
            raise CommandError("Name the entities to sync, or a --group.", returncode=2)
        try:
            wanted = (
                [entity_named(name) for name in entity]
                if entity
                else entities_of_group(found, options["group"], GROUPS[options["group"]])
            )
            runs = [
                requested.run
                for requested in request_runs(
                    found, wanted, mode=Mode(options["mode"]), trigger=Trigger.MANUAL, person=person
                )
            ]
        except Refused as error:
            raise CommandError(str(error)) from None
        if not options["wait"]:
            for run in runs:
                self.stdout.write(f"{Entity(run.entity).label}: run {run.pk} is {run.state}.")
            return
        sys.exit(self._wait(found, runs, time.monotonic() + options["timeout"]))

    def _wait(self, connection: Connection, runs: list[SyncRun], until: float) -> int:
        """Until every run, and what follows it, has ended; working on them while no cluster does."""
        ended: list[SyncRun] = []
        while runs:
            if time.monotonic() > until:
                self.stderr.write(f"Still going after the time given: {', '.join(run.entity for run in runs)}.")
                return TIMED_OUT
            claimed = claim(connection=connection)
            if claimed:
                runner.work(claimed)
            else:
                time.sleep(LOOKS_EVERY)
            current = SyncRun.objects.select_related("followed_by").in_bulk([run.pk for run in runs])
            if len(current) < len(runs):
                self.stderr.write("The connection was deleted meanwhile, and its runs with it.")
                return FAILED
            for run in current.values():
                if not run.is_active:
                    self.stdout.write(_sentence(run))
                    ended.append(run)
            followers = [run.followed_by for run in current.values() if not run.is_active and run.followed_by]
            runs = [run for run in current.values() if run.is_active] + followers
        states = {run.state for run in ended}
        if states & {State.FAILED, State.CANCELLED}:
            return FAILED
        return INCOMPLETE if states & {State.PARTIAL, State.NEEDS_REVIEW} else ACCEPTED


def _person(username: str, connection: Connection) -> Any:
    person = get_user_model().objects.filter(username=username).first()
    if person is None:
        raise CommandError(f"There is no person “{username}”.")
    if not access.allows(person, TRIGGER_SYNC, connection.workspace):
        raise CommandError(f"{username} may not start a sync in {connection.workspace.name}; only its admins may.")
    return person


def _sentence(run: SyncRun) -> str:
    counts = f"{run.seen} read, {run.created} created, {run.updated} updated, {run.removed} removed"
    return f"{Entity(run.entity).label}: {run.get_state_display().lower()}, {counts}. {run.message}".rstrip()
