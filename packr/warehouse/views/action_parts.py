"""Parts of pages that show changes sent to the WMS: buttons, marks and recorded actions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import now

from integrations.connectors.actions import ActionKind
from integrations.entities import Entity
from integrations.models import Action
from packr.workspaces.request_context import RequestContext

from .. import actions
from ..actions import ActionStatus, Mark
from ..actions.status import status_of
from ..actions.texts import ACTION_TEXTS, ActionTexts
from ..mirror.schema import TABLES
from ..models import Mirrored, Order
from ..record_urls import entity_of, record_url
from ..visibility import known_connections, seen_by

LATEST_ACTIONS = 5


@dataclass(frozen=True, slots=True)
class ActionButton:
    """Button of an action, or its disabled form with the reason why the action is unavailable."""

    kind: ActionKind
    reason: str
    url: str

    @property
    def texts(self) -> ActionTexts:
        return ACTION_TEXTS[self.kind]


def record_buttons(context: RequestContext, row: Mirrored) -> list[ActionButton]:
    """Return the buttons of a record; none for people who may not act, or if the WMS no longer has it."""
    if not context.may_act or row.removed_at:
        return []
    reasons = actions.available_actions(row.connection)
    return [
        ActionButton(kind, reasons[kind], reverse(ACTION_TEXTS[kind].form_url, args=[row.pk]))
        for kind in ActionKind
        if kind.entity == entity_of(row) and not kind.creates and _is_possible(kind, row)
    ]


def _is_possible(kind: ActionKind, row: Mirrored) -> bool:
    """Return False for holding a held order and for releasing one that is not held; both if that is unknown."""
    is_held = row.held if isinstance(row, Order) else None
    if kind == ActionKind.HOLD_ORDER:
        return is_held is not True
    return kind != ActionKind.RELEASE_ORDER or is_held is not False


def create_button(context: RequestContext, entity: Entity) -> ActionButton | None:
    """Return the button that creates a record of an entity, if the entity has one and the person may use it."""
    kind = next((kind for kind in ActionKind if kind.creates and kind.entity == entity), None)
    if kind is None or not context.may_act:
        return None
    reasons = [actions.available_actions(one)[kind] for one in known_connections(context) if one.is_live]
    if not reasons:
        return None
    return ActionButton(kind, "" if "" in reasons else reasons[0], reverse(ACTION_TEXTS[kind].form_url))


@dataclass(frozen=True, slots=True)
class RowMarks:
    """Marks of rows of one entity, and the address that refreshes those that are still open."""

    rows: Sequence[Mirrored]
    marks: dict[int, Mark] = field(default_factory=dict)

    @property
    def watched(self) -> list[Mirrored]:
        """The rows whose marks will change."""
        return [row for row in self.rows if row.pk in self.marks and self.marks[row.pk].status.is_open]

    @property
    def poll_url(self) -> str:
        """The address of the open marks; "" if there are none."""
        if not self.watched:
            return ""
        query = [("entity", str(entity_of(self.watched[0]))), *(("row", str(row.pk)) for row in self.watched)]
        return f"{reverse('action_marks')}?{urlencode(query)}"

    @property
    def poll_interval(self) -> str:
        """How often the open marks are refreshed, as htmx writes it: as often as the fastest needs."""
        intervals = {self.marks[row.pk].status.poll_interval for row in self.watched}
        return "3s" if "3s" in intervals else "30s"

    @property
    def announcement(self) -> str:
        """The marks in words, for screen readers."""
        marked = [(row, self.marks[row.pk].status) for row in self.rows if row.pk in self.marks]
        return ". ".join(f"{row}: {status.label.word}" for row, status in marked)


def row_marks(rows: Sequence[Mirrored]) -> RowMarks:
    """Return the marks of rows. Rows of a list carry `was_changed`: only rows with changes are looked up."""
    return RowMarks(rows, actions.marks([row for row in rows if getattr(row, "was_changed", True)]))


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """An action and the row it changed, if the mirror has that."""

    action: Action
    row: Mirrored | None

    @property
    def kind(self) -> ActionKind:
        return ActionKind(self.action.kind)

    @property
    def status(self) -> ActionStatus:
        return status_of(self.action, now())

    @property
    def row_url(self) -> str:
        return record_url(self.row) if self.row else ""

    @property
    def name(self) -> str:
        """The record's name, or its requested number or id if the mirror does not have it."""
        values = self.action.values
        number = values.get("order_number") or values.get("purchase_order_number")
        return str(self.row or number or self.action.external_id or "")


def with_rows(found: Sequence[Action], context: RequestContext) -> list[RecordedAction]:
    """Return the actions with the rows they changed, one query an entity."""
    rows: dict[tuple[str, int, str], Mirrored] = {}
    for entity in {one.entity for one in found}:
        ids = {one.external_id for one in found if one.entity == entity and one.external_id}
        visible = (
            TABLES[Entity(entity)]
            .model._default_manager.defer("record", "digest")
            .filter(connection__in={one.connection_id for one in found}, external_id__in=ids)
        )
        rows |= {(entity, row.connection_id, row.external_id): row for row in seen_by(visible, context)}
    return [RecordedAction(one, rows.get((one.entity, one.connection_id, one.external_id))) for one in found]


def latest_actions(row: Mirrored) -> list[RecordedAction]:
    """Return the latest actions that changed a record, newest first."""
    found = Action.objects.filter(
        connection=row.connection_id, entity=entity_of(row), external_id=row.external_id
    ).select_related("person")
    return [RecordedAction(one, row) for one in found.defer("exchanges").order_by("-pk")[:LATEST_ACTIONS]]
