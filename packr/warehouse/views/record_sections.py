"""Sections that the pages of all records share: buttons, marks, history, overrides, changes and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from integrations.entities import Entity
from packr.workspaces.request_context import RequestContext

from .. import overrides
from ..history import queries
from ..history.queries import Entry
from ..history.run_links import RunLink, run_urls, writing_run
from ..metrics import annotations
from ..models import InventoryItem, Mirrored, Product, SkuMetrics
from ..overrides import OverrideEntry
from ..record_urls import WITH_HISTORY, entity_of, history_url
from .action_parts import ActionButton, RecordedAction, RowMarks, latest_actions, record_buttons, row_marks

LATEST_CHANGES = 5


@dataclass(frozen=True, slots=True)
class HistorySection:
    """The latest changes of a record, with the names of the warehouses in them and the addresses of their runs.

    `first_run` is the run that read a record without changes.
    """

    entries: Sequence[Entry]
    warehouses: dict[str, str]
    runs: dict[int, str]
    first_run: RunLink | None
    has_more: bool
    url: str


@dataclass(frozen=True, slots=True)
class OverrideSection:
    """A record's overrides, and whether the person may override its values."""

    entries: Sequence[OverrideEntry]
    may_override: bool


@dataclass(frozen=True, slots=True)
class MetricsSection:
    """The metrics of a record's SKU, None before they are computed, with the workspace's low-stock threshold."""

    metrics: SkuMetrics | None
    low_stock_days: int
    sold_meaning = annotations.SOLD_MEANS
    cover_meaning = annotations.COVER_MEANS
    arrival_meaning = annotations.ARRIVAL_MEANS

    @property
    def is_low(self) -> bool:
        return self.metrics is not None and annotations.is_low(self.metrics, self.low_stock_days)


@dataclass(frozen=True, slots=True)
class RecordSections:
    """Everything that the page of a record shows beside its values."""

    entity: Entity
    buttons: Sequence[ActionButton]
    marks: RowMarks
    changes: Sequence[RecordedAction]
    overrides: OverrideSection
    history: HistorySection | None
    metrics: MetricsSection | None


def record_sections(context: RequestContext, row: Mirrored) -> RecordSections:
    """Return the sections of a record's page. Returns have no actions and no history."""
    has_history = isinstance(row, WITH_HISTORY)
    metrics = None
    if isinstance(row, InventoryItem | Product):
        metrics = MetricsSection(annotations.metrics_of(row), context.workspace.low_stock_days)
    return RecordSections(
        entity=entity_of(row),
        buttons=record_buttons(context, row),
        marks=row_marks([row] if has_history else []),
        changes=latest_actions(row) if has_history else [],
        overrides=override_section(context, row),
        history=_history(context, row) if has_history else None,
        metrics=metrics,
    )


def override_section(context: RequestContext, row: Mirrored) -> OverrideSection:
    """Return the overrides of a record."""
    entity = entity_of(row)
    may_override = context.may_act and row.connection.is_live and bool(overrides.choices(row.connection, entity))
    return OverrideSection(overrides.of_record(row, entity), may_override)


def _history(context: RequestContext, row: Mirrored) -> HistorySection:
    entries = list(queries.entries_of(row, entity_of(row), context, limit=LATEST_CHANGES + 1))
    differences = chain.from_iterable(one.differences for one in entries)
    return HistorySection(
        entries=entries[:LATEST_CHANGES],
        warehouses=queries.warehouses_in(row, differences, context),
        runs=run_urls(entry.change for entry in entries[:LATEST_CHANGES]),
        first_run=None if entries else writing_run(row, row.changed_at),
        has_more=len(entries) > LATEST_CHANGES,
        url=history_url(row),
    )
