"""What Packr can change in Tryton, and how. A read right after a change shows it, so little is left to wait for."""

from collections.abc import Mapping
from datetime import timedelta

from ..actions import ActionKind, Operation, RetryPolicy
from . import action_fields, order_actions, stock_actions

# A page that was read before a change is applied a slice later at most; a long transaction takes a minute.
SEEN_WITHIN = timedelta(minutes=2)


OPERATIONS: Mapping[ActionKind, Operation] = {
    ActionKind.CREATE_ORDER: Operation(
        action_fields.CREATE_ORDER, order_actions.create, order_actions.find_created, seen_within=SEEN_WITHIN
    ),
    ActionKind.HOLD_ORDER: Operation(
        (), order_actions.hold, order_actions.find_held, again=RetryPolicy.HARMLESS, seen_within=SEEN_WITHIN
    ),
    ActionKind.RELEASE_ORDER: Operation(
        (), order_actions.release, order_actions.find_released, again=RetryPolicy.HARMLESS, seen_within=SEEN_WITHIN
    ),
    ActionKind.CANCEL_ORDER: Operation(
        (), order_actions.cancel, order_actions.find_cancelled, again=RetryPolicy.HARMLESS, seen_within=SEEN_WITHIN
    ),
    ActionKind.CREATE_INBOUND_SHIPMENT: Operation(
        action_fields.CREATE_INBOUND, stock_actions.create_inbound, stock_actions.find_inbound, seen_within=SEEN_WITHIN
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: Operation(
        action_fields.UPDATE_INBOUND,
        stock_actions.update_inbound,
        stock_actions.find_updated,
        again=RetryPolicy.HARMLESS,
        seen_within=SEEN_WITHIN,
    ),
    ActionKind.ADJUST_INVENTORY: Operation(
        action_fields.ADJUST, stock_actions.adjust, stock_actions.find_adjusted, seen_within=SEEN_WITHIN
    ),
    ActionKind.UPDATE_PRODUCT: Operation(
        action_fields.UPDATE_PRODUCT,
        stock_actions.rename,
        stock_actions.find_renamed,
        again=RetryPolicy.HARMLESS,
        seen_within=SEEN_WITHIN,
    ),
}
