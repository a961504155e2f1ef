"""The actions a connector can carry out at a WMS, and what can come of them.

Like everything in connectors, this imports neither the database nor Django.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..entities import Entity
from ..errors import ConnectorError
from ..http.client import Client
from ..records import Record


class ActionKind(StrEnum):
    """One kind of change that Packr sends to a WMS, as written in URLs."""

    CREATE_ORDER = "create-order"
    HOLD_ORDER = "hold-order"
    RELEASE_ORDER = "release-order"
    CANCEL_ORDER = "cancel-order"
    CREATE_INBOUND_SHIPMENT = "create-inbound-shipment"
    UPDATE_INBOUND_SHIPMENT = "update-inbound-shipment"
    ADJUST_INVENTORY = "adjust-inventory"
    UPDATE_PRODUCT = "update-product"

    @property
    def label(self) -> str:
        """The name people read, such as `Create order`."""
        return self.value.replace("-", " ").capitalize()

    @property
    def entity(self) -> Entity:
        """The type of data the action creates or changes."""
        return ENTITIES[self]

    @property
    def creates(self) -> bool:
        """Whether the action creates a record, rather than changing one."""
        return self in (ActionKind.CREATE_ORDER, ActionKind.CREATE_INBOUND_SHIPMENT)


ENTITIES: Mapping[ActionKind, Entity] = {
    ActionKind.CREATE_ORDER: Entity.ORDERS,
    ActionKind.HOLD_ORDER: Entity.ORDERS,
    ActionKind.RELEASE_ORDER: Entity.ORDERS,
    ActionKind.CANCEL_ORDER: Entity.ORDERS,
    ActionKind.CREATE_INBOUND_SHIPMENT: Entity.INBOUND_SHIPMENTS,
    ActionKind.UPDATE_INBOUND_SHIPMENT: Entity.INBOUND_SHIPMENTS,
    ActionKind.ADJUST_INVENTORY: Entity.INVENTORY,
    ActionKind.UPDATE_PRODUCT: Entity.PRODUCTS,
}


class FieldKind(StrEnum):
    """What a field of an action's form holds. Kinds named after entities hold the external id of such a record."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DAY = "day"
    CHOICE = "choice"
    FLAG = "flag"
    SKU = "sku"
    WAREHOUSE = "warehouse"
    LOCATION = "location"
    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    SHIPPING_METHOD = "shipping-method"
    LINES = "lines"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action's form. `fields` are those of each line, or of the address."""

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    fields: tuple["Field", ...] = ()
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """One action to carry out at a WMS.

    `target` is the external id of the record to change. `reference` is Packr's own: unique, and known to the WMS if it
    keeps one. `key` stays the same when the same action is sent again. `values` are plain JSON by the names of the
    fields, decimals as text. `before` holds the mirror's values of the target, as far as finding the outcome needs
    them. `asked_at` is when a person asked for the action (aware UTC).
    """

    kind: ActionKind
    target: str | None
    values: Mapping[str, Any]
    reference: str
    key: str
    asked_at: datetime
    learned: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The WMS's response to an action it carried out.

    `record` is the record as it is now. Without `version_known`, the response has no stamp of that version, and
    `clock`, the WMS's time of the response (aware UTC), replaces it. `unused`: names of values the WMS ignored.
    """

    external_id: str
    record: Record | None = None
    version_known: bool = True
    unused: tuple[str, ...] = ()
    clock: datetime | None = None


class ActionRejected(Exception):
    """The WMS refused an action. `message` is its own text; `fields` are messages by path (`line_items.0.quantity`).

    `origin` says who refused: `wms`, or the service between Packr and the WMS (`trackstar`).
    """

    def __init__(self, message: str, *, fields: Mapping[str, list[str]] | None = None, origin: str = "wms") -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.origin = origin


class OutcomeUnknown(Exception):
    """The records of the WMS don't show whether it carried out an action."""


class RetryPolicy(StrEnum):
    """Whether an action may be sent again while its outcome is unknown."""

    NEVER = "never"
    HARMLESS = "harmless"  # a second time changes nothing more
    BY_KEY = "by-key"  # the WMS recognises the key, unless it answered with an error


def always_available(learned: Mapping[str, Any]) -> str:
    """Return no reason: the action is available at every account."""
    return ""


@dataclass(frozen=True, slots=True)
class Operation:
    """How a connector carries out one kind of action.

    `send` raises ActionRejected if the WMS refuses, else ConnectorError. `find` returns the result if the WMS has
    carried out the action, None if it has not, and raises OutcomeUnknown if that can't be told. `unavailable_reason`
    returns, from what is learned of the account, why the action is not possible there; empty if it is. The WMS may
    show the old state for `visibility_delay` after the action.
    """

    fields: tuple[Field, ...]
    send: Callable[[Client, ActionRequest], ActionResult]
    find: Callable[[Client, ActionRequest], ActionResult | None] | None = None
    unavailable_reason: Callable[[Mapping[str, Any]], str] = always_available
    retry: RetryPolicy = RetryPolicy.NEVER
    visibility_delay: timedelta = timedelta(minutes=15)


def is_held(order: Any) -> bool:
    """Return whether an order's record shows a hold. There is no field for it: the raw status of an exception does."""
    return bool(order.status == "exception" and "hold" in str(order.raw_status or "").lower())


@contextmanager
def before_sending() -> Iterator[None]:
    """Mark errors raised inside, for instance by a login, as errors of an action that was never sent."""
    try:
        yield
    except ConnectorError as error:
        error.sent = False
        raise
