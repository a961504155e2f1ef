"""What a list can be narrowed by."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.timezone import now

from packr.workspaces.request_context import RequestContext

from ..models import Mirrored
from ..models.orders import TO_SHIP

Condition = Callable[[str, RequestContext], Q]


@dataclass(frozen=True, slots=True)
class Options:
    """Rows of the mirror as choices. `by_name`: what is compared is a name; else it is a row of one connection."""

    model: type[Mirrored]
    by_name: bool = False

    def of(self, rows: Any, name: str) -> Any:
        """The choices among rows, as (the filter's name, connection, key, word)."""
        word = Coalesce(NullIf("name", Value("")), F("external_id"), output_field=TextField())
        what = Value(name, output_field=TextField())
        return rows.annotate(what=what, word=word).values_list("what", "connection_id", "external_id", "word")

    def value(self, connection: int, key: str, word: str) -> str:
        """A choice as it stands in the address."""
        return word if self.by_name else f"{connection}:{key}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Something of which people choose one value. `name` is what the address calls it.

    `words` are the values with the words for them; where there are `options` instead, the mirror has them.
    """

    name: str
    label: str
    condition: Condition
    words: tuple[tuple[str, str], ...] = ()
    options: Options | None = None

    def takes(self, asked: str) -> bool:
        """Whether there is such a value; what makes no sense counts as not asked."""
        if self.options is None:
            return asked in dict(self.words)
        if not asked or "\0" in asked:
            return False
        return self.options.by_name or _row(asked) is not None


def words(field: str, label: str, codes: Iterable[str]) -> Filter:
    """A field that holds one of a few words."""
    pairs = tuple((code, code.replace("_", " ").replace("-", " ").capitalize()) for code in codes)
    return Filter(field, label, lambda asked, place: Q(**{field: asked}), pairs)


def flag(field: str, label: str, yes: str = "Yes", no: str = "No") -> Filter:
    """A field that is true or not. No word for `no`: people ask for it only when it is true."""
    pairs = (("yes", yes), ("no", no)) if no else (("yes", yes),)
    return Filter(field, label, lambda asked, place: Q(**{field: asked == "yes"}), pairs)


def row(name: str, label: str, model: type[Mirrored], field: str) -> Filter:
    """A field that holds the id of a row of the same connection."""

    def condition(asked: str, place: RequestContext) -> Q:
        found = _row(asked)
        return Q(connection=found[0], **{field: found[1]}) if found else Q(pk__in=())

    return Filter(name, label, condition, options=Options(model))


def named(name: str, label: str, model: type[Mirrored], field: str) -> Filter:
    """A field that holds the name of a row."""
    return Filter(name, label, lambda asked, place: Q(**{field: asked}), options=Options(model, by_name=True))


def _row(asked: str) -> tuple[int, str] | None:
    connection, colon, key = asked.partition(":")
    is_number = connection.isascii() and connection.isdigit() and len(connection) <= 18
    return (int(connection), key) if colon and key and is_number else None


def _ship_by(asked: str, place: RequestContext) -> Q:
    """By the days of the workspace's calendar; only what still has to be shipped."""
    zone = ZoneInfo(place.workspace.timezone)
    today = now().astimezone(zone).date()

    def midnight(days: int) -> datetime:
        return datetime.combine(today + timedelta(days=days), time(), zone)

    to_ship = Q(status__in=TO_SHIP)
    if asked == "overdue":
        return to_ship & Q(required_ship_date__lt=midnight(0))
    end = midnight(1 if asked == "today" else 7)
    return to_ship & Q(required_ship_date__gte=midnight(0), required_ship_date__lt=end)


SHIP_BY = Filter("ship_by", "Ship by", _ship_by, (("overdue", "Overdue"), ("today", "Today"), ("week", "Next 7 days")))
