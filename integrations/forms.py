"""The forms of a connection: the login, what to sync, and disconnecting."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator

from packr.workspaces.errors import Refused
from packr.workspaces.models import Workspace

from .connectors.base import Connector, Credential
from .credential_check import CheckResult
from .entities import Entity
from .errors import ConnectorError
from .http.ssrf import check_address
from .models import MAX_LOOKBACK_DAYS, Connection

USERNAME_FIELDS = ("login", "email", "user_login")
KEEP, DELETE = "keep", "delete"


class LoginForm(forms.Form):
    """The credentials of a WMS account. A secret never returns to the page, not even after an error."""

    def __init__(self, connector: type[Connector], *args: Any, asks_address: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connector = connector
        if asks_address or not connector.base_url:
            self.fields["base_url"] = _address_field(connector)
        for credential in connector.credentials:
            self.fields[credential.name] = _credential_field(credential)

    def clean_base_url(self) -> str:
        """Return the address, unless Packr must not connect to it."""
        address: str = self.cleaned_data["base_url"].strip().rstrip("/")
        try:
            check_address(address, settings.PRIVATE_WMS_HOSTS)
        except ConnectorError as error:
            raise forms.ValidationError(error.message_with("")) from None
        return address

    def add_refusal(self, refused: Refused) -> None:
        """Show why the login was refused, beside the field it is about or above the form."""
        self.add_error(refused.field or None, str(refused))

    @property
    def credentials(self) -> dict[str, str]:
        """The entered credentials, without empty fields."""
        names = [credential.name for credential in self.connector.credentials]
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}


class ConnectForm(LoginForm):
    """The name and the login of a new connection."""

    def __init__(self, workspace: Workspace, connector: type[Connector], *args: Any, **kwargs: Any) -> None:
        super().__init__(connector, *args, **kwargs)
        name = forms.CharField(
            max_length=200,
            error_messages={"required": "Give the connection a name."},
            initial=_free_name(workspace, connector.label),
            help_text="How your workspace refers to it. Each connection needs its own name.",
        )
        self.fields = {"name": name, **self.fields}


def _address_field(connector: type[Connector]) -> forms.Field:
    example = {"placeholder": "https://wms.example.com", "autocomplete": "url", "inputmode": "url"}
    return forms.CharField(
        label="Server address",
        max_length=500,
        help_text=f"The address of your {connector.label} server, starting with https://",
        widget=forms.TextInput(attrs=example),
    )


def _credential_field(credential: Credential) -> forms.Field:
    """Return a field that works with password managers and pasting."""
    no_correction = {"autocapitalize": "none", "spellcheck": "false"}
    if credential.secret:
        widget: forms.Widget = forms.PasswordInput(attrs={"autocomplete": "current-password", **no_correction})
    else:
        autocomplete = "username" if credential.name in USERNAME_FIELDS else "on"
        widget = forms.TextInput(attrs={"autocomplete": autocomplete, **no_correction})
    return forms.CharField(
        label=credential.label if credential.required else f"{credential.label} (optional)",
        help_text=credential.help,
        required=credential.required,
        max_length=5000,
        widget=widget,
        error_messages={"required": f"Enter the {credential.noun}."},
    )


def _free_name(workspace: Workspace, label: str) -> str:
    taken = set(workspace.connections.values_list("name", flat=True))
    names = (label if number == 1 else f"{label} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def lookback_field() -> forms.IntegerField:
    """Return the field for the days of history that a connection reads."""
    return forms.IntegerField(
        label="Days of history",
        initial=30,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LOOKBACK_DAYS)],
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_LOOKBACK_DAYS, "inputmode": "numeric"}),
        help_text="How far back orders, shipments and returns are read: 1 to 3,650 days.",
        error_messages=dict.fromkeys(("invalid", "required", "min_value", "max_value"), "Enter 1 to 3,650 days."),
    )


class SetUpForm(forms.Form):
    """What a new connection reads. Entities that the account may not read start unticked."""

    entities = forms.MultipleChoiceField(
        label="What to sync",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one type of data."},
    )
    lookback_days = lookback_field()

    def __init__(self, result: CheckResult, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["entities"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(found.entity.value, found.entity.label) for found in result.entities]
        field.initial = [found.entity.value for found in result.entities if found.is_wanted]

    @property
    def wanted(self) -> set[Entity]:
        return {Entity(value) for value in self.cleaned_data["entities"]}


class DisconnectForm(forms.Form):
    """What happens to the data. Nothing is preselected, and deleting also requires the connection's name."""

    outcome = forms.ChoiceField(
        choices=[(KEEP, "Keep the data"), (DELETE, "Delete the data")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what should happen to the data."},
    )
    name = forms.CharField(required=False, strip=True)

    def __init__(self, connection: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection
        if not connection.is_live:  # deleting is the only choice left
            self.fields["outcome"].initial = DELETE

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("outcome") == DELETE and cleaned.get("name") != self.connection.name:
            self.add_error(
                "name", f"The name doesn’t match, so nothing was deleted. Type {self.connection.name} to confirm."
            )
        return cleaned

    @property
    def deletes(self) -> bool:
        return bool(self.cleaned_data["outcome"] == DELETE)
