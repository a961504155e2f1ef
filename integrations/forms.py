"""The forms around a connection: a login, what to sync, and how to end it."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator

from packr.workspaces.models import Workspace

from .connectors.base import Connector, Credential
from .credential_check import CheckResult
from .entities import Entity
from .errors import ConnectorError
from .http.ssrf import check_address
from .models import Connection

LOGIN_NAMES = ("login", "email", "user_login")
KEEP, DELETE = "keep", "delete"


class LoginForm(forms.Form):
    """What a WMS asks for to let Packr in. A secret is never in the page again, not even after an error."""

    def __init__(self, connector: type[Connector], *args: Any, asks_address: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connector = connector
        if asks_address or not connector.base_url:
            self.fields["base_url"] = _address_field(connector)
        for credential in connector.credentials:
            self.fields[credential.name] = _credential_field(credential)

    def clean_base_url(self) -> str:
        """The address, unless Packr must not talk to it."""
        address: str = self.cleaned_data["base_url"].strip().rstrip("/")
        try:
            check_address(address, settings.PRIVATE_WMS_HOSTS)
        except ConnectorError as error:
            raise forms.ValidationError(error.message_with("")) from None
        return address

    @property
    def credentials(self) -> dict[str, str]:
        """What was entered, without the fields that were left empty."""
        found = {field.name: self.cleaned_data[field.name] for field in self.connector.credentials}
        return {name: value for name, value in found.items() if value}


class ConnectForm(LoginForm):
    """A new connection: its name and its login."""

    def __init__(self, workspace: Workspace, connector: type[Connector], *args: Any, **kwargs: Any) -> None:
        super().__init__(connector, *args, **kwargs)
        self.workspace = workspace
        name = forms.CharField(
            max_length=200,
            error_messages={"required": "Give the connection a name."},
            initial=_free_name(workspace, connector.label),
            help_text="What your colleagues call it; each connection of the workspace has a name of its own.",
        )
        self.fields = {"name": name, **self.fields}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.workspace.connections.filter(name=name).exists():
            raise forms.ValidationError(
                f"{self.workspace.name} already has a connection called “{name}”. Choose another name."
            )
        return name


def _address_field(connector: type[Connector]) -> forms.Field:
    example = {"placeholder": "https://wms.example.com", "autocomplete": "url", "inputmode": "url"}
    return forms.CharField(
        label="Server address",
        max_length=500,
        help_text=f"Where your {connector.label} answers, beginning with https://",
        widget=forms.TextInput(attrs=example),
    )


def _credential_field(credential: Credential) -> forms.Field:
    """Password managers and pasting work in every one of them."""
    plain = {"autocapitalize": "none", "spellcheck": "false"}
    if credential.secret:
        widget: forms.Widget = forms.PasswordInput(attrs={"autocomplete": "current-password", **plain})
    else:
        filled = "username" if credential.name in LOGIN_NAMES else "on"
        widget = forms.TextInput(attrs={"autocomplete": filled, **plain})
    return forms.CharField(
        label=credential.label if credential.required else f"{credential.label} (optional)",
        help_text=credential.help,
        required=credential.required,
        max_length=5000,
        widget=widget,
        error_messages={"required": f"{credential.label} is missing. Enter it."},
    )


def _free_name(workspace: Workspace, label: str) -> str:
    taken = set(workspace.connections.values_list("name", flat=True))
    names = (label if number == 1 else f"{label} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def lookback_field() -> forms.IntegerField:
    """How many days of history a connection reads."""
    return forms.IntegerField(
        label="Days of history",
        initial=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        widget=forms.NumberInput(attrs={"min": 1, "max": 3650, "inputmode": "numeric"}),
        help_text="How far back orders, shipments and returns are read, 1 to 3,650 days.",
        error_messages=dict.fromkeys(("invalid", "required", "min_value", "max_value"), "Enter 1 to 3,650 days."),
    )


class SetUpForm(forms.Form):
    """What a new connection reads: what the account may not read is off unless somebody ticks it."""

    entities = forms.MultipleChoiceField(
        label="What to sync",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one type of data."},
    )
    lookback_days = lookback_field()

    def __init__(self, verdict: CheckResult, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["entities"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(one.entity.value, one.entity.label) for one in verdict.readings]
        field.initial = [one.entity.value for one in verdict.readings if one.is_wanted]

    @property
    def wanted(self) -> set[Entity]:
        return {Entity(value) for value in self.cleaned_data["entities"]}


class DisconnectForm(forms.Form):
    """What becomes of the data. Nothing is chosen beforehand, and deleting takes the connection's name as well."""

    outcome = forms.ChoiceField(
        choices=[(KEEP, "Keep the data"), (DELETE, "Delete the data")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what becomes of the data."},
    )
    name = forms.CharField(required=False, strip=True)

    def __init__(self, connection: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection
        if not connection.is_live:  # it can only be kept as it is, which needs no form
            self.fields["outcome"].initial = DELETE

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("outcome") == DELETE and cleaned.get("name") != self.connection.name:
            self.add_error("name", f"This is not its name. Nothing was deleted; type {self.connection.name} to go on.")
        return cleaned

    @property
    def deletes(self) -> bool:
        return bool(self.cleaned_data["outcome"] == DELETE)
