"""What a connector can be asked to do at a WMS, and what may come of it. Knows neither the database nor Django."""

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
    """One kind of change that Packr sends to a WMS, as written in addresses."""

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
        """The type of data that it creates or changes."""
        return ENTITIES[self]

    @property
    def creates(self) -> bool:
        """Whether it makes something new, rather than changing what is there."""
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


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action's form.

    `kind` is text, integer, decimal, day, choice, flag, warehouse, shipping-method, customer, sku, supplier, location,
    lines or address. `fields` are those of each line, or of the address. `least`: the smallest number allowed.
    """

    name: str
    label: str
    kind: str = "text"
    required: bool = False
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    fields: tuple["Field", ...] = ()
    least: int | None = None


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What is to be done at a WMS.

    `target` is the external id of what is to be changed. `reference` is ours: unique, and known to the WMS where it
    keeps one. `key` is the same whenever the same wish is sent again. `values` are plain JSON by the names of the
    fields, decimals as text. `before` is what the mirror had of the target, as far as finding the outcome needs it.
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
    """What the WMS said when it did what was asked.

    `record` is the object as it is now. Without `version_known` the answer does not say which version that is, and
    `clock`, the WMS's time as it answered (aware UTC), stands for it. `unused`: values that the WMS did not use.
    """

    external_id: str
    record: Record | None = None
    version_known: bool = True
    unused: tuple[str, ...] = ()
    clock: datetime | None = None


class ActionRejected(Exception):
    """The WMS refused. `message` are its own words; `fields` are messages by path, such as `line_items.0.quantity`.

    `origin` says who refused: `wms`, or the service between Packr and it (`trackstar`).
    """

    def __init__(self, message: str, *, fields: Mapping[str, list[str]] | None = None, origin: str = "wms") -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.origin = origin


class OutcomeUnknown(Exception):
    """What the WMS holds does not tell whether it did what was asked."""


class RetryPolicy(StrEnum):
    """Whether the same wish may be sent once more while nobody knows what became of the first time."""

    NEVER = "never"
    HARMLESS = "harmless"  # done twice is done once
    BY_KEY = "by-key"  # the WMS knows the key again, as long as it has not answered with an error


def always_available(learned: Mapping[str, Any]) -> str:
    """For what can be done at every account."""
    return ""


@dataclass(frozen=True, slots=True)
class Operation:
    """How a connector carries out one kind of action.

    `send` raises Declined when the WMS refuses, and ConnectorError. `find` looks whether the WMS has done it: None
    when it has not, Unclear when that can't be told. `lacks` says, from what is learned of the account, why it can't be
    done there; nothing when it can. `seen_within` is how long the WMS may go on answering as before.
    """

    fields: tuple[Field, ...]
    send: Callable[[Client, ActionRequest], ActionResult]
    find: Callable[[Client, ActionRequest], ActionResult | None] | None = None
    lacks: Callable[[Mapping[str, Any]], str] = always_available
    again: RetryPolicy = RetryPolicy.NEVER
    seen_within: timedelta = timedelta(minutes=15)


def is_held(order: Any) -> bool:
    """Whether an order's record shows a hold: as an exception with the WMS's own word for it, there is no field."""
    return bool(order.status == "exception" and "hold" in str(order.raw_status or "").lower())


@contextmanager
def before_sending() -> Iterator[None]:
    """What fails in here, such as a login, fails before the change itself has left."""
    try:
        yield
    except ConnectorError as error:
        error.sent = False
        raise
