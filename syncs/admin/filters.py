"""The filters of the list of schedules."""

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

CONFIGURATION_DATA = (
    Entity.PRODUCTS,
    Entity.CUSTOMERS,
    Entity.WAREHOUSES,
    Entity.WAREHOUSE_LOCATIONS,
    Entity.SHIPPING_METHODS,
    Entity.SUPPLIERS,
    Entity.ORDER_CHANNELS,
)
"""Configuration data, which is synced less often than the rest."""


class FreshnessFilter(admin.SimpleListFilter):
    """The current freshness."""

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
    """Whether the cadence was changed."""

    title = "cadence"
    parameter_name = "cadence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overridden", "Overridden"), ("default", "Default")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "overridden":
            return queryset.filter(_overridden_cadence())
        return queryset.exclude(_overridden_cadence()) if self.value() == "default" else queryset


def _overridden_cadence() -> Q:
    """Return a filter for cadences that are not the default. A daily default depends on the connection."""
    intervals = [
        Q(entity=entity) & (Q(every_seconds=None) | ~Q(every_seconds=every))
        for entity, every in DEFAULT_INTERVALS.items()
    ]
    daily = EntitySchedule.objects.exclude(entity__in=DEFAULT_INTERVALS).select_related("connection__workspace")
    others = [schedule.pk for schedule in daily.iterator() if not is_default(schedule)]
    return reduce(or_, intervals, Q(pk__in=others))


class KindFilter(admin.SimpleListFilter):
    """Data that changes all day, or configuration data."""

    title = "kind of data"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("moving", "Changes all day"), ("configuration", "Configuration")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "configuration":
            return queryset.filter(entity__in=CONFIGURATION_DATA)
        return queryset.exclude(entity__in=CONFIGURATION_DATA) if self.value() == "moving" else queryset
