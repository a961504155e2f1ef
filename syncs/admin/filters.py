"""What schedules are looked up by."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from integrations.entities import Entity

from ..models import EntitySchedule
from ..runs.cadence import DEFAULT_INTERVALS, is_default
from ..status.freshness import BEHIND, Freshness, freshness_filter

RARELY_CHANGES = (
    Entity.PRODUCTS,
    Entity.CUSTOMERS,
    Entity.WAREHOUSES,
    Entity.WAREHOUSE_LOCATIONS,
    Entity.SHIPPING_METHODS,
    Entity.SUPPLIERS,
    Entity.ORDER_CHANNELS,
)
"""The configuration data, which is read less often than the rest."""


class FreshnessFilter(admin.SimpleListFilter):
    """How fresh the data is now."""

    title = "freshness"
    parameter_name = "freshness"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        states = [(state.value, str(state.label)) for state in Freshness]
        return [("late_now", "Late now (late or stale)"), *states]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value != "late_now" and value not in Freshness.values:
            return queryset
        return queryset.filter(freshness_filter(BEHIND if value == "late_now" else [value], timezone.now()))


class CadenceFilter(admin.SimpleListFilter):
    """Whether somebody changed the cadence."""

    title = "cadence"
    parameter_name = "cadence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overridden", "Overridden"), ("default", "Default")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "overridden":
            return queryset.filter(_overridden())
        return queryset.exclude(_overridden()) if self.value() == "default" else queryset


def _overridden() -> Q:
    """Cadences that are not the default. A daily default depends on the connection, so those are looked at here."""
    intervals = [
        Q(entity=entity) & (Q(every_seconds=None) | ~Q(every_seconds=every))
        for entity, every in DEFAULT_INTERVALS.items()
    ]
    daily = EntitySchedule.objects.exclude(entity__in=DEFAULT_INTERVALS).select_related("connection__workspace")
    others = [schedule.pk for schedule in daily.iterator() if not is_default(schedule)]
    return reduce(or_, intervals, Q(pk__in=others))


class KindFilter(admin.SimpleListFilter):
    """Data that moves all day, or configuration data."""

    title = "kind of data"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("moving", "Moves all day"), ("configuration", "Configuration")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "configuration":
            return queryset.filter(entity__in=RARELY_CHANGES)
        return queryset.exclude(entity__in=RARELY_CHANGES) if self.value() == "moving" else queryset
