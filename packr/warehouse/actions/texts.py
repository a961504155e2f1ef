"""What the pages say of each kind of action."""

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.connectors.actions import ActionKind


@dataclass(frozen=True, slots=True)
class ActionTexts:
    """`means` is what it means for whoever is about to do it; `done` and `refused` name the record it is about."""

    title: str
    button: str
    means: str
    done: str
    refused: str
    is_danger: bool = False


ACTION_TEXTS: Mapping[ActionKind, ActionTexts] = {
    ActionKind.CREATE_ORDER: ActionTexts(
        "New order",
        "Create order",
        "The order is sent to the WMS at once, which then reserves stock for it and ships it like any other.",
        "Order {} was created.",
        "The order was not created.",
    ),
    ActionKind.HOLD_ORDER: ActionTexts(
        "Hold order",
        "Hold order",
        "The warehouse stops working on this order until the hold is released. Its stock stays reserved.",
        "Order {} is on hold.",
        "Order {} was not put on hold.",
    ),
    ActionKind.RELEASE_ORDER: ActionTexts(
        "Release hold",
        "Release hold",
        "The hold that was placed is taken off, and the warehouse goes on with this order.",
        "The hold of order {} was released.",
        "The hold of order {} was not released.",
    ),
    ActionKind.CANCEL_ORDER: ActionTexts(
        "Cancel order",
        "Cancel order",
        "The warehouse won’t ship this order, and its stock is free for others. This can’t be undone: to ship it after "
        "all, create a new order.",
        "Order {} was cancelled.",
        "Order {} was not cancelled.",
        is_danger=True,
    ),
    ActionKind.CREATE_INBOUND_SHIPMENT: ActionTexts(
        "New inbound shipment",
        "Create inbound shipment",
        "The WMS is told at once what is on its way, so that the warehouse expects it.",
        "Inbound shipment {} was created.",
        "The inbound shipment was not created.",
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: ActionTexts(
        "Edit inbound shipment",
        "Save changes",
        "What you change is sent to the WMS at once; what you leave as it is stays as it is there.",
        "Inbound shipment {} was changed.",
        "Inbound shipment {} was not changed.",
    ),
    ActionKind.ADJUST_INVENTORY: ActionTexts(
        "Adjust inventory",
        "Adjust inventory",
        "Units are added to, or taken from, what the WMS counts in one warehouse. It is sent at once; to take it back, "
        "adjust by the same number the other way.",
        "The inventory of {} was adjusted.",
        "The inventory of {} was not adjusted.",
    ),
    ActionKind.UPDATE_PRODUCT: ActionTexts(
        "Edit product",
        "Save changes",
        "What you change is sent to the WMS at once; what you leave as it is stays as it is there.",
        "Product {} was changed.",
        "Product {} was not changed.",
    ),
}
