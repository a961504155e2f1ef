"""Page texts of each kind of action."""

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.connectors.actions import ActionKind


@dataclass(frozen=True, slots=True)
class ActionTexts:
    """Texts of one kind of action, and the URL name of its form.

    `effect` says what the action does, before it is sent. `done` and `refused` take the record's name.
    """

    title: str
    button: str
    effect: str
    done: str
    refused: str
    form_url: str
    is_danger: bool = False


SENT_IMMEDIATELY = "Your changes are sent to the WMS immediately. Fields that you don’t change stay as they are."
ACTION_TEXTS: Mapping[ActionKind, ActionTexts] = {
    ActionKind.CREATE_ORDER: ActionTexts(
        "New order",
        "Create order",
        "The order is sent to the WMS immediately. The WMS reserves stock for it and ships it like any other order.",
        "Order {} was created.",
        "The order was not created.",
        "new_order",
    ),
    ActionKind.HOLD_ORDER: ActionTexts(
        "Hold order",
        "Hold order",
        "The warehouse stops working on this order until you release the hold. Its stock stays reserved.",
        "Order {} is on hold.",
        "Order {} was not put on hold.",
        "hold_order",
    ),
    ActionKind.RELEASE_ORDER: ActionTexts(
        "Release hold",
        "Release hold",
        "The hold is removed and the warehouse continues with this order.",
        "The hold of order {} was released.",
        "The hold of order {} was not released.",
        "release_order",
    ),
    ActionKind.CANCEL_ORDER: ActionTexts(
        "Cancel order",
        "Cancel order",
        "The warehouse won’t ship this order, and its stock is released. This can’t be undone: to ship it after all, "
        "create a new order.",
        "Order {} was cancelled.",
        "Order {} was not cancelled.",
        "cancel_order",
        is_danger=True,
    ),
    ActionKind.CREATE_INBOUND_SHIPMENT: ActionTexts(
        "New inbound shipment",
        "Create inbound shipment",
        "The shipment is sent to the WMS immediately, so that the warehouse expects it.",
        "Inbound shipment {} was created.",
        "The inbound shipment was not created.",
        "new_inbound_shipment",
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: ActionTexts(
        "Edit inbound shipment",
        "Save changes",
        SENT_IMMEDIATELY,
        "Inbound shipment {} was changed.",
        "Inbound shipment {} was not changed.",
        "edit_inbound_shipment",
    ),
    ActionKind.ADJUST_INVENTORY: ActionTexts(
        "Adjust inventory",
        "Adjust inventory",
        "Adds units to the WMS’s count in one warehouse, or removes them. The change is sent immediately. To undo it, "
        "adjust by the same number in the other direction.",
        "The inventory of {} was adjusted.",
        "The inventory of {} was not adjusted.",
        "adjust_inventory",
    ),
    ActionKind.UPDATE_PRODUCT: ActionTexts(
        "Edit product",
        "Save changes",
        SENT_IMMEDIATELY,
        "Product {} was changed.",
        "Product {} was not changed.",
        "edit_product",
    ),
}
