"""From Trackstar's items to records: the vocabulary is the same, so only values change their form."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any, TypeVar, get_args

from msgspec import UNSET, Struct, UnsetType, structs

from ... import records
from .. import parsing
from ..decoding import ItemMapping
from . import payloads

W = TypeVar("W", bound=Struct)
R = TypeVar("R", bound=Struct)
A = TypeVar("A")
B = TypeVar("B")


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


# By what a field is at Trackstar and what it is in the record (UNSET aside).
CONVERT: dict[tuple[frozenset[Any], frozenset[Any]], Callable[[Any], Any]] = {
    (frozenset({int, Decimal, NoneType}), frozenset({str, NoneType})): parsing.number,
    (frozenset({str, int, NoneType}), frozenset({datetime, NoneType})): parsing.instant,
    (frozenset({str, int, NoneType}), frozenset({str, NoneType})): _text,
    (frozenset({list[Any], NoneType}), frozenset({list[Any], NoneType})): parsing.plain,
}


def filler(item: type[W], record: type[R], own: str = "") -> Callable[..., R]:
    """What makes a record of one class from one kind of item: fields of the same name by their two types.

    What is neither of the same type nor in CONVERT nor in HEAD has to be in `own` and be given with each call; that is
    checked when the class is loaded, so that no field can be forgotten.
    """
    here = {field.name: field.type for field in structs.fields(record)}
    there = {field.name: field.type for field in structs.fields(item)}
    given = own.split()
    head = [name for name in HEAD if name not in given] if issubclass(item, payloads.Item) else []
    names = here.keys() - {*given, *head}
    if missing := names - there.keys():
        raise TypeError(f"{item.__name__} has nothing for {sorted(missing)}")
    return _compiled(record, {name: _converter(there[name], here[name]) for name in sorted(names)}, head, given)


def _compiled(
    record: type[R], converters: Mapping[str, Callable[[Any], Any] | None], head: Sequence[str], own: Sequence[str]
) -> Callable[..., R]:
    """A function that fills a record field by field.

    Written out and compiled once, as dataclasses do it: a first sync makes millions of records.
    """
    names: dict[str, Any] = {"record": record, "UNSET": UNSET, "identifier": parsing.identifier, "_extra": _extra}
    names |= {"to_time": parsing.instant, "small": parsing.TOO_LARGE}
    fields = [f"{name}={HEAD[name]}" for name in head] + [f"{name}={name}" for name in own]
    for name, convert in converters.items():
        if convert is None:
            fields.append(f"{name}=item.{name}")
        else:
            names[f"to_{name}"] = convert
            usual = USUALLY.get(convert, "{otherwise}")
            fields.append(f"{name}={usual.format(name=name, otherwise=_converted(name, f'to_{name}'))}")
    exec(f"def fill({', '.join(['item', *own])}): return record({', '.join(fields)})", names)
    filled: Callable[..., R] = names["fill"]
    return filled


def _converted(name: str, by: str) -> str:
    """The expression for an item's field that is converted; null and missing stay what they are."""
    return f"v if (v := item.{name}) is None or v is UNSET else {by}(v)"


# How most items' fields are converted without a call: numbers are small and whole, and ids are texts.
USUALLY: dict[Callable[[Any], Any], str] = {
    parsing.number: "str(v) if type(v := item.{name}) is int and -small < v < small else {otherwise}",
    _text: "v if type(v := item.{name}) is str else {otherwise}",
}
# What every record begins with, and the expression that makes it of an item.
HEAD = {
    "external_id": "identifier(item.id)",
    "created_at": _converted("created_date", "to_time"),
    "updated_at": _converted("updated_date", "to_time"),
    "version_at": "to_time(v) if (v := item.trackstar_updated_date) else UNSET",
    "extra": "_extra(item)",
}


def _converter(there: Any, here: Any) -> Callable[[Any], Any] | None:
    """What turns a value of one type into the other; None when it can stay as it is."""
    key = (frozenset(get_args(there)) - {UnsetType}, frozenset(get_args(here)) - {UnsetType})
    if key not in CONVERT and there != here:
        raise TypeError(f"nothing makes {here} of {there}")
    return CONVERT.get(key)


