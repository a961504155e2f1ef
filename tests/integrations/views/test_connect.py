"""Connecting a WMS: the catalogue, the login, the check and the confirmation."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import credential_check
from integrations.connectors.registry import CONNECTORS
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection
from integrations.services import Account, connect, disconnect
from packr.workspaces.models import Role
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from syncs.status.entity_state import sync_state
from syncs.status.freshness import Freshness
from tests.kit import factories as make
from tests.kit.model_wms import ENTITIES, ModelWms

from ...kit.page_fixtures import signed_in
from .test_overview import page, words

HERE = "/settings/integrations/"
LOGIN = f"{HERE}connect/model/"
CHECK = f"{LOGIN}check/"
SECRET = "marked-secret-4711"
GIVEN = {"name": "Main", "key": SECRET, "shop": "north"}
EVERYTHING = [entity.value for entity in ENTITIES]


def checked(client: Client, **fields: str) -> str:
    """Return the confirmation page after a successful check."""
    response = client.post(LOGIN, {**GIVEN, **fields})
    assert (response.status_code, response.headers.get("Location")) == (303, CHECK)
    return page(client, CHECK)


def refused(client: Client, status: int = 400, **fields: str) -> str:
    """Return the login form after a refusal."""
    response = client.post(LOGIN, {**GIVEN, **fields})
    assert response.status_code == status
    return str(response.content.decode())


# --- The catalogue -------------------------------------------------------------------------------------------------


def test_catalogue_shows_what_each_wms_offers(member: Client, workspace: Any) -> None:
    """The table is derived from the connectors; what is missing is not offered, never failed."""
    html = page(member, f"{HERE}connect/")
    table = html.split("capabilities")[1].split("</table>")[0]
    rows = {words(row.split("</th>")[0]).strip(" >"): words(row) for row in table.split('<th scope="row"')[1:]}
    heads = [words(head).strip(" >") for head in table.split('<th scope="col"')[2:]]
    assert [head.split()[0] for head in heads] == sorted(
        (connector.label for connector in CONNECTORS.values()), key=str.casefold
    )
    found = {name.split(">")[-1]: row for name, row in rows.items()}
    for entity in Entity:
        row = next(row for name, row in found.items() if name == entity.label)
        offering = sum(entity in connector.entities() for connector in CONNECTORS.values())
        assert row.count("Read") == offering, entity
        assert row.count("Not offered") == len(CONNECTORS) - offering, entity
    assert "Read with orders" in table


def test_new_connector_appears_automatically(admin: Client, workspace: Any, model: ModelWms) -> None:
    """The catalogue is derived from the registry."""
    html = page(admin, f"{HERE}connect/")
    assert f'href="{LOGIN}"' in html
    assert "You need: key." in words(html)
    assert "You need: server address, database, login and password." in words(html)


def test_members_see_the_catalogue_without_connect_links(
    member: Client, admin_user: Any, workspace: Any, model: ModelWms
) -> None:
    html = page(member, f"{HERE}connect/")
    assert LOGIN not in html
    assert "Only admins of this workspace can connect a WMS: Dana." in words(html)


def test_connecting_is_for_admins(member: Client, client: Client, workspace: Any, model: ModelWms) -> None:
    """The server enforces it, whatever the page shows."""
    for address in (LOGIN, CHECK):
        assert member.get(address).status_code == member.post(address, GIVEN).status_code == 403
        assert client.get(address).headers["Location"].startswith("/accounts/login/")
    assert model.calls == []
    assert not Connection.objects.exists()


def test_unknown_wms_is_not_found(admin: Client, workspace: Any) -> None:
    assert admin.get(f"{HERE}connect/nowhere/").status_code == 404
    assert admin.post(f"{HERE}connect/nowhere/check/").status_code == 404


# --- The login -----------------------------------------------------------------------------------------------------


def test_form_shows_the_connectors_credentials(admin: Client, workspace: Any) -> None:
    """Labels, help texts, and fields that work with password managers."""
    html = page(admin, f"{HERE}connect/trackstar/")
    for credential in Trackstar.credentials:
        assert credential.label in html
        assert credential.help.replace(">", "&gt;").replace("'", "&#x27;") in html
    assert html.count('type="password"') == html.count('autocomplete="current-password"') == 2
    assert "Server address" not in html
    assert 'value="Trackstar"' in html
    tryton = page(admin, f"{HERE}connect/tryton/")
    assert "Server address" in tryton
    assert 'autocomplete="username"' in tryton


def test_proposed_name_is_not_taken(admin: Client, connection: Any) -> None:
    make.connection(connection.workspace, "Trackstar")
    assert 'value="Trackstar 2"' in page(admin, f"{HERE}connect/trackstar/")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": ""}, "Enter the key."),
        ({"name": "  "}, "Give the connection a name."),
        ({"name": "Taken"}, "Northbay already has a connection called “Taken”. Choose another name."),
        ({"key": "a\x07b"}, "key must be a line of text."),
    ],
)
def test_wrong_values_are_refused_before_any_request(
    admin: Client, workspace: Any, model: ModelWms, fields: dict[str, str], said: str
) -> None:
    make.connection(workspace, "Taken")
    assert said in words(refused(admin, **fields))
    assert model.calls == []


@pytest.mark.parametrize("address", ["http://wms.example.com", "https://127.0.0.1", "https://10.0.0.7:80", "nonsense"])
def test_refused_addresses_are_form_errors(admin: Client, workspace: Any, address: str) -> None:
    """The form can't be used to reach private addresses."""
    given = {"name": "T", "base_url": address, "database": "d", "login": "l", "password": SECRET}
    response = admin.post(f"{HERE}connect/tryton/", given)
    html = response.content.decode()
    assert response.status_code == 400
    assert "The address of the WMS" in html
    assert 'aria-invalid="true"' in html.split('name="base_url"')[1].split(">")[0]
    assert f'value="{address}"' in html
    assert SECRET not in html


