"""From Trackstar's items to records.

Packr's records have Trackstar's own field names. So parsing an item changes only what differs, in place: the fields
that every item has under other names, and the form of ids (text), numbers (exact decimals as text) and times (aware
UTC). `msgspec.convert` then checks the types of the record's fields, copies them and ignores all others, such as the
deprecated `channel`, `shipping_method`, `carrier`, `supplier` and `unsellable`.

Trackstar promises no key: a missing one stays UNSET in a record and becomes None in the objects inside it. Ids are
documented as text and money as numbers, but one price is documented as text, so either form is read.

Facts: Trackstar's OpenAPI document (October 2025), with `trackstar_updated_date` from its guides and agent skills of
2026; docs.trackstarhq.com and github.com/trackstarhq/documentation.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from msgspec import convert

from ... import records
from ..decoding import ItemMapping
from ..parsing import MAX_WHOLE_DIGITS, identifier, instant, number, parse_decimal, plain

RawItem = dict[str, Any]
R = TypeVar("R", bound=records.Record)
# Trackstar's names of the fields that every item has, and Packr's.
COMMON_FIELDS = {
    "created_date": "created_at",
    "updated_date": "updated_at",
    "trackstar_updated_date": "version_at",
    "additional_fields": "extra",
}
TIMES = ("created_at", "updated_at", "version_at")


class Form:
    """Which fields of an object are ids, numbers and times, and the forms of the objects and lists inside it.

    A record keeps null for a list that is null. Objects inside a record have an empty list instead.
    """

    def __init__(
        self, *, ids: str = "", numbers: str = "", times: str = "", is_record: bool = False, **inside: "Form"
    ) -> None:
        self.ids, self.numbers = ids.split(), numbers.split()
        self.times = [*(TIMES if is_record else ()), *times.split()]
        self.is_record = is_record
        self.inside = tuple(inside.items())


RecordForm = partial(Form, is_record=True)
MEASUREMENTS = Form(numbers="length width height weight")
COUNTERS = Form(numbers="awaiting onhand committed unfulfillable fulfillable sellable")
LINE = Form(ids="inventory_item_id lot_id parent_product_id", numbers="quantity", times="expiration_date")
PACKAGE = Form(
    ids="package_id shipping_method_id carrier_id", numbers="shipping_cost", measurements=MEASUREMENTS, line_items=LINE
)
SHIPMENT = RecordForm(ids="warehouse_id", times="shipped_date", line_items=LINE, packages=PACKAGE)
ORDER = RecordForm(
    ids="warehouse_customer_id warehouse_id reference_id order_number shipping_method_id carrier_id",
    numbers="total_price total_tax total_discount total_shipping",
    times="required_ship_date",
    line_items=Form(ids="product_id", numbers="quantity unit_price discount_amount"),
    shipments=SHIPMENT,
)
INVENTORY_ITEM = RecordForm(
    ids="warehouse_customer_id",
    numbers="unit_cost awaiting onhand committed unfulfillable fulfillable sellable",
    lots=Form(ids="lot_id warehouse_id", numbers="onhand", times="expiration_date"),
    locations=Form(ids="location_id warehouse_id", numbers="quantity"),
    measurements=MEASUREMENTS,
)
PRODUCT = RecordForm(
    ids="warehouse_customer_id gtin harmonized_code",
    numbers="unit_price",
    inventory_items=Form(ids="inventory_item_id", numbers="unit_quantity"),
    supplier_products=Form(ids="supplier_id external_id", numbers="unit_cost"),
)
INBOUND_SHIPMENT = RecordForm(
    ids="warehouse_customer_id purchase_order_number warehouse_id",
    times="expected_arrival_date",
    line_items=Form(ids="inventory_item_id external_id", numbers="expected_quantity received_quantity unit_cost"),
    receipts=Form(ids="id", times="arrived_date", line_items=LINE),
)
RETURN = RecordForm(
    ids="warehouse_customer_id order_id",
    line_items=Form(ids="inventory_item_id", numbers="expected_quantity received_quantity restocked_quantity"),
    shipments=Form(
        ids="warehouse_id carrier_id",
        numbers="shipping_cost",
        times="shipped_date arrived_date",
        measurements=MEASUREMENTS,
        line_items=Form(ids="inventory_item_id", numbers="quantity", receiving_details=Form(numbers="quantity")),
    ),
)


def change_form(values: Any, form: Form) -> None:
    """Change the form of an object's fields, or of each object's in a list.

    Values of a wrong type stay as they are, for `convert` to reject. Raises ValueError for an invalid number or time.
    """
    for raw in values if type(values) is list else (values,):
        if type(raw) is not dict:
            continue
        get = raw.get
        for name in form.ids:
            if type(get(name)) is int:
                raw[name] = str(raw[name])
        for name in form.numbers:
            value = get(name)
            if type(value) is int:
                text = str(value)
                raw[name] = text if len(text) <= MAX_WHOLE_DIGITS else number(value)
            elif type(value) is Decimal:
                raw[name] = number(value)
            elif type(value) is str:
                raw[name] = number(parse_decimal(value))
        for name in form.times:
            value = get(name)
            if type(value) is str or type(value) is int:
                raw[name] = instant(value)
        for name, inside in form.inside:
            value = get(name)
            if value is not None:
                change_form(value, inside)
            elif not form.is_record:
                raw.pop(name, None)


def set_common_fields(raw: RawItem) -> None:
    """Set the fields that every record has. Raises ValueError without a valid id."""
    raw["external_id"] = parse_id(raw.get("id"))
    copy_fields(raw, raw, COMMON_FIELDS)
    if not raw.get("version_at"):
        raw.pop("version_at", None)
    if raw.get("extra"):
        raw["extra"] = plain(raw["extra"])
    elif "extra" in raw and raw["extra"] is None:
        raw["extra"] = {}
    if raw.get("trackstar_tags"):
        raw["trackstar_tags"] = plain(raw["trackstar_tags"])


def parse_id(value: Any) -> str:
    if value is not None and type(value) is not str and type(value) is not int:
        raise ValueError("the record's id is neither text nor a number")
    return identifier(value)


def copy_fields(source: RawItem, target: RawItem, names: Mapping[str, str]) -> None:
    """Copy fields to other names. A field that the source lacks is missing in the target too."""
    for theirs, ours in names.items():
        if theirs in source:
            target[ours] = source[theirs]
        else:
            target.pop(ours, None)


def parse_record(record_type: type[R], form: Form, raw: RawItem) -> R:
    """Return the record of an item. Raises ValueError or msgspec.ValidationError if it is invalid."""
    set_common_fields(raw)
    change_form(raw, form)
    return convert(raw, record_type)


def parse_order(raw: RawItem) -> records.Order:
    """Return the order with its shipments, which Trackstar sends nowhere else."""
    set_common_fields(raw)
    shipments = raw.get("shipments")
    if isinstance(shipments, list) and all(isinstance(shipment, dict) for shipment in shipments):
        for shipment in shipments:
            set_shipment_fields(shipment, raw)
        # If a shipment comes twice in one order, the later one counts, as with records on a page.
        raw["shipments"] = list({shipment["external_id"]: shipment for shipment in shipments}.values())
    change_form(raw, ORDER)
    return convert(raw, records.Order)


def set_shipment_fields(shipment: RawItem, order: RawItem) -> None:
    """Make a shipment a record of its own. It has no times itself, so it has those of its order."""
    copy_fields(order, shipment, {name: name for name in TIMES})
    shipment["extra"] = {}
    shipment["order_id"] = order["external_id"]
    shipment["shipment_id"] = parse_id(shipment.get("shipment_id"))
    shipment["external_id"] = identifier(f"{shipment['order_id']}/{shipment['shipment_id']}")


def parse_inventory_item(raw: RawItem) -> records.InventoryItem:
    """Return the item with its counters by warehouse; null stands for a warehouse without counters."""
    counters = raw.get("inventory_by_warehouse_id")
    if isinstance(counters, dict):
        raw["inventory_by_warehouse_id"] = {
            warehouse: {} if value is None else value for warehouse, value in counters.items()
        }
        change_form(list(raw["inventory_by_warehouse_id"].values()), COUNTERS)
    return parse_record(records.InventoryItem, INVENTORY_ITEM, raw)


def parse_inbound_shipment(raw: RawItem) -> records.InboundShipment:
    """Return the inbound shipment. Trackstar has no kinds; some integrations send theirs in the additional fields."""
    raw.pop("kind", None)
    if "additional_fields" in raw:
        fields = raw["additional_fields"]
        kinds = [str(fields.get(name, "")).lower() for name in ("kind", "type")] if isinstance(fields, dict) else []
        raw["kind"] = next((kind for kind in kinds if kind in ("purchase", "transfer", "assembly")), "other")
    return parse_record(records.InboundShipment, INBOUND_SHIPMENT, raw)


def _mapping(record_type: type[records.Record], form: Form, *, version: int) -> ItemMapping[RawItem]:
    return ItemMapping(dict, partial(parse_record, record_type, form), version=version)


# Raise a version when the records of the same items change (see ItemMapping).
ORDERS = ItemMapping(dict, parse_order, version=1)
INVENTORY = ItemMapping(dict, parse_inventory_item, version=1)
INBOUND_SHIPMENTS = ItemMapping(dict, parse_inbound_shipment, version=1)
PRODUCTS = _mapping(records.Product, PRODUCT, version=1)
RETURNS = _mapping(records.Return, RETURN, version=1)
CUSTOMERS = _mapping(records.Customer, RecordForm(), version=1)
WAREHOUSES = _mapping(records.Warehouse, RecordForm(), version=1)
LOCATIONS = _mapping(records.WarehouseLocation, RecordForm(ids="warehouse_id", measurements=MEASUREMENTS), version=1)
SHIPPING_METHODS = _mapping(records.ShippingMethod, RecordForm(ids="carrier_id"), version=1)
SUPPLIERS = _mapping(records.InboundSupplier, RecordForm(ids="warehouse_customer_id"), version=1)
CHANNELS = _mapping(records.OrderChannel, RecordForm(ids="warehouse_customer_id"), version=1)
BILLS = _mapping(records.Bill, RecordForm(ids="warehouse_customer_id object_id", numbers="amount"), version=1)