def each(convert: Callable[[A], B], items: Iterable[A] | UnsetType | None) -> list[B] | UnsetType | None:
    """A list's items converted; null and missing stay what they are."""
    if items is None or items is UNSET:
        return items
    return [convert(item) for item in items]


def maybe(convert: Callable[[A], B], item: A | UnsetType | None) -> B | UnsetType | None:
    """A value converted; null and missing stay what they are."""
    return item if item is None or item is UNSET else convert(item)


def _extra(item: payloads.Item) -> dict[str, Any] | UnsetType:
    fields = item.additional_fields
    if fields is UNSET:
        return UNSET
    kept: dict[str, Any] = parsing.plain(fields) if fields else {}
    return kept


measurements = filler(payloads.Measurements, records.Measurements)
order_line = filler(payloads.OrderLine, records.OrderLine)
shipment_line = filler(payloads.ShipmentLine, records.ShipmentLine)
package_line = filler(payloads.PackageLine, records.PackageLine)
counters = filler(payloads.Counters, records.Counters)
lot = filler(payloads.Lot, records.Lot)
item_location = filler(payloads.ItemLocation, records.ItemLocation)
product_item = filler(payloads.ProductItem, records.ProductItem)
supplier_product = filler(payloads.SupplierProduct, records.SupplierProduct)
inbound_line = filler(payloads.InboundLine, records.InboundLine)
receipt_line = filler(payloads.ReceiptLine, records.ReceiptLine)
_package = filler(payloads.Package, records.Package, "measurements line_items")
_receipt = filler(payloads.Receipt, records.Receipt, "line_items")
_shipment = filler(
    payloads.Shipment, records.OrderShipment, f"{' '.join(HEAD)} order_id shipment_id line_items packages"
)
_order = filler(payloads.Order, records.Order, "line_items shipments")
_inventory_item = filler(
    payloads.InventoryItem, records.InventoryItem, "inventory_by_warehouse_id lots locations measurements"
)
_product = filler(payloads.Product, records.Product, "inventory_items supplier_products")
_inbound = filler(payloads.InboundShipment, records.InboundShipment, "kind line_items receipts")
_customer = filler(payloads.Customer, records.Customer)
_warehouse = filler(payloads.Warehouse, records.Warehouse)
_location = filler(payloads.Location, records.WarehouseLocation, "measurements")
_shipping_method = filler(payloads.ShippingMethod, records.ShippingMethod)
_supplier = filler(payloads.Named, records.InboundSupplier)
_channel = filler(payloads.Named, records.OrderChannel)
_bill = filler(payloads.Bill, records.Bill)


def package(item: payloads.Package) -> records.Package:
    return _package(
        item,
        measurements=maybe(measurements, item.measurements),
        line_items=[package_line(line) for line in item.line_items or ()],
    )


def order(item: payloads.Order) -> records.Order:
    """An order with its shipments, which Trackstar sends nowhere else."""
    found = _order(
        item, line_items=each(order_line, item.line_items), shipments=[] if item.shipments else item.shipments
    )
    if not item.shipments:
        return found
    sent = [_order_shipment(one, found) for one in item.shipments]
    # The same shipment twice in one order: the later one counts, as with records on a page.
    return structs.replace(found, shipments=list({one.external_id: one for one in sent}.values()))


def _order_shipment(item: payloads.Shipment, of: records.Order) -> records.OrderShipment:
    order_id = of.external_id
    shipment_id = parsing.identifier(item.shipment_id)
    return _shipment(
        item,
        external_id=parsing.identifier(f"{order_id}/{shipment_id}"),
        created_at=of.created_at,
        updated_at=of.updated_at,
        version_at=of.version_at,
        extra={},
        order_id=order_id,
        shipment_id=shipment_id,
        line_items=each(shipment_line, item.line_items),
        packages=each(package, item.packages),
    )


