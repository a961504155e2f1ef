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
POLL_SECONDS = 0.2


class Command(BaseCommand):
    help = "Sync entities of a connection now. With --wait, run the syncs here unless a worker does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="id, or WORKSPACE/NAME")
        parser.add_argument("entity", nargs="*", help="for example orders")
        parser.add_argument("--group", choices=sorted(GROUPS), help="sync a group instead of single entities")
        parser.add_argument("--mode", choices=[mode for mode, _ in SCHEDULED_MODES], default=Mode.INCREMENTAL)
        parser.add_argument("--wait", action="store_true", help="wait until the runs have ended")
        parser.add_argument("--timeout", type=float, default=3600, metavar="S", help="stop waiting after S seconds")
        parser.add_argument("--as", dest="user", metavar="USER", help="use the permissions of this person")

    def handle(self, *args: Any, connection: str, entity: list[str], **options: Any) -> None:
        found = connection_named(connection)
        person = _person(options["user"], found) if options["user"] else None
        group = options["group"]
        if bool(entity) == bool(group):
            raise CommandError("Name either entities or a --group to sync.", returncode=2)
        entities = [entity_named(name) for name in entity]
        try:
            if group:
                entities = entities_of_group(found, group, GROUPS[group])
            queued = request_runs(found, entities, mode=Mode(options["mode"]), trigger=Trigger.MANUAL, person=person)
        except Refused as error:
            raise CommandError(str(error)) from None
        runs = [one.run for one in queued]
        if options["wait"]:
            sys.exit(self._wait(found, runs, time.monotonic() + options["timeout"]))
        for run in runs:
            self.stdout.write(f"{Entity(run.entity).label}: run {run.pk} is {run.state}.")

    def _wait(self, connection: Connection, runs: list[SyncRun], deadline: float) -> int:
        """Return the exit code once all runs and their follow-ups have ended. Work on them while no worker does."""
        ended: list[SyncRun] = []
        while runs:
            if time.monotonic() > deadline:
                self.stderr.write(f"Timed out. Still active: {', '.join(run.entity for run in runs)}.")
                return TIMED_OUT
            claimed = claim(connection=connection)
            if claimed:
                runner.work(claimed)
            else:
                time.sleep(POLL_SECONDS)
            current = SyncRun.objects.select_related("followed_by").in_bulk([run.pk for run in runs])
            if len(current) < len(runs):
                self.stderr.write("The connection and its runs were deleted in the meantime.")
                return FAILED
            newly_ended = [run for run in current.values() if not run.is_active]
            for run in newly_ended:
                self.stdout.write(_summary(run))
            ended += newly_ended
            runs = [run for run in current.values() if run.is_active]
            runs += [run.followed_by for run in newly_ended if run.followed_by]
        states = {run.state for run in ended}
        if states & {State.FAILED, State.CANCELLED}:
            return FAILED
        return INCOMPLETE if states & {State.PARTIAL, State.NEEDS_REVIEW} else ACCEPTED


def _person(username: str, connection: Connection) -> Any:
    """Return the person, who must be allowed to start syncs of the connection."""
    person = get_user_model().objects.filter(username=username).first()
    if person is None:
        raise CommandError(f"There is no person “{username}”.")
    if not access.allows(person, TRIGGER_SYNC, connection.workspace):
        raise CommandError(f"{username} may not start syncs in {connection.workspace.name}. Only its admins may.")
    return person


def _summary(run: SyncRun) -> str:
    counts = f"{run.seen} read, {run.created} created, {run.updated} updated, {run.removed} removed"
    return f"{Entity(run.entity).label}: {run.get_state_display().lower()}, {counts}. {run.message}".rstrip()