def test_rejected_login_shows_the_reason_and_no_secret(admin: Client, workspace: Any, model: ModelWms) -> None:
    """Nothing is stored, and what is not secret stays in the form."""
    model.faults = [ConnectorError(Kind.CREDENTIALS, "The key is no longer valid.")]
    html = refused(admin)
    assert "Not connected. The key is no longer valid." in words(html)
    assert SECRET not in html
    assert 'value="north"' in html
    assert [call.what for call in model.calls] == ["check"]
    assert not Connection.objects.exists()
    assert admin.get(CHECK).headers["Location"] == LOGIN


def test_failed_check_says_that_nothing_was_stored(admin: Client, workspace: Any, model: ModelWms) -> None:
    model.faults = [ConnectorError(Kind.UNREACHABLE, "The WMS can't be reached.", "Check it.")]
    html = words(refused(admin))
    assert "reached. Nothing was stored. Try again after fixing this. Check it." in html


def test_login_is_encrypted_between_check_and_confirmation(
    admin: Client, workspace: Any, model: ModelWms, caplog: Any
) -> None:
    """Only the session holds it, encrypted; no page, cookie or log shows it."""
    html = checked(admin)
    assert SECRET not in html
    (session,) = Session.objects.all()
    kept = json.dumps(session.get_decoded())
    assert "checked_login" in kept
    assert SECRET not in kept
    assert SECRET not in caplog.text + str(admin.cookies)
    admin.post(CHECK, {"entities": EVERYTHING, "lookback_days": 30})
    assert "checked_login" not in Session.objects.get().get_decoded()


def test_login_checks_are_limited(admin: Client, workspace: Any, model: ModelWms, connection: Any) -> None:
    """Ten checks in ten minutes per workspace; another workspace is not affected."""
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(credential_check.MAX_CHECKS):
            model.faults = [ConnectorError(Kind.CREDENTIALS, "No.")]
            refused(admin)
        before = len(model.calls)
        assert "Try again in 10 minutes" in words(refused(admin, status=429))
        again = admin.post(f"{HERE}{connection.pk}/reconnect/", {"api_key": "a", "access_token": "b"})
        assert again.status_code == 429
        assert len(model.calls) == before
        other = signed_in(make.person("kim", in_=make.workspace("fernhill"), role=Role.ADMIN))
        checked(other)
        clock.shift(credential_check.CHECK_WINDOW)
        checked(admin)


# --- What the check found ------------------------------------------------------------------------------------------


def test_check_shows_what_the_account_may_read(admin: Client, workspace: Any, model: ModelWms) -> None:
    """Each entity is checked with one small request; what can't be read is off and says why."""
    model.faults = [
        None,
        None,
        ConnectorError(Kind.FORBIDDEN, "The account may not read stock."),
        ConnectorError(Kind.NOT_OFFERED, "There are no inbound shipments."),
    ]
    html = checked(admin)
    assert [call.entity for call in model.asked("fetch")] == list(ENTITIES)
    assert all(call.ask.since and call.cursor is None for call in model.asked("fetch"))
    assert "Model WMS accepted the login" in words(html)
    assert "Orders (with order shipments)" in words(html)
    found = dict(readings(html))
    assert found["orders"] == ("checked", "Readable")
    assert found["inventory"] == ("", "No access")
    assert found["inbound-shipments"] == ("", "Not offered")
    assert "The account may not read stock." in html
    assert 'value="30"' in html
    assert not Connection.objects.exists()
    assert not SyncRun.objects.exists()


