"""A workspace's connections to its WMSes, and which brand sees which part of them."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.timezone import now

from packr.workspaces.models import Brand, Workspace

from .connector import Connector
from .credentials import unseal
from .registry import CONNECTORS


class Status(models.TextChoices):
    CONNECTED = "connected", "Connected"
    NEEDS_ATTENTION = "needs_attention", "Needs attention"
    UNREACHABLE = "unreachable", "Unreachable"
    DISCONNECTED = "disconnected", "Disconnected"


def wms_choices() -> list[tuple[str, str]]:
    """The WMSes Packr speaks, for a form. A function: a new connector makes no migration."""
    return [(slug, connector.label) for slug, connector in CONNECTORS.items()]


class Connection(models.Model):
    """One workspace's account at one WMS.

    `account_key` is the same for connections to the same account. `border` is how far back history is read: connect
    time by the WMS's clock less the lookback. `change_no` counts the changes written to this connection's mirror;
    taking the next one is also the lock that puts its writers in a row.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="connections")
    wms = models.CharField("WMS", max_length=40, choices=wms_choices)
    name = models.CharField(max_length=200)
    base_url = models.CharField("address", max_length=500, blank=True)
    sealed_credentials = models.TextField(editable=False)
    account_key = models.CharField(max_length=80, editable=False, db_index=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.CONNECTED)
    status_message = models.TextField(blank=True)
    learned = models.JSONField(default=dict, editable=False)
    lookback_days = models.PositiveIntegerField(default=30, validators=[MinValueValidator(1), MaxValueValidator(3650)])
    border = models.DateTimeField(editable=False)
    connected_at = models.DateTimeField(editable=False)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    checked_at = models.DateTimeField(null=True, editable=False)
    disconnected_at = models.DateTimeField(null=True, editable=False)
    change_no = models.BigIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["workspace", "name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_connection_name")]

    def __str__(self) -> str:
        return f"{self.workspace.slug}/{self.name}"

    def __repr__(self) -> str:
        return f"<Connection {self.pk}>"

    @property
    def connector(self) -> type[Connector]:
        return CONNECTORS[self.wms]

    @property
    def is_live(self) -> bool:
        """Whether it is connected at all, working or not."""
        return self.status != Status.DISCONNECTED

    def credentials(self) -> dict[str, str]:
        """The credentials in clear, for a client and nothing else; credentials.Unreadable without the right key."""
        return unseal(self.sealed_credentials)


class EventKind(models.TextChoices):
    """What an event is about."""

    CONNECTION = "connection", "Connection"
    CREDENTIALS = "credentials", "Credentials"
    CONFIGURATION = "configuration", "Configuration"
    MAPPING = "mapping", "Brand mapping"


class Event(models.Model):
    """One thing that happened to a connection beside its runs: kept for its history, never changed.

    `text` is a sentence for people, without secrets. Without a `person` it happened by itself.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=now)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=20, choices=EventKind.choices)
    text = models.TextField()

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["connection", "-id"], name="events_latest")]

    def __str__(self) -> str:
        return self.text


class BrandMapping(models.Model):
    """What a brand sees of a connection: one customer account of the WMS, or the whole connection."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="mappings")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mappings")
    customer_id = models.TextField(
        "customer", blank=True, help_text="The WMS's id of the customer account; empty: the whole connection."
    )

    workspace_path = "brand__workspace"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "connection", "customer_id"], name="one_mapping")]

    def __str__(self) -> str:
        return f"{self.brand}: {self.connection} {self.customer_id or '(all)'}"

    def clean(self) -> None:
        if self.brand_id and self.connection_id and self.brand.workspace_id != self.connection.workspace_id:
            raise ValidationError("The brand and the connection are in different workspaces.")
