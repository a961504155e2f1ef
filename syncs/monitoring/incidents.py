"""Incidents: one per episode of something being wrong, closed by itself when it is healed."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from ..models import Incident, Problem

log = logging.getLogger(__name__)

Key = tuple[str, int | None, str]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now. `explained`: it follows from something else, so it opens no incident of its own."""

    problem: Problem
    message: str
    connection_id: int | None = None
    entity: str = ""
    explained: bool = False

    @property
    def key(self) -> Key:
        return self.problem, self.connection_id, self.entity


class IncidentRegister:
    """The incidents that are open, and those that were closed a short time ago."""

    def __init__(self, now: datetime, recent: timedelta) -> None:
        self.now = now
        known = list(Incident.objects.filter(Q(closed_at=None) | Q(closed_at__gt=now - recent)).order_by())
        self.open: dict[Key, Incident] = {_key(one): one for one in known if one.closed_at is None}
        self.closed: set[Key] = {_key(one) for one in known if one.closed_at is not None}

    def settle(self, findings: Iterable[Finding]) -> None:
        """Open what is new, close what is no more. Two that do this at once open one incident, not two."""
        wrong = {finding.key: finding for finding in findings}
        news = [one for key, one in wrong.items() if key not in self.open and not one.explained]
        healed = [one.pk for key, one in self.open.items() if key not in wrong]
        try:
            with transaction.atomic():
                self._open(news)
                if healed:
                    Incident.objects.filter(pk__in=healed, closed_at=None).update(closed_at=self.now)
        except IntegrityError:
            log.info("A connection was deleted while its incidents were written; the next check looks again.")

    def _open(self, news: list[Finding]) -> None:
        for one in news:
            log.warning("Incident: %s", one.message)
        Incident.objects.bulk_create(
            [
                Incident(
                    problem=one.problem,
                    connection_id=one.connection_id,
                    entity=one.entity,
                    message=one.message,
                    opened_at=self.now,
                )
                for one in news
            ],
            ignore_conflicts=True,
        )


def _key(incident: Incident) -> Key:
    return incident.problem, incident.connection_id, incident.entity


def open_incidents() -> list[Incident]:
    """The open incidents, the newest first."""
    return list(Incident.objects.filter(closed_at=None).select_related("connection__workspace"))
