"""From Trackstar's items to records: the vocabulary is the same, so only values change their form."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Generic, TypeVar, get_args

from msgspec import UNSET, Struct, UnsetType, structs

from ... import records, values
from ...decoding import Shape
from . import wire

W = TypeVar("W", bound=Struct)
R = TypeVar("R", bound=Struct)
A = TypeVar("A")
B = TypeVar("B")


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


# By what a field is at Trackstar and what it is in the record (UNSET aside).
CONVERT: dict[tuple[frozenset[Any], frozenset[Any]], Callable[[Any], Any]] = {
    (frozenset({Decimal, NoneType}), frozenset({str, NoneType})): values.number,
    (frozenset({str, int, NoneType}), frozenset({datetime, NoneType})): values.instant,
    (frozenset({str, int, NoneType}), frozenset({str, NoneType})): _text,
    (frozenset({list[Any], NoneType}), frozenset({list[Any], NoneType})): values.plain,
}


class Filler(Generic[W, R]):
    """Makes a record of one class from one kind of item: fields of the same name by their two types, the rest named.

    What is neither of the same type nor in CONVERT has to be in `own` and be given with each call; that is checked
    when the class is loaded, so that no field can be forgotten.
    """

    def __init__(self, item: type[W], record: type[R], own: str = "") -> None:
        here = {field.name: field.type for field in structs.fields(record)}
        there = {field.name: field.type for field in structs.fields(item)}
        names = here.keys() - set(own.split())
        if missing := names - there.keys():
            raise TypeError(f"{item.__name__} has nothing for {sorted(missing)}")
        self._fill = _compiled(record, {name: _converter(there[name], here[name]) for name in sorted(names)})

    def __call__(self, item: W, **own: Any) -> R:
        return self._fill(item, **own)


def _compiled(record: type[R], converters: Mapping[str, Callable[[Any], Any] | None]) -> Callable[..., R]:
    """A function that fills a record field by field.

    Written out and compiled once, as dataclasses do it: a first sync makes millions of records.
    """
    names: dict[str, Any] = {"record": record, "UNSET": UNSET}
    fields = []
    for name, convert in converters.items():
        if convert is None:
            fields.append(f"{name}=item.{name}")
        else:
            names[f"to_{name}"] = convert
            fields.append(f"{name}=v if (v := item.{name}) is None or v is UNSET else to_{name}(v)")
    exec(f"def fill(item, **own): return record({', '.join(fields)}, **own)", names)
    filled: Callable[..., R] = names["fill"]
    return filled


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


HEAD = "external_id created_at updated_at version_at extra"


def head(item: wire.Item) -> dict[str, Any]:
    """What every record has, by the names in HEAD."""
    return {"external_id": values.identifier(item.id), "extra": _extra(item), **_times(item)}


def _times(item: wire.Item) -> dict[str, Any]:
    times: dict[str, Any] = {}
    if item.created_date is not UNSET:
        times["created_at"] = values.instant(item.created_date)
    if item.updated_date is not UNSET:
        times["updated_at"] = values.instant(item.updated_date)
    if item.trackstar_updated_date:
        times["version_at"] = values.instant(item.trackstar_updated_date)
    return times


def _extra(item: wire.Item) -> dict[str, Any] | UnsetType:
    fields = item.additional_fields
    if fields is UNSET:
        return UNSET
    kept: dict[str, Any] = values.plain(fields) if fields else {}
    return kept


measurements = Filler(wire.Measurements, records.Measurements)
order_line = Filler(wire.OrderLine, records.OrderLine)
shipment_line = Filler(wire.ShipmentLine, records.ShipmentLine)
package_line = Filler(wire.PackageLine, records.PackageLine)
counters = Filler(wire.Counters, records.Counters)
lot = Filler(wire.Lot, records.Lot)
item_location = Filler(wire.ItemLocation, records.ItemLocation)
product_item = Filler(wire.ProductItem, records.ProductItem)
supplier_product = Filler(wire.SupplierProduct, records.SupplierProduct)
inbound_line = Filler(wire.InboundLine, records.InboundLine)
receipt_line = Filler(wire.ReceiptLine, records.ReceiptLine)
_package = Filler(wire.Package, records.Package, "measurements line_items")
_receipt = Filler(wire.Receipt, records.Receipt, "line_items")
_shipment = Filler(wire.Shipment, records.OrderShipment, f"{HEAD} order_id shipment_id line_items packages")
_order = Filler(wire.Order, records.Order, f"{HEAD} line_items shipments")
_inventory_item = Filler(
    wire.InventoryItem, records.InventoryItem, f"{HEAD} inventory_by_warehouse_id lots locations measurements"
)
_product = Filler(wire.Product, records.Product, f"{HEAD} inventory_items supplier_products")
_inbound = Filler(wire.InboundShipment, records.InboundShipment, f"{HEAD} kind line_items receipts")
_customer = Filler(wire.Customer, records.Customer, HEAD)
_warehouse = Filler(wire.Warehouse, records.Warehouse, HEAD)
_location = Filler(wire.Location, records.WarehouseLocation, f"{HEAD} measurements")
_shipping_method = Filler(wire.ShippingMethod, records.ShippingMethod, HEAD)
_supplier = Filler(wire.Named, records.InboundSupplier, HEAD)
_channel = Filler(wire.Named, records.OrderChannel, HEAD)
_bill = Filler(wire.Bill, records.Bill, HEAD)


def package(item: wire.Package) -> records.Package:
    return _package(
        item,
        measurements=maybe(measurements, item.measurements),
        line_items=[package_line(line) for line in item.line_items or ()],
    )


def order(item: wire.Order) -> records.Order:
    """An order with its shipments, which Trackstar sends nowhere else."""
    own = head(item)
    shipments = each(lambda sent: _order_shipment(sent, own), item.shipments)
    if isinstance(shipments, list):
        # The same shipment twice in one order: the later one counts, as with records on a page.
        shipments = list({shipment.external_id: shipment for shipment in shipments}.values())
    return _order(item, **own, line_items=each(order_line, item.line_items), shipments=shipments)


def _order_shipment(item: wire.Shipment, order_head: dict[str, Any]) -> records.OrderShipment:
    order_id = order_head["external_id"]
    shipment_id = values.identifier(item.shipment_id)
    head = order_head | {"external_id": values.identifier(f"{order_id}/{shipment_id}"), "extra": {}}
    return _shipment(
        item,
        **head,
        order_id=order_id,
        shipment_id=shipment_id,
        line_items=each(shipment_line, item.line_items),
        packages=each(package, item.packages),
    )


def inventory_item(item: wire.InventoryItem) -> records.InventoryItem:
    places = item.inventory_by_warehouse_id
    return _inventory_item(
        item,
        **head(item),
        inventory_by_warehouse_id=maybe(
            lambda found: {place: counters(counts or wire.Counters()) for place, counts in found.items()}, places
        ),
        lots=each(lot, item.lots),
        locations=each(item_location, item.locations),
        measurements=maybe(measurements, item.measurements),
    )


def product(item: wire.Product) -> records.Product:
    return _product(
        item,
        **head(item),
        inventory_items=each(product_item, item.inventory_items),
        supplier_products=each(supplier_product, item.supplier_products),
    )


def receipt(item: wire.Receipt) -> records.Receipt:
    return _receipt(item, line_items=[receipt_line(line) for line in item.line_items or ()])


def inbound_shipment(item: wire.InboundShipment) -> records.InboundShipment:
    own = head(item)
    return _inbound(
        item,
        **own,
        kind=_kind(own["extra"]),
        line_items=each(inbound_line, item.line_items),
        receipts=each(receipt, item.receipts),
    )


def _kind(extra: dict[str, Any] | UnsetType) -> str | UnsetType:
    """Trackstar's own vocabulary has no kind; some integrations leave theirs in the additional fields."""
    if extra is UNSET:
        return UNSET
    for name in ("kind", "type"):
        said = str(extra.get(name, "")).lower()
        if said in ("purchase", "transfer", "assembly"):
            return said
    return "other"


