"""What pages show of changes that people send to the WMS: the buttons, the marks, what was sent for a record."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from integrations.connectors.actions import ActionKind
from integrations.models import Action, Connection
from packr.warehouse import actions
from packr.warehouse.actions import Mark
from packr.warehouse.actions.forms import ActionForm
from packr.warehouse.actions.status_labels import STATUS_LABELS, ActionStatus, status_of
from packr.warehouse.actions.texts import ACTION_TEXTS
from packr.warehouse.models import Mirrored, Order
from packr.warehouse.record_urls import ENTITIES
from packr.warehouse.visibility import known_connections
from packr.workspaces.formatting import day, zone_of

register = template.Library()

# The address of each kind's form.
FORMS = {
    ActionKind.CREATE_ORDER: "new_order",
    ActionKind.HOLD_ORDER: "hold_order",
    ActionKind.RELEASE_ORDER: "release_order",
    ActionKind.CANCEL_ORDER: "cancel_order",
    ActionKind.CREATE_INBOUND_SHIPMENT: "new_inbound_shipment",
    ActionKind.UPDATE_INBOUND_SHIPMENT: "edit_inbound_shipment",
    ActionKind.ADJUST_INVENTORY: "adjust_inventory",
    ActionKind.UPDATE_PRODUCT: "edit_product",
}
LATEST = 5


@register.inclusion_tag("actions/_buttons.html", takes_context=True)
def record_actions(context: Context, row: Mirrored) -> dict[str, Any]:
    """The buttons of what can be done with a record; with the reason beside those that its WMS can't be asked for."""
    place = context.get("place")
    if not place or not place.may_act or row.removed_at:
        return {"buttons": ()}
    reasons = actions.available_actions(row.connection)
    kinds = [kind for kind in ActionKind if kind.entity == ENTITIES[type(row)] and not kind.creates]
    return {"buttons": [_button(kind, reasons[kind], row) for kind in kinds if _makes_sense(kind, row)]}


def _makes_sense(kind: ActionKind, row: Mirrored) -> bool:
    """An order that is on hold can be released, another one held; where that is not known, both are there."""
    held = getattr(row, "held", None) if isinstance(row, Order) else None
    return not (kind == ActionKind.HOLD_ORDER and held is True) and not (
        kind == ActionKind.RELEASE_ORDER and held is False
    )


def _button(kind: ActionKind, reason: str, row: Mirrored) -> dict[str, Any]:
    return {"words": ACTION_TEXTS[kind], "reason": reason, "address": reverse(FORMS[kind], args=[row.pk]), "kind": kind}


@register.inclusion_tag("actions/_new.html", takes_context=True)
def new_record(context: Context, entity: str) -> dict[str, Any]:
    """The button of a list that creates something, if its entity has one and the person may."""
    place = context.get("place")
    kind = next((kind for kind in ActionKind if kind.creates and kind.entity == entity), None)
    if kind is None or not place or not place.may_act:
        return {}
    live = [one for one in known_connections(place) if one.is_live]
    reasons = [actions.available_actions(one)[kind] for one in live]
    if not reasons:
        return {}
    reason = "" if "" in reasons else reasons[0]
    return {"words": ACTION_TEXTS[kind], "reason": reason, "address": reverse(FORMS[kind]), "kind": kind}


@register.simple_tag
def marks_of(rows: Sequence[Mirrored]) -> dict[int, Mark]:
    """The marks of a list's rows, by their keys."""
    # A list's rows know already whether a change of them was ever sent.
    return actions.marks([row for row in rows if getattr(row, "was_changed", True)])


@register.simple_tag
def alone(row: Mirrored) -> list[Mirrored]:
    """A row by itself, for what takes several."""
    return [row]


@register.simple_tag(takes_context=True)
def mark(context: Context, marks: dict[int, Mark], row: Mirrored) -> str:
    """The mark of a row: how the last change that a person sent stands; nothing when there is none."""
    found = marks.get(row.pk)
    if found is None:
        return ""
    return mark_safe(render_to_string("actions/_mark.html", marked(context, found, row)).strip())


def marked(context: Context, found: Mark | None, row: Mirrored) -> dict[str, Any]:
    """What a row's mark shows; an empty place where it has none any more."""
    if found is None:
        return {"id": mark_id(row)}
    look = STATUS_LABELS[ActionStatus(found.state)]
    return {"id": mark_id(row), "mark": found, "look": look, "at": clock(context, found.at)}


def mark_id(row: Mirrored) -> str:
    """The id of the place where a row's mark stands."""
    return f"mark-{ENTITIES[type(row)]}-{row.pk}"


@register.simple_tag
def watched_marks(marks: dict[int, Mark], rows: Sequence[Mirrored]) -> dict[str, Any]:
    """What keeps the marks of rows up to date while some are open: which to ask for, and how soon."""
    watched = [row for row in rows if row.pk in marks and ActionStatus(marks[row.pk].state).is_open]
    if not watched:
        return {}
    soonest = min(ActionStatus(marks[row.pk].state).look_again for row in watched)
    query = "&".join(f"row={row.pk}" for row in watched)
    return {"address": f"{reverse('action_marks')}?entity={ENTITIES[type(watched[0])]}&{query}", "every": soonest}


@register.simple_tag(takes_context=True)
def clock(context: Context, moment: datetime | None) -> SafeString:
    """A moment of today to the second, `14:05:09`; of another day with its date."""
    if moment is None:
        return SafeString("")
    zone = zone_of(context)
    local = moment.astimezone(zone)
    words = (
        f"{local:%H:%M:%S}" if local.date() == now().astimezone(zone).date() else f"{day(moment, zone)}, {local:%H:%M}"
    )
    return mark_safe(f'<time datetime="{moment.isoformat()}">{words}</time>')


@register.inclusion_tag("actions/_changes.html", takes_context=True)
def changes_of(context: Context, row: Mirrored) -> dict[str, Any]:
    """The last changes that people sent to the WMS for a record, each with the way to what was sent and answered."""
    entity = ENTITIES[type(row)]
    sent = Action.objects.filter(connection=row.connection_id, entity=entity, external_id=row.external_id)
    latest = list(sent.select_related("person").defer("exchanges").order_by("-pk")[:LATEST])
    changes = [{"action": one, "kind": ActionKind(one.kind), "standing": status_of(one, now())} for one in latest]
    return {"changes": changes, "row": row, "entity": entity, "place": context.get("place")}


@register.inclusion_tag("components/_badge.html")
def standing_badge(standing: ActionStatus) -> dict[str, str]:
    """How a change stands: icon, word and tone."""
    look = STATUS_LABELS[standing]
    return {"icon": look.icon, "word": look.word, "tone": look.tone}


@register.filter
def look_of(standing: ActionStatus) -> Any:
    """What is said of a standing."""
    return STATUS_LABELS[standing]


@register.filter
def wms_name(connection: Connection) -> str:
    """What to call the WMS that a connection reaches, as far as that is known: `ShipHero`, `The WMS`."""
    behind = connection.learned.get("integration_label")
    return str(behind or ("The WMS" if connection.connector.is_copy else connection.connector.label))


@register.filter
def warehouse_named(external_id: str, form: ActionForm) -> str:
    """The name of a warehouse, by the choices of the form."""
    named = {choice.value: choice.label for choice in form.choices.get("warehouse", ())}
    return named.get(external_id, external_id)


@register.filter
def indented(text: str) -> str:
    """A body that was sent or answered, laid out when it is JSON."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
