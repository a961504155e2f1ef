"""The commands as a script uses them: exit codes, one clear sentence, JSON, and no secrets."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection
from packr.demo.sandbox.server import Sandbox
from packr.workspaces.models import Workspace
from syncs.models import SyncRun
from tests.kit.model_wms import customer, order
from tests.kit.server import Reply, Server

SECRET = "marked-secret-4711"


class Ended:
    """The outcome of a command."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def sentence(self):
        """The one line on standard error."""
        assert "Traceback" not in self.err
        (line,) = self.err.strip().splitlines()
        return line.removeprefix("CommandError: ")


@pytest.fixture
def manage(db, monkeypatch, capsys):
    """Run `manage.py` in this process."""

    # Django closes its connections after a command, and with them the test's transaction.
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin if isinstance(stdin, str) else json.dumps(stdin)))
        capsys.readouterr()
        code = 0
        try:
            execute_from_command_line(["manage.py", *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return Ended(code, said.out, said.err)

    return run


# --- workspace ------------------------------------------------------------------------------------------------------


def test_workspace(manage):
    made = manage(
        "workspace", "acme", "--name", "Acme", "--timezone", "Europe/Berlin", "--admin", "ada", "--member", "m"
    )
    assert (made.code, made.out) == (0, "Workspace acme (Acme, Europe/Berlin) is ready.\n")
    assert manage("workspace", "acme", "--member", "zoe").code == 0
    found = Workspace.objects.get()
    assert sorted(found.memberships.values_list("user__username", "role")) == [
        ("ada", "admin"),
        ("m", "member"),
        ("zoe", "member"),
    ]


@pytest.mark.parametrize("bad", [["a b"], ["acme", "--timezone", "Mars"], ["acme", "--admin", ""]])
def test_workspace_with_bad_input(manage, bad):
    ended = manage("workspace", *bad)
    assert ended.code == 1
    assert ended.sentence
    assert not Workspace.objects.exists()


# --- connect --------------------------------------------------------------------------------------------------------


def test_connect(manage, wms, home):
    made = manage("connect", "northbay", "model", "--name", "Shop", stdin={"key": SECRET})
    assert (made.code, made.out) == (0, f"{Connection.objects.get().pk}\n")
    assert SyncRun.objects.filter(trigger="first").exists()
    again = manage("connect", "northbay", "model", "--name", "Two", "--json", "--no-first-sync", stdin={"key": SECRET})
    assert json.loads(again.out) == {"id": Connection.objects.latest("pk").pk}


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["nowhere", "model"], {"key": SECRET}, "There is no workspace “nowhere”"),
        (["northbay", "magic"], {"key": SECRET}, "does not support a WMS called “magic”"),
        (["northbay", "model"], {}, "needs key"),
        (["northbay", "model"], {"key": SECRET, "pin": "1"}, "no credential called pin"),
        (["northbay", "model"], "", "as a JSON object"),
        (["northbay", "model"], f'{{"key": "{SECRET}"', "as a JSON object"),
        (["northbay", "model"], '["key"]', "as a JSON object"),
        (["northbay", "model"], "[" * 100_000, "as a JSON object"),
        (["northbay", "model", "--lookback-days", "0"], {"key": SECRET}, "lookback_days"),
        (["northbay", "model", "--base-url", "http://wms.test"], {"key": SECRET}, "must begin with https://"),
        (["northbay", "model", "--base-url", "https://127.0.0.1"], {"key": SECRET}, "private network"),
        (["northbay", "model", "--base-url", "https://a:b@x.test"], {"key": SECRET}, "without a login in it"),
        (["northbay", "model", "--base-url", "nonsense"], {"key": SECRET}, "must look like https://"),
    ],
)
def test_connect_with_bad_input(manage, wms, home, arguments, stdin, words):
    """One clear sentence, exit code 1, no traceback, and nothing is stored."""
    ended = manage("connect", *arguments, "--name", "Shop", stdin=stdin)
    assert ended.code == 1
    assert words in ended.sentence
    assert "automatically" not in ended.sentence
    assert not Connection.objects.exists()


def test_connect_with_a_taken_name(manage, wms, connection):
    ended = manage("connect", "northbay", "model", "--name", "Main", stdin={"key": SECRET})
    assert (ended.code, Connection.objects.count()) == (1, 1)
    assert "already has a connection called “Main”" in ended.sentence


