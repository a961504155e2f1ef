"""Incidents: one per episode of a problem, closed automatically when the problem is gone."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from ..models import Incident, Problem

log = logging.getLogger(__name__)

IncidentKey = tuple[str, int | None, str]  # problem, connection, entity


@dataclass(frozen=True)
class DetectedProblem:
    """A problem that exists now. `explained`: another problem causes it, so it opens no incident of its own."""

    problem: Problem
    message: str
    connection_id: int | None = None
    entity: str = ""
    explained: bool = False

    @property
    def key(self) -> IncidentKey:
        return self.problem, self.connection_id, self.entity


class IncidentRegister:
    """The open incidents, and those closed within the last `recent`."""

    def __init__(self, now: datetime, recent: timedelta) -> None:
        self.now = now
        known = list(Incident.objects.filter(Q(closed_at=None) | Q(closed_at__gt=now - recent)).order_by())
        self.open = {_key(one): one for one in known if one.closed_at is None}
        self.closed = {_key(one) for one in known if one.closed_at is not None}

    def update(self, detected: Iterable[DetectedProblem]) -> None:
        """Open an incident for each new problem and close those whose problem is gone.

        Two concurrent updates open one incident, not two.
        """
        problems = {problem.key: problem for problem in detected}
        new = [one for key, one in problems.items() if key not in self.open and not one.explained]
        gone = [incident.pk for key, incident in self.open.items() if key not in problems]
        try:
            with transaction.atomic():
                self._open(new)
                if gone:
                    Incident.objects.filter(pk__in=gone, closed_at=None).update(closed_at=self.now)
        except IntegrityError:
            log.info("A connection was deleted while its incidents were being saved. The next check tries again.")

    def _open(self, problems: list[DetectedProblem]) -> None:
        for one in problems:
            log.warning("Incident: %s", one.message)
        incidents = [
            Incident(
                problem=one.problem,
                connection_id=one.connection_id,
                entity=one.entity,
                message=one.message,
                opened_at=self.now,
            )
            for one in problems
        ]
        Incident.objects.bulk_create(incidents, ignore_conflicts=True)


def _key(incident: Incident) -> IncidentKey:
    return incident.problem, incident.connection_id, incident.entity


def open_incidents() -> list[Incident]:
    """Return the open incidents, newest first."""
    return list(Incident.objects.filter(closed_at=None).select_related("connection__workspace"))