def customer(item: wire.Customer) -> records.Customer:
    return _customer(item, **head(item))


def warehouse(item: wire.Warehouse) -> records.Warehouse:
    return _warehouse(item, **head(item))


def location(item: wire.Location) -> records.WarehouseLocation:
    return _location(item, **head(item), measurements=maybe(measurements, item.measurements))


def supplier(item: wire.Named) -> records.InboundSupplier:
    return _supplier(item, **head(item))


def channel(item: wire.Named) -> records.OrderChannel:
    return _channel(item, **head(item))


def bill(item: wire.Bill) -> records.Bill:
    return _bill(item, **head(item))


def shipping_method(item: wire.ShippingMethod) -> records.ShippingMethod:
    return _shipping_method(item, **head(item))


ORDERS: Shape[Any] = Shape(wire.Order, order)
INVENTORY: Shape[Any] = Shape(wire.InventoryItem, inventory_item)
PRODUCTS: Shape[Any] = Shape(wire.Product, product)
INBOUND_SHIPMENTS: Shape[Any] = Shape(wire.InboundShipment, inbound_shipment)
CUSTOMERS: Shape[Any] = Shape(wire.Customer, customer)
WAREHOUSES: Shape[Any] = Shape(wire.Warehouse, warehouse)
LOCATIONS: Shape[Any] = Shape(wire.Location, location)
SHIPPING_METHODS: Shape[Any] = Shape(wire.ShippingMethod, shipping_method)
SUPPLIERS: Shape[Any] = Shape(wire.Named, supplier)
CHANNELS: Shape[Any] = Shape(wire.Named, channel)
BILLS: Shape[Any] = Shape(wire.Bill, bill)