def test_connect_without_a_name_is_usage(manage, home):
    assert manage("connect", "northbay", "model").code == 2


@pytest.fixture
def allowed(settings):
    """Allow the tests' servers to be private and use plain http."""

    def allow(url):
        settings.PRIVATE_WMS_HOSTS = frozenset({url.removeprefix("http://")})
        return url

    return allow


LOGIN = {"api_key": "sandbox", "access_token": SECRET}


def trackstar(manage, url, credentials=LOGIN):
    return manage("connect", "northbay", "trackstar", "--name", "T", "--base-url", url, stdin=credentials)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"<html>Hello</html>", headers={"Content-Type": "text/html"}), "web page"),
        (Reply(b'{"error": "no"}', status=401), "rejected the login"),
        (Reply(b"oops", status=500), "internal error (500)"),
        (Reply(b"", status=302, headers={"Location": "http://127.0.0.1/"}), "another address"),
        (Reply(b'{"data": [', status=200), "complete JSON"),
    ],
)
def test_connect_to_a_host_with_an_unexpected_response(manage, home, allowed, reply, words):
    with Server(lambda call: reply) as server:
        ended = trackstar(manage, allowed(server.url))
    assert ended.code == 1
    assert ended.sentence.startswith("Not connected. ")
    assert words in ended.sentence
    assert not Connection.objects.exists()


def test_connect_to_an_unreachable_host(manage, home, allowed):
    ended = trackstar(manage, allowed("http://127.0.0.1:9"))
    assert (ended.code, Connection.objects.count()) == (1, 0)
    assert "can't be reached" in ended.sentence


def test_private_address_is_refused_unless_allowed(manage, home):
    with Server() as server:
        ended = trackstar(manage, server.url)
        assert server.calls == []
    assert ended.code == 1
    assert "https://" in ended.sentence


# --- Everything, from the sandbox to the export ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(orders=40, still=True, limit=False) as running:
        yield running


def test_from_the_sandbox_to_the_export(manage, home, allowed, sandbox):
    """Connect, sync, look and export, with the production connector and an unmodified WMS."""
    made = trackstar(manage, allowed(sandbox.url), {"api_key": "sandbox", "access_token": "sandbox-1"})
    assert made.code == 0, made.err
    synced = manage("sync", "northbay/T", "--group", "everything", "--wait")
    assert synced.code == 0, synced.out + synced.err
    rows = {row["entity"]: row for row in json.loads(manage("sync_state", "northbay/T", "--json").out)}
    account = sandbox.world.account(1)
    for entity, table in (("orders", "orders"), ("inventory", "inventory"), ("products", "products")):
        exported = [json.loads(line) for line in manage("export", "northbay/T", entity).out.splitlines()]
        assert len(exported) == rows[entity]["run"]["created"] == rows[entity]["run"]["seen"] > 0
        source = account.tables[table]
        assert all(one["external_id"] in source for one in exported)
    assert set(rows["orders"]) == {"entity", "state", "as_of", "cadence_seconds", "next_run", "run"}
    assert set(rows["orders"]["run"]) == {
        *("id", "state", "mode", "trigger", "started", "completed"),
        *("seen", "created", "updated", "unchanged", "stale", "rejected", "removed"),
    }
    assert (rows["orders"]["state"], rows["orders"]["cadence_seconds"]) == ("fresh", 300)
    assert rows["order-shipments"]["run"]["id"] == rows["orders"]["run"]["id"]


