"""The looks of values that people put over the WMS's own."""

from datetime import datetime
from typing import Any

from django import template
from django.template import Context

from integrations.entities import Entity
from packr.warehouse import overrides
from packr.warehouse.models import Mirrored, Override
from packr.warehouse.models.overrides import OverrideState

register = template.Library()

STATES = {
    OverrideState.ACTIVE: ("pencil-square", "info"),
    OverrideState.REPLACED: ("arrow-path", "neutral"),
    OverrideState.EXPIRED: ("clock", "neutral"),
    OverrideState.ENDED: ("stop-circle", "neutral"),
}


@register.inclusion_tag("components/_badge.html")
def override_state(override: Override) -> dict[str, str]:
    """What became of an override."""
    state = override.state()
    icon, tone = STATES[state]
    return {"icon": icon, "word": str(state.label), "tone": tone}


@register.filter
def is_active(override: Override) -> bool:
    """Whether an override of `with_rows` holds."""
    return override.state() == OverrideState.ACTIVE


@register.filter
def is_replaced(override: Override) -> bool:
    """Whether a newer version from the WMS took its place."""
    return override.state() == OverrideState.REPLACED


@register.filter
def override_label(override: Override) -> str:
    """The words for what is overridden."""
    return overrides.label(override)


@register.filter
def override_ended(override: Override) -> datetime:
    """When it was over."""
    return overrides.ended_at(override)


@register.inclusion_tag("warehouse/_overrides.html", takes_context=True)
def record_overrides(context: Context, row: Mirrored, entity: str) -> dict[str, Any]:
    """What people put over a record's values, and the way to do so for those who may."""
    kind = Entity(entity)
    place = context["place"]
    return {
        "row": row,
        "entity": kind,
        "found": overrides.of_record(row, kind),
        "may": place.may_act and row.connection.is_live and bool(overrides.choices(row.connection, kind)),
        "place": place,
        "csrf_token": context.get("csrf_token"),
    }