def readings(html: str) -> list[tuple[str, tuple[str, str]]]:
    """Return each entity with whether it is ticked and the text of its badge."""
    found = []
    for item in html.split('class="entity-access"')[1].split("</ul>")[0].split("<li>")[1:]:
        box = item.split("<input")[1].split(">")[0]
        entity = box.split('value="')[1].split('"')[0]
        badge = item.split('class="badge')[1].split("</span>")[0]
        ticked = "checked" if re.search(r"\schecked\s", f"{box} ") else ""
        found.append((entity, (ticked, words(f"<{badge}").strip())))
    return found


def test_failure_ends_the_check_without_refusing(admin: Client, workspace: Any, model: ModelWms) -> None:
    """After a rate limit no more is requested; the rest is left to the first sync."""
    model.faults = [None, None, ConnectorError(Kind.RATE_LIMITED, "The WMS is limiting requests.")]
    html = checked(admin)
    assert len(model.asked("fetch")) == 2
    found = dict(readings(html))
    assert found["inventory"] == found["products"] == ("checked", "Not checked")
    assert "The WMS is limiting requests." in html
    assert credential_check.NOT_CHECKED in words(html)


def test_check_stops_after_its_timeout(
    admin: Client, workspace: Any, model: ModelWms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_check, "PROBE_TIMEOUT", timedelta(seconds=-1))
    checked(admin)
    assert model.asked("fetch") == []


def test_login_rejected_during_the_check_is_refused(admin: Client, workspace: Any, model: ModelWms) -> None:
    model.faults = [None, ConnectorError(Kind.CREDENTIALS, "Revoked just now.")]
    assert "Revoked just now." in refused(admin)
    assert admin.get(CHECK).status_code == 303


# --- The word ------------------------------------------------------------------------------------------------------


def test_confirmation_connects_and_starts_the_first_syncs(
    admin: Client, admin_user: Any, workspace: Any, model: ModelWms
) -> None:
    """The person is taken to where the progress is shown."""
    assert not model.asked("check")
    checked(admin)
    response = admin.post(CHECK, {"entities": EVERYTHING, "lookback_days": 90})
    made = Connection.objects.get()
    assert (response.status_code, response.headers["Location"]) == (303, f"{HERE}#connection-{made.pk}")
    assert (made.name, made.lookback_days, made.connected_by) == ("Main", 90, admin_user)
    assert made.credentials() == {"key": SECRET, "shop": "north"}
    (event,) = made.events.all()
    assert (event.text, event.person) == ("Connected to Model WMS.", admin_user)
    runs = SyncRun.objects.filter(connection=made)
    assert {run.entity for run in runs} == set(EVERYTHING)
    assert {(run.mode, run.trigger, run.state) for run in runs} == {(Mode.FULL, Trigger.FIRST, State.QUEUED)}
    html = page(admin)
    assert "Main is connected. The first syncs have started" in html
    assert "Connected: just now" in words(html)
    assert "every 5s" in html, "the progress refreshes automatically"
    assert admin.get(CHECK).headers["Location"] == LOGIN, "the login was used up"


def test_left_out_entities_are_off_with_a_reason(
    admin: Client, admin_user: Any, workspace: Any, model: ModelWms
) -> None:
    """The reason is the WMS's, or names who left the entity out."""
    model.faults = [
        None,
        None,
        ConnectorError(Kind.FORBIDDEN, "The account may not read stock."),
        ConnectorError(Kind.NOT_OFFERED, "There are no inbound shipments."),
    ]
    checked(admin)
    admin.post(CHECK, {"entities": ["products", "customers"], "lookback_days": 30})
    made = Connection.objects.get()
    assert set(SyncRun.objects.values_list("entity", flat=True)) == {"products", "customers"}
    states = {state.entity: state for state in sync_state(made)}
    assert states[Entity.PRODUCTS].freshness == Freshness.NEVER
    assert states[Entity.INVENTORY].freshness == Freshness.OFF
    assert states[Entity.INVENTORY].schedule.off_reason == "The account may not read stock."
    assert states[Entity.INBOUND_SHIPMENTS].freshness == Freshness.NOT_OFFERED
    assert states[Entity.ORDERS].freshness == Freshness.OFF
    assert states[Entity.ORDERS].schedule.off_reason == "Dana left it out when connecting."
    assert states[Entity.ORDER_SHIPMENTS].freshness == Freshness.OFF, "it comes with orders"
    assert states[Entity.ORDERS].next_run is None
    assert EntitySchedule.objects.filter(connection=made, enabled=False).count() == 5