def test_only_the_changed_item_is_synced(manage, home, allowed, sandbox):
    """The example of the product page: A changes from 7 to 5, B and C don't; only A is synced."""
    from packr.demo.sandbox.control import change

    def tell(**body):
        return change(sandbox.world, {"account": "sandbox-2", **body})

    def row(sku, quantity, updated, **more):
        dates = dict.fromkeys(
            ("created_date", "updated_date", "trackstar_created_date", "trackstar_updated_date"), updated
        )
        counters = {"onhand": quantity, "fulfillable": quantity, "sellable": quantity}
        return {"id": sku, "sku": sku, **counters, **dates, **more}

    tell(clear="inventory")
    for one in (("A", 7, "2020-02-28T08:45:00Z"), ("B", 10, "2020-03-02T13:30:00Z"), ("C", 3, "2020-02-25T11:00:00Z")):
        tell(entity="inventory", add=row(*one), stamp="keep")
    made = trackstar(manage, allowed(sandbox.url), {"api_key": "sandbox", "access_token": "sandbox-2"})
    assert made.code == 0, made.err
    manage("sync", "northbay/T", "inventory", "--wait")
    first = {one["external_id"]: one["onhand"] for one in exported(manage, "inventory")}
    tell(entity="inventory", id="A", set={"onhand": 5, "fulfillable": 5, "sellable": 5})
    assert manage("sync", "northbay/T", "inventory", "--wait").code == 0
    run = SyncRun.objects.filter(entity="inventory").exclude(started_at=None).latest("started_at")
    assert first == {"A": "7", "B": "10", "C": "3"}
    assert {one["external_id"]: one["onhand"] for one in exported(manage, "inventory")} == first | {"A": "5"}
    assert (run.mode, run.updated, run.seen - run.updated - run.unchanged) == ("incremental", 1, 0)


def exported(manage, entity):
    return [json.loads(line) for line in manage("export", "northbay/T", entity).out.splitlines()]


# --- sync -----------------------------------------------------------------------------------------------------------


def test_sync_without_waiting_is_accepted(manage, connection):
    ended = manage("sync", connection.pk, "orders", "inventory")
    assert (ended.code, ended.err) == (0, "")
    first, second = SyncRun.objects.order_by("pk")
    assert ended.out == f"Orders: run {first.pk} is queued.\nInventory: run {second.pk} is queued.\n"


def test_sync_wait_succeeded(manage, wms, connection):
    wms.put(Entity.ORDERS, *(order(f"o{n}", now()) for n in range(4)))
    ended = manage("sync", "northbay/Main", "orders", "--wait")
    assert (ended.code, ended.out) == (0, "Orders: succeeded, 4 read, 4 created, 0 updated, 0 removed.\n")


def test_sync_wait_includes_the_full_run_that_follows(manage, wms, connection):
    """A full run requested during an incremental run is waited for."""
    from syncs.models import Mode, Trigger
    from syncs.runs.enqueue import request_runs

    manage("sync", connection.pk, "orders", "--wait")
    wms.faults = [
        lambda call: request_runs(connection, [Entity.ORDERS], mode=Mode.FULL, trigger=Trigger.MANUAL) and None
    ]
    assert manage("sync", connection.pk, "orders", "--wait").out.count("Orders: succeeded") == 2


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda wms: wms.bad[Entity.ORDERS].update({"o1": "bad"}), 3),
        (lambda wms: wms.faults.append(ConnectorError(Kind.CONTRACT, "Nonsense.")), 1),
        (lambda wms: wms.faults.append(ConnectorError(Kind.CREDENTIALS, "Refused.")), 1),
    ],
)
def test_sync_wait_exit_code_after_failures(manage, wms, connection, prepare, code):
    wms.put(Entity.ORDERS, order("o1", now()))
    prepare(wms)
    assert manage("sync", connection.pk, "orders", "--wait").code == code


def test_sync_wait_worst_of_several(manage, wms, connection):
    wms.put(Entity.ORDERS, order("o1", now()))
    wms.bad[Entity.ORDERS] = {"o1": "bad"}
    wms.faults = [None, ConnectorError(Kind.CONTRACT, "Nonsense.")]
    assert manage("sync", connection.pk, "orders", "inventory", "--wait").code == 1


def test_sync_wait_needs_review(manage, wms, connection):
    wms.put(Entity.CUSTOMERS, *(customer(f"c{n}") for n in range(30)))
    manage("sync", connection.pk, "customers", "--wait")
    wms.drop(Entity.CUSTOMERS, *(f"c{n}" for n in range(25)))
    assert manage("sync", connection.pk, "customers", "--wait", "--mode", "full").code == 3


def test_sync_wait_times_out(manage, wms, connection):
    wms.faults = [ConnectorError(Kind.UNREACHABLE, "Gone.")] * 50
    ended = manage("sync", connection.pk, "orders", "--wait", "--timeout", "0.3")
    assert ended.code == 4
    assert "orders" in ended.sentence


