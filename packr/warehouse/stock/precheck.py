"""Whether what a new order asks for is there, found out before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integrations.connectors.actions import ActionKind, Field
from integrations.models import Action, Connection

from ..actions.validation import checked
from .check import Check, Wanted, check


@dataclass(frozen=True, slots=True)
class Found:
    """A stock check of what is about to be ordered."""

    check: Check

    @property
    def is_fine(self) -> bool:
        """Whether the order can be sent without asking anybody first."""
        return self.check.is_enough and not self.check.needs_choice


def of(
    connection: Connection, kind: ActionKind, fields: Sequence[Field], values: Mapping[str, Any], key: str
) -> Found | None:
    """The check of a new order's lines; None where there is nothing to check, or it was sent already.

    Raises actions.Invalid for values that could not be sent anyway.
    """
    if kind != ActionKind.CREATE_ORDER or Action.objects.filter(connection=connection, key=key).exists():
        return None
    good = checked(values, fields)
    lines = [line for line in good.get("line_items", ()) if line.get("sku") and line.get("quantity")]
    if not lines:
        return None
    wanted = [Wanted(line["sku"], Decimal(str(line["quantity"])), line.get("product_id")) for line in lines]
    places = {line.get("warehouse_id") for line in (good, *lines)} - {None}
    place = places.pop() if len(places) == 1 else None
    return Found(check(connection, wanted, warehouse=place, customer=good.get("warehouse_customer_id")))


def keep(found: Found | None, action: Action) -> None:
    """Put the check beside what was sent in spite or because of it."""
    if found and "stock" not in action.before:
        action.before = {**action.before, "stock": found.check.kept()}
        action.save(update_fields=["before"])