def test_unreadable_entity_can_be_chosen(admin: Client, workspace: Any, model: ModelWms) -> None:
    model.faults = [None, ConnectorError(Kind.FORBIDDEN, "Not yet.")]
    checked(admin)
    admin.post(CHECK, {"entities": ["orders"], "lookback_days": 30})
    assert EntitySchedule.objects.get(entity="orders").enabled


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"entities": []}, "Choose at least one type of data."),
        ({"entities": ["bills"]}, "bills"),
        ({"lookback_days": "0"}, "Enter 1 to 3,650 days."),
        ({"lookback_days": "3651"}, "Enter 1 to 3,650 days."),
        ({"lookback_days": "many"}, "Enter 1 to 3,650 days."),
        ({"lookback_days": ""}, "Enter 1 to 3,650 days."),
    ],
)
def test_invalid_confirmation_is_shown_again(
    admin: Client, workspace: Any, model: ModelWms, fields: dict[str, Any], said: str
) -> None:
    checked(admin)
    response = admin.post(CHECK, {"entities": EVERYTHING, "lookback_days": "30", **fields})
    assert response.status_code == 400
    assert said in words(response.content.decode())
    assert not Connection.objects.exists()
    assert admin.post(CHECK, {"entities": EVERYTHING, "lookback_days": "30"}).status_code == 303


def test_checked_login_expires_after_15_minutes(admin: Client, workspace: Any, model: ModelWms) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        checked(admin)
        clock.shift(timedelta(minutes=16))
        response = admin.post(CHECK, {"entities": EVERYTHING, "lookback_days": 30})
        assert response.headers["Location"] == LOGIN
        assert "Enter the login again" in page(admin, LOGIN)
    assert not Connection.objects.exists()


def test_checked_login_is_for_one_workspace_and_wms(admin_user: Any, workspace: Any, model: ModelWms) -> None:
    """A login checked in one place connects nothing elsewhere."""
    from packr.workspaces.services import set_role

    set_role(make.workspace("fernhill"), admin_user, Role.ADMIN)
    client = signed_in(admin_user)
    client.get(f"{HERE}?workspace=northbay")
    checked(client)
    assert client.get(f"{HERE}connect/trackstar/check/").status_code == 303
    response = client.post(f"{CHECK}?workspace=fernhill", {"entities": EVERYTHING, "lookback_days": 30})
    assert response.headers["Location"] == LOGIN
    assert not Connection.objects.exists()


def test_login_revoked_before_confirmation_is_refused(admin: Client, workspace: Any, model: ModelWms) -> None:
    checked(admin)
    model.faults = [ConnectorError(Kind.CREDENTIALS, "Revoked.")]
    response = admin.post(CHECK, {"entities": EVERYTHING, "lookback_days": 30})
    assert response.headers["Location"] == LOGIN
    assert "Not connected. Revoked." in page(admin, LOGIN)
    assert not Connection.objects.exists()


def test_already_connected_account_is_pointed_out(
    admin: Client, workspace: Any, model: ModelWms, connection: Any
) -> None:
    """A second connection is allowed; for a disconnected one the page suggests reconnecting."""
    assert "already connected" not in checked(admin)
    first = connect(workspace, Account("model", "First", {"key": SECRET}), first_sync=False)
    html = words(checked(admin, name="Second"))
    assert "This account is already connected as First." in html
    disconnect(first)
    html = checked(admin, name="Second")
    assert f'href="{HERE}{first.pk}/reconnect/"' in html
    assert "This account was connected before as First." in words(html)
    elsewhere = make.workspace("fernhill")
    type(first).objects.update(workspace=elsewhere)
    assert "First" not in words(checked(admin, name="Second").split("<main")[1])


def test_each_connection_has_a_card(admin: Client, workspace: Any, model: ModelWms) -> None:
    """Each card has its own Refresh, Manual sync and age; another WMS can be connected."""
    for name in ("First", "Second"):
        make.connection(workspace, name)
    html = page(admin)
    assert html.count('<h2 id="connection-') == 2
    assert "Connect another WMS" in html
    ids = [part.split('"')[0] for part in html.split('id="')[1:]]
    assert len(ids) == len(set(ids))


def test_query_count_does_not_grow_with_connections(
    admin: Client, workspace: Any, django_assert_num_queries: Any
) -> None:
    """Freshness and last runs are read for all connections together."""
    make.connection(workspace, "First")
    page(admin)
    with CaptureQueriesContext(database) as few:
        page(admin)
    for name in ("Second", "Third"):
        make.connection(workspace, name)
    with django_assert_num_queries(len(few)):
        page(admin)
