"""The filters of lists."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.timezone import now

from packr.workspaces.request_context import RequestContext

from ..models import Mirrored
from ..models.orders import TO_SHIP
from ..visibility import seen_by

Condition = Callable[[str, RequestContext], Q]
MAX_CHOICES = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of a list, of which people choose one value. `name` is its name in the address.

    `words` are its values with their labels. If its values are rows of the mirror instead, `model` holds them;
    `by_name`: the value is a row's name, otherwise it is `connection:id`.
    """

    name: str
    label: str
    condition: Condition
    words: tuple[tuple[str, str], ...] = ()
    model: type[Mirrored] | None = None
    by_name: bool = False

    def accepts(self, value: str) -> bool:
        """Return whether the value may be chosen. Others are ignored."""
        if self.model is None:
            return value in dict(self.words)
        return bool(value) and "\0" not in value and (self.by_name or _parse_row(value) is not None)

    def value_of(self, connection: int, external_id: str, label: str) -> str:
        """Return the value that chooses a row of `model`."""
        return label if self.by_name else f"{connection}:{external_id}"

    def choices(self, context: RequestContext) -> list[tuple[str, str]]:
        """Return the values with their labels, by label; of visible rows at most MAX_CHOICES."""
        if self.model is None:
            return list(self.words)
        label = Coalesce(NullIf("name", Value("")), F("external_id"), output_field=TextField())
        rows = seen_by(self.model._default_manager.annotate(label=label), context).order_by("label")
        found = rows.values_list("connection_id", "external_id", "label")[:MAX_CHOICES]
        choices = {self.value_of(*row): row[-1] for row in found}
        return sorted(choices.items(), key=lambda choice: choice[1].casefold())


def words(field: str, label: str, codes: Iterable[str]) -> Filter:
    """Return a filter by a field that holds one of a few codes."""
    pairs = tuple((code, code.replace("_", " ").replace("-", " ").capitalize()) for code in codes)
    return Filter(field, label, lambda value, context: Q(**{field: value}), pairs)


def flag(field: str, label: str, yes: str = "Yes", no: str = "No") -> Filter:
    """Return a filter by a boolean field. Without a label for `no`, only true can be chosen."""
    pairs = (("yes", yes), ("no", no)) if no else (("yes", yes),)
    return Filter(field, label, lambda value, context: Q(**{field: value == "yes"}), pairs)


def row(name: str, label: str, model: type[Mirrored], field: str) -> Filter:
    """Return a filter by a field that holds the id of a row of the same connection."""

    def condition(value: str, context: RequestContext) -> Q:
        found = _parse_row(value)
        return Q(connection=found[0], **{field: found[1]}) if found else Q(pk__in=())

    return Filter(name, label, condition, model=model)


def named(name: str, label: str, model: type[Mirrored], field: str) -> Filter:
    """Return a filter by a field that holds the name of a row."""
    return Filter(name, label, lambda value, context: Q(**{field: value}), model=model, by_name=True)


def _parse_row(value: str) -> tuple[int, str] | None:
    connection, colon, key = value.partition(":")
    is_number = connection.isascii() and connection.isdigit() and len(connection) <= 18
    return (int(connection), key) if colon and key and is_number else None


def _ship_by(value: str, context: RequestContext) -> Q:
    """Return the orders still to be shipped by a day of the workspace's calendar."""
    zone = ZoneInfo(context.workspace.timezone)
    today = now().astimezone(zone).date()

    def midnight(days: int) -> datetime:
        return datetime.combine(today + timedelta(days=days), time(), zone)

    to_ship = Q(status__in=TO_SHIP)
    if value == "overdue":
        return to_ship & Q(required_ship_date__lt=midnight(0))
    end = midnight(1 if value == "today" else 7)
    return to_ship & Q(required_ship_date__gte=midnight(0), required_ship_date__lt=end)


SHIP_BY = Filter("ship_by", "Ship by", _ship_by, (("overdue", "Overdue"), ("today", "Today"), ("week", "Next 7 days")))
