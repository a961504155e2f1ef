"""What Packr can change in Tryton, and how. A read right after a change shows it, so little is left to wait for."""

from collections.abc import Mapping
from datetime import timedelta

from ...actions import ActionKind, Again, Operation
from . import forms, selling, stocking

# A page that was read before a change is applied a slice later at most; a long transaction takes a minute.
SEEN_WITHIN = timedelta(minutes=2)


OPERATIONS: Mapping[ActionKind, Operation] = {
    ActionKind.CREATE_ORDER: Operation(
        forms.CREATE_ORDER, selling.create, selling.find_created, seen_within=SEEN_WITHIN
    ),
    ActionKind.HOLD_ORDER: Operation(
        (), selling.hold, selling.find_held, again=Again.HARMLESS, seen_within=SEEN_WITHIN
    ),
    ActionKind.RELEASE_ORDER: Operation(
        (), selling.release, selling.find_released, again=Again.HARMLESS, seen_within=SEEN_WITHIN
    ),
    ActionKind.CANCEL_ORDER: Operation(
        (), selling.cancel, selling.find_cancelled, again=Again.HARMLESS, seen_within=SEEN_WITHIN
    ),
    ActionKind.CREATE_INBOUND_SHIPMENT: Operation(
        forms.CREATE_INBOUND, stocking.create_inbound, stocking.find_inbound, seen_within=SEEN_WITHIN
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: Operation(
        forms.UPDATE_INBOUND,
        stocking.update_inbound,
        stocking.find_updated,
        again=Again.HARMLESS,
        seen_within=SEEN_WITHIN,
    ),
    ActionKind.ADJUST_INVENTORY: Operation(
        forms.ADJUST, stocking.adjust, stocking.find_adjusted, seen_within=SEEN_WITHIN
    ),
    ActionKind.UPDATE_PRODUCT: Operation(
        forms.UPDATE_PRODUCT, stocking.rename, stocking.find_renamed, again=Again.HARMLESS, seen_within=SEEN_WITHIN
    ),
}
