"""Contact support: prefilled with the diagnosis, kept whatever the mail does."""

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


def test_the_form_holds_the_diagnosis(member: Client, connection: Any) -> None:
    """P56, L23: connection states, freshness of each entity, last runs, versions."""
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


def test_no_secret_and_nobody_elses_facts_are_in_it(member: Client, connection: Any) -> None:
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


def test_bills_are_in_it_for_those_who_see_them(admin: Client, member: Client, connection: Any) -> None:
    """L15"""
    make.run(connection, Entity.BILLS, state=State.FAILED)
    assert "Bills, incremental" in diagnosis(admin)
    assert "Bills" not in diagnosis(member)


def test_a_request_is_kept_and_mailed(member: Client, connection: Any, desk: None) -> None:
    """P56, L23"""
    make.synced(connection)
    sent = {"message": "SKU-1 says 4.", "reply_to": "lee@example.com", "diagnosis": "mine"}
    answer = member.post("/help/contact/", sent, follow=True)
    assert answer.redirect_chain == [("/help/contact/", 303)]
    asked = SupportRequest.objects.get()
    assert f"Your request number is {asked.pk}. Support will reply to lee@example.com." in answer.content.decode()
    assert (asked.message, asked.person.username, asked.workspace.slug) == ("SKU-1 says 4.", "lee", "northbay")
    assert "Connection" in asked.diagnosis
    assert asked.diagnosis != "mine", "what a browser sends is not what is kept"
    assert asked.mailed_at
    letter = mail.outbox[0]
    assert (letter.to, letter.reply_to) == (["desk@packr.example"], ["lee@example.com"])
    assert letter.subject == f"Packr request {asked.pk}: northbay"
    assert letter.body.startswith("SKU-1 says 4.")
    assert asked.diagnosis in letter.body


def test_a_mail_that_fails_loses_nothing(
    member: Client, connection: Any, desk: None, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Unreachable"
    answer = member.post("/help/contact/", {"message": "Help."})
    assert answer.status_code == 303
    asked = SupportRequest.objects.get()
    assert asked.mailed_at is None
    assert f"Could not mail request {asked.pk}" in caplog.text


def test_without_an_address_of_supports_nothing_is_mailed(member: Client, connection: Any) -> None:
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
def test_what_is_missing_is_said_beside_the_field(
    member: Client, connection: Any, sent: dict[str, str], words: str
) -> None:
    answer = member.post("/help/contact/", sent)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert words in html
    assert 'aria-invalid="true"' in html
    assert sent["message"].strip() in html, "nothing that was typed is lost"
    assert not SupportRequest.objects.exists()


def test_the_address_is_filled_in_for_those_who_have_one(member_user: Any, member: Client, connection: Any) -> None:
    member_user.email = "lee@northbay.example"
    member_user.save()
    assert 'value="lee@northbay.example"' in member.get("/help/contact/").content.decode()


def test_nobody_floods_support(member: Client, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_PER_HOUR", 2)
    codes = [member.post("/help/contact/", {"message": "Help."}).status_code for _ in range(3)]
    assert codes == [303, 303, 400]
    assert SupportRequest.objects.count() == 2


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    assert project["project"]["version"] == django_settings.VERSION