def inventory_item(item: payloads.InventoryItem) -> records.InventoryItem:
    places = item.inventory_by_warehouse_id
    return _inventory_item(
        item,
        inventory_by_warehouse_id=maybe(
            lambda found: {place: counters(counts or payloads.Counters()) for place, counts in found.items()}, places
        ),
        lots=each(lot, item.lots),
        locations=each(item_location, item.locations),
        measurements=maybe(measurements, item.measurements),
    )


def product(item: payloads.Product) -> records.Product:
    return _product(
        item,
        inventory_items=each(product_item, item.inventory_items),
        supplier_products=each(supplier_product, item.supplier_products),
    )


def receipt(item: payloads.Receipt) -> records.Receipt:
    return _receipt(item, line_items=[receipt_line(line) for line in item.line_items or ()])


def inbound_shipment(item: payloads.InboundShipment) -> records.InboundShipment:
    return _inbound(
        item,
        kind=_kind(item.additional_fields),
        line_items=each(inbound_line, item.line_items),
        receipts=each(receipt, item.receipts),
    )


def _kind(fields: dict[str, Any] | UnsetType | None) -> str | UnsetType:
    """Trackstar's own vocabulary has no kind; some integrations leave theirs in the additional fields."""
    if fields is UNSET:
        return UNSET
    for name in ("kind", "type"):
        said = str((fields or {}).get(name, "")).lower()
        if said in ("purchase", "transfer", "assembly"):
            return said
    return "other"


def customer(item: payloads.Customer) -> records.Customer:
    return _customer(item)


def warehouse(item: payloads.Warehouse) -> records.Warehouse:
    return _warehouse(item)


def location(item: payloads.Location) -> records.WarehouseLocation:
    return _location(item, measurements=maybe(measurements, item.measurements))


def supplier(item: payloads.Named) -> records.InboundSupplier:
    return _supplier(item)


def channel(item: payloads.Named) -> records.OrderChannel:
    return _channel(item)


def bill(item: payloads.Bill) -> records.Bill:
    return _bill(item)


def shipping_method(item: payloads.ShippingMethod) -> records.ShippingMethod:
    return _shipping_method(item)


return_line = filler(payloads.ReturnLine, records.ReturnLine)
receiving_detail = filler(payloads.ReceivingDetail, records.ReceivingDetail)
_return_shipment_line = filler(payloads.ReturnShipmentLine, records.ReturnShipmentLine, "receiving_details")
_return_shipment = filler(payloads.ReturnShipment, records.ReturnShipment, "measurements line_items")
_returned = filler(payloads.Return, records.Return, "line_items shipments")


def return_shipment_line(item: payloads.ReturnShipmentLine) -> records.ReturnShipmentLine:
    return _return_shipment_line(
        item, receiving_details=[receiving_detail(one) for one in item.receiving_details or ()]
    )


def return_shipment(item: payloads.ReturnShipment) -> records.ReturnShipment:
    return _return_shipment(
        item,
        measurements=maybe(measurements, item.measurements),
        line_items=[return_shipment_line(one) for one in item.line_items or ()],
    )


def returned(item: payloads.Return) -> records.Return:
    return _returned(
        item,
        line_items=each(return_line, item.line_items),
        shipments=each(return_shipment, item.shipments),
    )


ORDERS = ItemMapping(payloads.Order, order, version=1)
INVENTORY = ItemMapping(payloads.InventoryItem, inventory_item, version=1)
PRODUCTS = ItemMapping(payloads.Product, product, version=1)
INBOUND_SHIPMENTS = ItemMapping(payloads.InboundShipment, inbound_shipment, version=1)
CUSTOMERS = ItemMapping(payloads.Customer, customer, version=1)
WAREHOUSES = ItemMapping(payloads.Warehouse, warehouse, version=1)
LOCATIONS = ItemMapping(payloads.Location, location, version=1)
SHIPPING_METHODS = ItemMapping(payloads.ShippingMethod, shipping_method, version=1)
SUPPLIERS = ItemMapping(payloads.Named, supplier, version=1)
CHANNELS = ItemMapping(payloads.Named, channel, version=1)
BILLS = ItemMapping(payloads.Bill, bill, version=1)
RETURNS = ItemMapping(payloads.Return, returned, version=1)
