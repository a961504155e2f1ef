"""What Packr can change in Tryton. A read right after a change shows it, so the visibility delay is short."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from ..actions import ActionKind, Operation, RetryPolicy
from . import action_fields, order_actions, stock_actions

# A page read before a change is applied at most a slice later; a long transaction takes a minute.
once = partial(Operation, visibility_delay=timedelta(minutes=2))
repeatable = partial(once, retry=RetryPolicy.HARMLESS)

OPERATIONS: Mapping[ActionKind, Operation] = {
    ActionKind.CREATE_ORDER: once(action_fields.CREATE_ORDER, order_actions.create, order_actions.find_created),
    ActionKind.HOLD_ORDER: repeatable((), order_actions.hold, order_actions.find_held),
    ActionKind.RELEASE_ORDER: repeatable((), order_actions.release, order_actions.find_released),
    ActionKind.CANCEL_ORDER: repeatable((), order_actions.cancel, order_actions.find_cancelled),
    ActionKind.CREATE_INBOUND_SHIPMENT: once(
        action_fields.CREATE_INBOUND, stock_actions.create_inbound, stock_actions.find_inbound
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: repeatable(
        action_fields.UPDATE_INBOUND, stock_actions.update_inbound, stock_actions.find_updated
    ),
    ActionKind.ADJUST_INVENTORY: once(action_fields.ADJUST, stock_actions.adjust, stock_actions.find_adjusted),
    ActionKind.UPDATE_PRODUCT: repeatable(
        action_fields.UPDATE_PRODUCT, stock_actions.rename, stock_actions.find_renamed
    ),
}
