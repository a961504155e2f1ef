"""Admin of the mirror's tables, read-only: only the engine writes them."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import ReadOnlyAdmin, ReadOnlyInline, mark, when_exactly

from .models import (
    Bill,
    Customer,
    InboundLine,
    InboundShipment,
    InventoryItem,
    InventoryLevel,
    Mirrored,
    Order,
    OrderChannel,
    OrderLine,
    OrderShipment,
    Product,
    Return,
    ReturnLine,
    ShippingMethod,
    Supplier,
    Warehouse,
    WarehouseLocation,
)


class Removed(admin.SimpleListFilter):
    """Filter by whether the WMS still has the record."""

    title = "in the WMS"
    parameter_name = "removed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Present"), ("yes", "Removed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(removed_at__isnull=self.value() != "yes")


class MirrorAdmin(ReadOnlyAdmin):
    """A mirrored table: its columns, the latest record, and whether the WMS still has it."""

    columns: tuple[str, ...] = ()
    list_filter = [Removed, "connection__wms"]
    list_select_related = ["connection__workspace"]
    list_per_page = 50
    show_full_result_count = False
    ordering = ["-pk"]
    search_help_text = "Searches by prefix, also of the connection’s name and the workspace’s slug"

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["external_id", *self.columns, "connection", "updated_at", "changed_at", "presence"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        fields = ["external_id", *self.search_fields, "connection__name", "connection__workspace__slug"]
        return [f"^{field}" for field in fields]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (None, {"fields": ["connection", "external_id", *self.columns, "presence"]}),
            ("Times", {"fields": ["created_at", "updated_at", "changed_at"]}),
            ("Latest record", {"fields": ["whole_record"]}),
        ]

    @admin.display(description="in the WMS", ordering="removed_at")
    def presence(self, row: Mirrored) -> SafeString:
        if row.removed_at is None:
            return mark("positive", "Present")
        return mark("neutral", f"Removed {when_exactly(row.removed_at)}")

    @admin.display(description="record")
    def whole_record(self, row: Mirrored) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(row.record, indent=2, ensure_ascii=False, sort_keys=True))


class OrderLines(ReadOnlyInline):
    model = OrderLine


class InboundLines(ReadOnlyInline):
    model = InboundLine


class ReturnLines(ReadOnlyInline):
    model = ReturnLine


class Levels(ReadOnlyInline):
    model = InventoryLevel


def _register(model: type[Mirrored], columns: str, search: str, *inlines: type[ReadOnlyInline]) -> None:
    """Register the admin of a table, with the names of its columns and of those that are searched."""
    admin.site.register(
        model, MirrorAdmin, columns=tuple(columns.split()), search_fields=search.split(), inlines=inlines
    )


_register(
    Order,
    "order_number reference_id status warehouse_customer_id warehouse_id total_price",
    "order_number reference_id",
    OrderLines,
)
_register(OrderShipment, "order_id shipment_id status warehouse_id shipped_date", "order_id shipment_id")
_register(InventoryItem, "sku name warehouse_customer_id onhand fulfillable committed awaiting", "sku name", Levels)
_register(Product, "sku name warehouse_customer_id active is_kit unit_price", "sku name gtin")
_register(
    InboundShipment,
    "purchase_order_number kind status supplier_name warehouse_id expected_arrival_date",
    "purchase_order_number supplier_name",
    InboundLines,
)
_register(Customer, "name email", "name email")
_register(Warehouse, "name code", "name code")
_register(ShippingMethod, "name carrier_name", "name carrier_name")
_register(Return, "order_id status warehouse_customer_id arrived_at", "order_id", ReturnLines)
_register(WarehouseLocation, "name warehouse_id type", "name")
_register(Supplier, "name warehouse_customer_id", "name")
_register(OrderChannel, "name warehouse_customer_id", "name")
_register(Bill, "charge_type amount currency_code object_type object_id warehouse_customer_id", "object_id charge_type")
