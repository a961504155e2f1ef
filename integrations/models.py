"""A workspace's connections to its WMSes, their events and actions, and what each brand sees of them."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.timezone import now

from packr.workspaces.models import Brand, Workspace

from .connectors.actions import ActionKind
from .connectors.base import Connector
from .connectors.registry import CONNECTORS
from .encryption import decrypt

MAX_LOOKBACK_DAYS = 3650


class Status(models.TextChoices):
    CONNECTED = "connected", "Connected"
    NEEDS_ATTENTION = "needs_attention", "Needs attention"
    UNREACHABLE = "unreachable", "Unreachable"
    DISCONNECTED = "disconnected", "Disconnected"


def wms_choices() -> list[tuple[str, str]]:
    """Return the supported WMSes for a form. A function, so that a new connector needs no migration."""
    return [(slug, connector.label) for slug, connector in CONNECTORS.items()]


class Connection(models.Model):
    """One workspace's account at one WMS.

    `account_key` is the same for connections to the same account. `border` is the history start: the connect time by
    the WMS's clock minus the lookback. `change_no` counts the changes written to the connection's mirror; writers take
    the next one, which also makes them wait for each other. Until `shielded_until` a row of the mirror may show an
    accepted action that the WMS's responses don't show yet (None: no row does).
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
    lookback_days = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(MAX_LOOKBACK_DAYS)]
    )
    border = models.DateTimeField(editable=False)
    connected_at = models.DateTimeField(editable=False)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    checked_at = models.DateTimeField(null=True, editable=False)
    disconnected_at = models.DateTimeField(null=True, editable=False)
    change_no = models.BigIntegerField(default=0, editable=False)
    shielded_until = models.DateTimeField(null=True, editable=False)

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
        """Whether it is connected, working or not."""
        return self.status != Status.DISCONNECTED

    def credentials(self) -> dict[str, str]:
        """Return the decrypted credentials, for a client only. Raises encryption.Unreadable without the right key."""
        return decrypt(self.sealed_credentials)


class EventKind(models.TextChoices):
    """What an event is about."""

    CONNECTION = "connection", "Connection"
    CREDENTIALS = "credentials", "Credentials"
    CONFIGURATION = "configuration", "Configuration"
    MAPPING = "mapping", "Brand mapping"


class Event(models.Model):
    """Something that happened to a connection, other than a run. It is never changed.

    `text` is a sentence without secrets. `person` is None if no person caused it.
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


class ActionState(models.TextChoices):
    """The state of an action."""

    SENDING = "sending", "Sending"
    ACCEPTED = "accepted", "Accepted"
    REFUSED = "refused", "Refused"
    UNKNOWN = "unknown", "Being checked"


class Through(models.TextChoices):
    """Where a person requested an action."""

    PAGE = "page", "Page"
    API = "api", "API"


def kind_choices() -> list[tuple[str, str]]:
    """Return the kinds of action. A function, so that a new kind needs no migration."""
    return [(kind.value, kind.label) for kind in ActionKind]


class Action(models.Model):
    """One change that a person requested, stored before it is sent to the WMS.

    `external_id` is the record that it changes or created. `reference` is Packr's own and known to the WMS where it
    keeps one; `key` identifies a repeated request. `message`, `errors` (by field) and `origin` come from a refusal;
    `failure` is the kind of error (`errors.Kind`) if the WMS said nothing itself; `retry_at` is when to try again;
    `exchanges` are the requests and responses without secrets.

    An accepted action protects the mirror until `shielded_until` against responses older than `version_updated_at`
    and `version_at`, or until `confirmed_at` by a newer one. At `settle_at` reconciliation looks for an unknown
    outcome, or ends the protection.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="actions")
    kind = models.CharField(max_length=40, choices=kind_choices)
    entity = models.CharField(max_length=40)
    external_id = models.TextField(blank=True)
    reference = models.CharField(max_length=40, unique=True)
    key = models.CharField(max_length=255)
    values = models.JSONField(default=dict)
    before = models.JSONField(default=dict, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    through = models.CharField(max_length=10, choices=Through.choices, default=Through.PAGE)
    state = models.CharField(max_length=10, choices=ActionState.choices, default=ActionState.SENDING)
    asked_at = models.DateTimeField(default=now)
    answered_at = models.DateTimeField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)
    message = models.TextField(blank=True)
    errors = models.JSONField(default=dict)
    origin = models.CharField(max_length=20, blank=True)
    failure = models.CharField(max_length=20, blank=True)
    retry_at = models.DateTimeField(null=True)
    warning = models.TextField(blank=True)
    exchanges = models.JSONField(default=list)
    version_updated_at = models.DateTimeField(null=True, editable=False)
    version_at = models.DateTimeField(null=True, editable=False)
    shielded_until = models.DateTimeField(null=True, editable=False)
    confirmed_at = models.DateTimeField(null=True)
    settle_at = models.DateTimeField(null=True, editable=False)
    looks = models.PositiveIntegerField(default=0, editable=False)

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="one_action_a_key")]
        indexes = [
            models.Index(fields=["connection", "entity", "external_id"], name="actions_of_record"),
            models.Index(fields=["settle_at"], name="actions_to_settle", condition=models.Q(settle_at__isnull=False)),
            models.Index(fields=["asked_at"], name="actions_by_age"),
        ]

    def __str__(self) -> str:
        return f"{ActionKind(self.kind).label} {self.reference}"

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is known."""
        return self.state in (ActionState.ACCEPTED, ActionState.REFUSED)


class BrandMapping(models.Model):
    """What a brand sees of a connection: one customer account of the WMS, or all of it."""

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
