"""Contact support: the form's diagnosis, and requests that are stored even if the mail fails."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client

from integrations.entities import Entity
from integrations.models import Status
from packr.help import services
from packr.help.models import SupportRequest
from syncs.models import Incident, Problem, State
from tests.kit import factories as make


class Unreachable(BaseEmailBackend):
    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError("no mail server")


@pytest.fixture
def desk(settings: Any) -> None:
    settings.SUPPORT_EMAIL = "desk@packr.example"


def diagnosis(client: Client, query: str = "") -> str:
    page = client.get(f"/help/contact/{query}")
    assert page.status_code == 200
    return str(page.context["diagnosis"])


def test_form_shows_the_diagnosis(member: Client, connection: Any) -> None:
    """The diagnosis lists connection states, each entity's freshness, last runs, incidents and versions."""
    make.synced(connection)
    failed = make.run(connection, Entity.PRODUCTS, state=State.FAILED, message="The WMS did not answer.")
    connection.status, connection.status_message = Status.UNREACHABLE, "It does not answer."
    connection.save()
    Incident.objects.create(
        problem=Problem.STALE,
        connection=connection,
        entity="orders",
        message="Orders are old.",
        opened_at=failed.due_at,
    )
    shown = diagnosis(member, "?entity=products")
    for fact in (
        "Workspace: Northbay (northbay), Europe/Berlin",
        "About: Products",
        f"Packr {django_settings.VERSION}, Django 5.2",
        "Workers: none seen",
        f"Connection {connection.pk}: Trackstar · Sandbox",
        "Unreachable. It does not answer.",
        "Orders: fresh, as of 20",
        "Products: never synced, as of never, every 3600 s, next 20",
        f"run {failed.pk} failed",
        f"{failed.pk} Products, incremental, schedule: failed",
        "The WMS did not answer.",
        "Orders are old.",
        "Why data is stale\n",
        "  Products: ",
    ):
        assert fact in shown, fact
    assert "About" not in diagnosis(member, "?entity=nonsense")


def test_diagnosis_has_no_secrets_or_data_of_other_workspaces(member: Client, connection: Any) -> None:
    connection.learned = {"session": "session-of-theirs"}
    connection.base_url = "https://someone:password@wms.example"
    connection.save()
    make.order(connection, order_number="#NB-1")
    theirs = make.connection(make.workspace("fernhill"), "Theirs")
    make.run(theirs, state=State.FAILED, message="Their message.")
    Incident.objects.create(
        problem=Problem.STALE, connection=theirs, message="Their incident.", opened_at=theirs.connected_at
    )
    shown = diagnosis(member)
    for secret in (
        "token-Sandbox",
        connection.sealed_credentials,
        "session-of-theirs",
        "password",
        "#NB-1",
        "Theirs",
        "Their ",
        "fernhill",
        connection.account_key,
    ):
        assert secret not in shown, secret


def test_diagnosis_includes_bills_only_with_the_permission(admin: Client, member: Client, connection: Any) -> None:
    make.run(connection, Entity.BILLS, state=State.FAILED)
    assert "Bills, incremental" in diagnosis(admin)
    assert "Bills" not in diagnosis(member)


def test_request_is_stored_and_mailed(member: Client, connection: Any, desk: None) -> None:
    make.synced(connection)
    sent = {"message": "SKU-1 says 4.", "reply_to": "lee@example.com", "diagnosis": "mine"}
    answer = member.post("/help/contact/", sent, follow=True)
    assert answer.redirect_chain == [("/help/contact/", 303)]
    support_request = SupportRequest.objects.get()
    html = answer.content.decode()
    assert f"Your request number is {support_request.pk}. Support will reply to lee@example.com." in html
    assert (support_request.message, support_request.workspace.slug) == ("SKU-1 says 4.", "northbay")
    assert support_request.person.username == "lee"
    assert "Connection" in support_request.diagnosis
    assert support_request.diagnosis != "mine", "the diagnosis is computed on the server"
    assert support_request.mailed_at
    message = mail.outbox[0]
    assert (message.to, message.reply_to) == (["desk@packr.example"], ["lee@example.com"])
    assert message.subject == f"Packr request {support_request.pk}: northbay"
    assert message.body.startswith("SKU-1 says 4.")
    assert support_request.diagnosis in message.body


def test_failed_mail_keeps_the_request(
    member: Client, connection: Any, desk: None, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Unreachable"
    answer = member.post("/help/contact/", {"message": "Help."})
    assert answer.status_code == 303
    support_request = SupportRequest.objects.get()
    assert support_request.mailed_at is None
    assert f"Could not mail request {support_request.pk}" in caplog.text


def test_nothing_is_mailed_without_a_support_address(member: Client, connection: Any) -> None:
    member.post("/help/contact/", {"message": "Help."})
    assert SupportRequest.objects.get().mailed_at is None
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"message": "  "}, "Describe the problem in a sentence."),
        ({"message": "x" * 5001}, "at most 5000 characters"),
        ({"message": "Help.", "reply_to": "lee@"}, "valid email"),
        ({"message": "Help.", "reply_to": "a@example.com\nBcc: b@example.com"}, "valid email"),
    ],
)
def test_invalid_form_shows_field_errors_and_keeps_the_input(
    member: Client, connection: Any, sent: dict[str, str], words: str
) -> None:
    answer = member.post("/help/contact/", sent)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert words in html
    assert 'aria-invalid="true"' in html
    assert sent["message"].strip() in html, "the form keeps the input"
    assert not SupportRequest.objects.exists()


def test_reply_address_defaults_to_the_persons_email(member_user: Any, member: Client, connection: Any) -> None:
    member_user.email = "lee@northbay.example"
    member_user.save()
    assert 'value="lee@northbay.example"' in member.get("/help/contact/").content.decode()


def test_requests_per_hour_are_limited(member: Client, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_PER_HOUR", 2)
    codes = [member.post("/help/contact/", {"message": "Help."}).status_code for _ in range(3)]
    assert codes == [303, 303, 400]
    assert SupportRequest.objects.count() == 2


def test_version_setting_matches_pyproject() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    assert project["project"]["version"] == django_settings.VERSION
