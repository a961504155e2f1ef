"""Links from a record's history to the sync runs behind it, as far as the runs are still kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import Mirrored, RecordChange
from ..models.change_causes import CauseKind
from ..signals import run_urls_requested, writing_run_requested


@dataclass(frozen=True, slots=True)
class RunLink:
    """The number of a run and the address of its page."""

    number: int
    url: str


def run_urls(changes: Iterable[RecordChange]) -> dict[int, str]:
    """Return the addresses of the runs that caused these changes, by the runs' numbers."""
    run_ids = {change.cause_id for change in changes if change.cause == CauseKind.RUN and change.cause_id}
    answers: list[tuple[Any, Any]] = run_urls_requested.send(RecordChange, run_ids=run_ids) if run_ids else []
    return {run_id: url for _, urls in answers for run_id, url in urls.items()}


def writing_run(row: Mirrored, moment: datetime) -> RunLink | None:
    """Return the run that wrote a record at a moment; None if it is no longer kept."""
    answers: list[tuple[Any, Any]] = writing_run_requested.send(type(row), row=row, moment=moment)
    return next((link for _, link in answers if isinstance(link, RunLink)), None)