def test_sync_wait_fails_if_the_connection_is_deleted(manage, wms, connection):
    from integrations.services import disconnect

    wms.faults = [lambda call: disconnect(connection, delete_data=True)]
    assert manage("sync", connection.pk, "orders", "--wait").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["99999", "orders"], 1, "There is no connection “99999”"),
        (["9" * 40, "orders"], 1, "There is no connection"),
        (["²", "orders"], 1, "There is no connection"),
        (["northbay/Nope", "orders"], 1, "There is no connection “northbay/Nope”"),
        (["northbay/Main", "ordres"], 1, "There is no entity “ordres”. Choose one of: orders, "),
        (["northbay/Main", "bills"], 1, "Model WMS does not offer bills"),
        (["northbay/Main"], 2, "Name either entities or a --group to sync"),
        (["northbay/Main", "orders", "--group", "variants"], 2, "Name either entities or a --group to sync"),
        (["northbay/Main", "orders", "--as", "ghost"], 1, "There is no person “ghost”"),
        (["northbay/Main", "orders", "--as", "mel"], 1, "mel may not start syncs in Northbay. Only its admins may."),
    ],
)
def test_sync_with_bad_input(manage, connection, arguments, code, words):
    ended = manage("sync", *arguments)
    assert ended.code == code
    assert words in ended.sentence
    assert not SyncRun.objects.exists()


def test_sync_as_an_admin(manage, connection):
    """The command enforces permissions, and the run records who started it."""
    assert manage("sync", connection.pk, "orders", "--as", "ada").code == 0
    assert SyncRun.objects.get().requested_by.username == "ada"


@pytest.mark.parametrize("argument", [["--group", "nonsense"], ["--mode", "quick"]])
def test_sync_usage(manage, connection, argument):
    assert manage("sync", connection.pk, *argument).code == 2


# --- The others -----------------------------------------------------------------------------------------------------


def test_sync_state_of_entities_that_never_ran(manage, connection):
    """There is one row per entity, also for those that never ran."""
    rows = json.loads(manage("sync_state", connection.pk, "--json").out)
    assert [row["entity"] for row in rows] == [entity.value for entity in connection.connector.entities()]
    assert {(row["as_of"], row["run"]) for row in rows} == {(None, None)}


def test_sync_state_as_text(manage, wms, connection):
    manage("sync", connection.pk, "orders", "--wait")
    lines = manage("sync_state", connection.pk).out.splitlines()
    assert lines[0].split()[:4] == ["entity", "state", "as_of", "cadence_seconds"]
    assert len(lines) == 1 + len(connection.connector.entities())
    assert "succeeded" in lines[1]


@pytest.mark.parametrize("command", [["sync_state", "1/x"], ["export", "x", "orders"], ["disconnect", "0"]])
def test_unknown_connections(manage, command):
    ended = manage(*command)
    assert (ended.code, "There is no connection" in ended.sentence) == (1, True)


def test_export_of_an_entity_that_is_not_offered(manage, connection):
    assert "does not offer bills" in manage("export", connection.pk, "bills").sentence
    assert "There is no entity" in manage("export", connection.pk, "nonsense").sentence
    assert manage("export", connection.pk, "orders").out == ""


def test_disconnect(manage, wms, connection):
    assert "Its data was kept" in manage("disconnect", connection.pk).out
    ended = manage("sync", connection.pk, "orders")
    assert (ended.code, "is disconnected" in ended.sentence) == (1, True)
    assert "Its data was deleted" in manage("disconnect", connection.pk, "--delete-data").out
    assert not Connection.objects.exists()


def test_capabilities(manage):
    found = json.loads(manage("capabilities", "--json").out)
    assert found["trackstar"]["orders"]["read"] is True
    assert {what for what, can in found["trackstar"].items() if can["read"]} == {entity.value for entity in Entity}
    assert found["tryton"]["bills"]["read"] is False
    assert set(found["tryton"]) == {entity.value for entity in Entity}
    assert found["trackstar"]["inventory"] == {"read": True, "adjust-inventory": True}
    assert manage("capabilities").out.splitlines()[0].split() == ["entity", *found]


def test_call_command_raises_for_scripts(connection):
    """From Python a failure is an exception, not an exit."""
    with pytest.raises(CommandError):
        call_command("sync", "nowhere", "orders")
