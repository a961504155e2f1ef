"""Returns: what Trackstar sends of them, and the records they become. As `payloads` and `mapping`."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ... import records
from ...records import Text
from ..decoding import Shape
from .mapping import each, filler, maybe, measurements
from .payloads import Id, Measurements, Num, Tagged, When


class Line(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    expected_quantity: Num = None
    received_quantity: Num = None
    restocked_quantity: Num = None
    return_reason: str | None = None


class Detail(Struct, kw_only=True, gc=False):
    quantity: Num = None
    condition: str | None = None
    disposition: str | None = None


class ShipmentLine(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    quantity: Num = None
    receiving_details: list[Detail] | None = None


class Shipment(Struct, kw_only=True, gc=False):
    tracking_number: str | None = None
    shipped_date: When = None
    arrived_date: When = None
    warehouse_id: Id = None
    carrier_id: Id = None
    carrier_name: str | None = None
    scac: str | None = None
    shipping_cost: Num = None
    measurements: Measurements | None = None
    line_items: list[ShipmentLine] | None = None


class Return(Tagged, kw_only=True):
    warehouse_customer_id: Id | UnsetType = UNSET
    order_id: Id | UnsetType = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    notes: list[str] | UnsetType | None = UNSET
    line_items: list[Line] | UnsetType | None = UNSET
    shipments: list[Shipment] | UnsetType | None = UNSET


line = filler(Line, records.ReturnLine)
detail = filler(Detail, records.ReceivingDetail)
_shipment_line = filler(ShipmentLine, records.ReturnShipmentLine, "receiving_details")
_shipment = filler(Shipment, records.ReturnShipment, "measurements line_items")
_returned = filler(Return, records.Return, "line_items shipments")


def shipment_line(item: ShipmentLine) -> records.ReturnShipmentLine:
    return _shipment_line(item, receiving_details=[detail(one) for one in item.receiving_details or ()])


def shipment(item: Shipment) -> records.ReturnShipment:
    return _shipment(
        item,
        measurements=maybe(measurements, item.measurements),
        line_items=[shipment_line(one) for one in item.line_items or ()],
    )


def returned(item: Return) -> records.Return:
    return _returned(
        item,
        line_items=each(line, item.line_items),
        shipments=each(shipment, item.shipments),
    )


RETURNS: Shape[Any] = Shape(Return, returned)
