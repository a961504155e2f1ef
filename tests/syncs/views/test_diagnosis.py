"""The diagnosis "Why is this stale?": each cause alone and with another, and the button of the top cause."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.warehouse.models import Order
from packr.workspaces.models import Workspace
from packr.workspaces.request_context import RequestContext
from syncs.diagnosis.causes import CallToAction, StaleCause
from syncs.diagnosis.diagnose import diagnose, overview
from syncs.diagnosis.rules import CONNECTION_RULES, ENTITY_RULES
from syncs.models import Beat, EntitySchedule, Lane, State, SyncRun
from syncs.process import heartbeats
from tests.kit import factories as make

ORDERS = Entity.ORDERS
Seed = Callable[["World"], None]


class World:
    """A workspace with orders that are an hour old at a cadence of five minutes."""

    def __init__(self, workspace: Workspace, connection: Connection, admin: Any) -> None:
        self.workspace, self.connection, self.admin = workspace, connection, admin
        self.brand: Any = None
        for entity in connection.connector.entities():
            make.synced(connection, entity, at=ago(minutes=2))
        self.age(ORDERS, ago(hours=1))
        self.schedules().update(next_due_at=now() + timedelta(minutes=3))

    def schedules(self, entity: Entity = ORDERS) -> Any:
        return EntitySchedule.objects.filter(connection=self.connection, entity__in=(entity, "order-shipments"))

    def age(self, entity: Entity, moment: datetime) -> None:
        self.schedules(entity).update(as_of=moment, watermark=moment)
        SyncRun.objects.filter(connection=self.connection, entity=entity).update(started_at=moment, completed_at=moment)

    def fails(self, failure: str, message: str = "It said no.", **fields: Any) -> SyncRun:
        return make.run(
            self.connection,
            **{"state": State.FAILED, "failure": failure, "message": message, "started_at": ago(minutes=3), **fields},
        )

    def place(self, *, admin: bool = True) -> RequestContext:
        brands = list(self.workspace.brands.all())
        return RequestContext(self.workspace, self.brand, [self.workspace], brands, may_sync=admin, may_manage=admin)


def ago(**length: float) -> datetime:
    return now() - timedelta(**length)


def unmapped(world: World) -> None:
    world.brand = make.brand(world.workspace, "Acme")


def other_account(world: World) -> None:
    """The brand is linked to a customer without orders, while other customers have some."""
    make.order(world.connection, warehouse_customer_id="c-1")
    world.brand = make.brand(world.workspace, "Acme", (world.connection, "c-2"))
    world.age(ORDERS, ago(minutes=2))


def not_connected(world: World) -> None:
    world.connection.delete()


def disconnected(world: World) -> None:
    Connection.objects.update(status=Status.DISCONNECTED, disconnected_at=ago(days=2))


def not_offered(world: World) -> None:
    world.schedules().update(enabled=False, off_reason="The WMS has no orders.", offered=False, as_of=None)


def switched_off(world: World) -> None:
    world.schedules().update(enabled=False, off_reason="Not needed.")


def refused(world: World) -> None:
    Connection.objects.update(status=Status.NEEDS_ATTENTION, status_message="The WMS refused the login.")
    world.fails("credentials")


def no_worker(world: World) -> None:
    Beat.objects.create(name=f"{heartbeats.WORKER} here:1", at=ago(minutes=20))


def no_plan(world: World) -> None:
    Beat.objects.create(name=f"{heartbeats.WORKER} here:1", at=now())
    Beat.objects.create(name=heartbeats.TICK, at=ago(minutes=20))


def paused(world: World) -> None:
    world.schedules().update(paused_until=now() + timedelta(hours=2))


def forbidden(world: World) -> None:
    world.fails("forbidden", "The account may not read orders.")


def held(world: World) -> None:
    make.run(world.connection, state=State.NEEDS_REVIEW, mode="full", held=40, started_at=ago(minutes=8))


def limited(world: World) -> None:
    world.fails("rate_limited", state=State.WAITING)
    Lane.objects.update(waits_until=now() + timedelta(minutes=7))


def unreachable(world: World) -> None:
    Connection.objects.update(status=Status.UNREACHABLE, status_message="No answer.")
    world.fails("unreachable")


def unreachable_and_waiting(world: World) -> None:
    world.fails("unreachable", state=State.WAITING)
    Lane.objects.update(waits_until=now() + timedelta(minutes=1))


def stuck(world: World) -> None:
    make.run(world.connection, state=State.RUNNING, beat_at=ago(minutes=5))
    Lane.objects.update(leased_until=ago(minutes=3))


def first_sync(world: World) -> None:
    world.schedules().update(as_of=None, watermark=None)
    make.run(world.connection, state=State.RUNNING, seen=1240, trigger="first")


def running(world: World) -> None:
    make.run(world.connection, state=State.RUNNING, seen=1240, requested_by=world.admin)


def queued(world: World) -> None:
    make.run(world.connection, Entity.PRODUCTS, state=State.RUNNING)
    make.run(world.connection, state=State.QUEUED, started_at=None)


def contract(world: World) -> None:
    world.fails("contract", "The WMS sent a web page instead of data.")


def ours(world: World) -> None:
    world.fails("packr")


def empty_list(world: World) -> None:
    make.run(world.connection, state=State.PARTIAL, mode="full", seen=0, started_at=ago(minutes=8))


def cancelled(world: World) -> None:
    make.run(world.connection, state=State.CANCELLED, cancelled_by=world.admin, started_at=ago(minutes=8))


def overdue(world: World) -> None:
    world.schedules().update(next_due_at=ago(minutes=50))


def source(world: World) -> None:
    make.run(world.connection, started_at=ago(minutes=2))


def rejected(world: World) -> None:
    world.age(ORDERS, ago(minutes=2))
    make.run(world.connection, state=State.PARTIAL, seen=1215, unchanged=1212, rejected=3, started_at=ago(minutes=2))


def not_due(world: World) -> None:
    world.age(ORDERS, ago(minutes=4))


def nothing_known(world: World) -> None:
    """The data is old for no recorded reason."""


INTEGRATIONS = "/settings/integrations/"
ALONE: list[tuple[Seed, StaleCause, str, str]] = [
    (unmapped, StaleCause.UNMAPPED, "No warehouse account is linked to Acme yet.", "Open mapping"),
    (other_account, StaleCause.OTHER_ACCOUNT, "has no orders", "Open mapping"),
    (not_connected, StaleCause.NOT_CONNECTED, "No WMS is connected.", "Connect your WMS"),
    (disconnected, StaleCause.DISCONNECTED, "Sandbox was disconnected", "Connect again"),
    (not_offered, StaleCause.NOT_OFFERED, "The WMS has no orders.", "Open Sync Settings"),
    (switched_off, StaleCause.OFF, "switched off. Not needed.", "Open Sync Settings"),
    (refused, StaleCause.CREDENTIALS, "Trackstar rejected the login at", "Reconnect"),
    (no_worker, StaleCause.NO_WORKER, "Packr has not run any syncs since", "Contact support"),
    (no_plan, StaleCause.NO_PLAN, "has not scheduled any syncs since", "Sync now"),
    (paused, StaleCause.PAUSED, "is paused until", "Sync now"),
    (forbidden, StaleCause.FORBIDDEN, "The account may not read orders.", "Open Sync Settings"),
    (held, StaleCause.REVIEW, "40 orders are missing in Trackstar", "See the list"),
    (limited, StaleCause.LIMITED, "Trackstar is limiting requests.", "Watch it"),
    (unreachable, StaleCause.UNREACHABLE, "Trackstar does not respond.", "See the connection"),
    (unreachable_and_waiting, StaleCause.UNREACHABLE, "Trackstar does not respond.", "See the connection"),
    (stuck, StaleCause.STUCK, "was interrupted: its worker stopped at", "Contact support"),
    (first_sync, StaleCause.FIRST_SYNC, "The first sync of orders started", "Watch it"),
    (running, StaleCause.RUNNING, "Dana started a sync of orders", "Watch it"),
    (queued, StaleCause.QUEUED, "is queued behind products", "Watch it"),
    (contract, StaleCause.FAILED, "sent a web page instead of data", "Sync now"),
    (ours, StaleCause.OURS, "because of an error in Packr", "Contact support"),
    (empty_list, StaleCause.EMPTY_LIST, "sent an empty list of orders", "Sync now"),
    (cancelled, StaleCause.CANCELLED, "was cancelled by Dana", "Sync now"),
    (overdue, StaleCause.OVERDUE, "and has not started", "Sync now"),
    (source, StaleCause.SOURCE, "but Trackstar provided data as of", "See the connection"),
    (rejected, StaleCause.REJECTED, "Packr rejected 3 of 1,215 records in the last sync", "See the records"),
    (not_due, StaleCause.NOT_DUE, "read everything as of", "Sync now"),
    (nothing_known, StaleCause.UNKNOWN, "Packr found no reason", "Sync now"),
]
TOGETHER: list[tuple[Seed, Seed, StaleCause]] = [
    (refused, contract, StaleCause.CREDENTIALS),
    (no_worker, overdue, StaleCause.NO_WORKER),
    (no_worker, limited, StaleCause.NO_WORKER),
    (switched_off, refused, StaleCause.OFF),
    (unmapped, refused, StaleCause.UNMAPPED),
    (unreachable, limited, StaleCause.LIMITED),
    (paused, contract, StaleCause.PAUSED),
    (contract, running, StaleCause.RUNNING),
    (rejected, held, StaleCause.REVIEW),
    (cancelled, overdue, StaleCause.CANCELLED),
    (refused, no_worker, StaleCause.CREDENTIALS),
    (no_plan, overdue, StaleCause.NO_PLAN),
    (forbidden, no_worker, StaleCause.NO_WORKER),
]


def test_rules_are_listed_in_the_order_of_their_causes() -> None:
    """The order of the causes is their rank, so readers of the table see the ranking."""
    for rules in (CONNECTION_RULES, ENTITY_RULES):
        positions = [list(StaleCause).index(rule.cause) for rule in rules]
        assert positions == sorted(positions)


def test_every_cause_is_tested_alone() -> None:
    assert {cause for _, cause, _, _ in ALONE} == set(StaleCause)


@pytest.fixture
def world(workspace: Any, connection: Any, admin_user: Any) -> World:
    return World(workspace, connection, admin_user)


def leads(client: Client, found: CallToAction) -> bool:
    return client.get(found.url).status_code == 200


@pytest.mark.parametrize(("seed", "cause", "words", "label"), ALONE, ids=[one[0].__name__ for one in ALONE])
def test_top_cause_is_right_and_its_button_leads_to_the_remedy(
    admin: Client, world: World, seed: Seed, cause: StaleCause, words: str, label: str
) -> None:
    seed(world)
    place = world.place()
    top = diagnose(place, ORDERS, thorough=True).top
    assert top.cause == cause
    assert words in top.message
    found = top.call_to_action(place)
    assert found.label == label
    assert not found.asks_admin
    assert leads(admin, found)
    if label == "Sync now":
        assert "entity=orders" in found.url
        assert '<option value="orders"' in admin.get(found.url).content.decode()


@pytest.mark.parametrize(("seed", "cause", "words", "label"), ALONE, ids=[one[0].__name__ for one in ALONE])
def test_member_gets_the_same_cause_and_an_allowed_action(
    member: Client, world: World, seed: Seed, cause: StaleCause, words: str, label: str
) -> None:
    """Instead of starting a sync, they ask an admin."""
    seed(world)
    place = world.place(admin=False)
    top = diagnose(place, ORDERS, thorough=True).top
    assert top.cause == cause
    found = top.call_to_action(place)
    assert found.asks_admin == (label == "Sync now")
    if not found.asks_admin:
        assert leads(member, found)
    address = f"/settings/integrations/why/orders/?brand={world.brand.slug if world.brand else ''}"
    page = member.get(address).content.decode()
    assert words in " ".join(page.replace("\n", " ").split())
    assert ("Ask an admin" in page.split('<h2 id="steps"')[0].split("<main")[1]) == found.asks_admin


@pytest.mark.parametrize(
    ("one", "other", "cause"), TOGETHER, ids=[f"{one.__name__}-{other.__name__}" for one, other, _ in TOGETHER]
)
def test_most_important_of_two_causes_comes_first(world: World, one: Seed, other: Seed, cause: StaleCause) -> None:
    one(world)
    other(world)
    assert diagnose(world.place(), ORDERS).top.cause == cause


def test_connection_with_the_worst_data_comes_first(world: World) -> None:
    other = make.connection(world.workspace, "Other")
    make.synced(other, at=ago(minutes=2))
    Connection.objects.filter(pk=other.pk).update(status=Status.UNREACHABLE)
    contract(world)
    make.connection(world.workspace, "Old", status=Status.DISCONNECTED, disconnected_at=ago(days=9))
    found = diagnose(world.place(), ORDERS)
    assert [finding.cause for finding in found.findings] == [
        StaleCause.FAILED,
        StaleCause.UNREACHABLE,
        StaleCause.DISCONNECTED,
    ]
    assert "Trackstar (Other) does not respond." in found.others[0].message
    assert diagnose(world.place(), ORDERS, other.pk).top.cause == StaleCause.UNREACHABLE


def test_query_count_is_independent_of_the_number_of_connections(world: World) -> None:
    def cost() -> int:
        with CaptureQueriesContext(database) as asked:
            overview(world.place())
        return len(asked)

    few = cost()
    for number in range(4):
        other = make.connection(world.workspace, f"Other {number}")
        for _ in range(5):
            make.run(other, state=State.FAILED, failure="contract")
    assert cost() == few <= 8


@pytest.mark.parametrize("entity", Entity)
def test_every_entity_has_a_page(admin: Client, member: Client, world: World, entity: Entity) -> None:
    """Also entities that the WMS does not offer, and bills for people who may see them."""
    assert member.get(f"/settings/integrations/why/{entity}/").status_code == (404 if entity == Entity.BILLS else 200)
    page = admin.get(f"/settings/integrations/why/{entity}/").content.decode()
    assert "Why is this stale?" in page
    if entity not in world.connection.connector.entities():
        assert "Trackstar does not offer" in page


def test_unknown_entity_has_no_page(member: Client, world: World) -> None:
    assert member.get("/settings/integrations/why/unicorns/").status_code == 404


def flat(client: Client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def test_each_checklist_step_shows_what_packr_found(admin: Client, member: Client, world: World) -> None:
    """The steps are those of the help page."""
    page = flat(admin, "/settings/integrations/why/orders/")
    for words in (
        "Data looks out of date",
        "Check the connection",
        "Sandbox: connected.",
        "Confirm the brand you’re viewing is mapped to the right warehouse account",
        "Verify the source",
        "Trigger a manual sync, then wait about a minute and reload the screen",
        "The next sync starts automatically at about",
        f'href="/settings/integrations/{world.connection.pk}/sync/?entity=orders">Sync now</a>',
        "If it’s still stale, contact support",
    ):
        assert words in page, words
    theirs = flat(member, "/settings/integrations/why/orders/")
    assert "Only admins can start one." in theirs
    assert "Sync now" not in theirs
    refused(world)
    assert "Sandbox: needs attention. The WMS refused the login." in flat(member, "/settings/integrations/why/orders/")
    not_connected(world)
    assert "Your WMS isn’t connected." in flat(member, "/settings/integrations/why/orders/")


def test_sync_step_offers_a_connection_that_can_sync(admin: Client, member: Client, world: World) -> None:
    """Not one whose login was rejected."""
    make.connection(world.workspace, "A refused one", status=Status.NEEDS_ATTENTION)
    address = f"/settings/integrations/{world.connection.pk}"
    step = flat(member, "/settings/integrations/why/orders/").split('id="steps"')[1]
    assert f'action="{address}/ask/"' in step
    step = flat(admin, "/settings/integrations/why/orders/").split('id="steps"')[1]
    assert f'href="{address}/sync/?entity=orders"' in step


def test_mapping_step_names_the_linked_connections(member: Client, world: World) -> None:
    unmapped(world)
    assert "No warehouse account is linked to Acme." in flat(member, "/settings/integrations/why/orders/?brand=acme")
    make.brand(world.workspace, "Borealis", (world.connection, ""))
    page = flat(member, "/settings/integrations/why/orders/?brand=borealis")
    assert "Borealis is linked to Sandbox. Compare the sample records" in page


# --- The banner ----------------------------------------------------------------------------------------------------


def banner(client: Client, address: str = "/orders/") -> str:
    return " ".join(client.get(address).content.decode().split("<main")[1].split("<table")[0].split())


@pytest.mark.parametrize(
    ("seed", "is_shown"),
    [
        (not_due, False),
        (rejected, False),
        (paused, False),
        (contract, True),
        (no_worker, True),
        (refused, True),
        (unreachable, True),
        (limited, True),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_banner_shows_only_for_problems(member: Client, world: World, seed: Seed, is_shown: bool) -> None:
    """Late or stale data, a connection with a problem, or no worker; with the cause and a link to the diagnosis."""
    make.order(world.connection)
    seed(world)
    shown = banner(member)
    assert ('class="banner' in shown) == is_shown
    assert ("Why is this stale?" in shown) == is_shown


def test_missing_worker_shows_even_while_data_is_fresh(member: Client, world: World) -> None:
    not_due(world)
    assert "has not run any syncs" not in banner(member)
    no_worker(world)
    assert "Packr has not run any syncs since" in banner(member)
    assert "Syncs stopped" in member.get("/products/").content.decode()
    Beat.objects.update(at=now())
    assert "has not run any syncs" not in banner(member)


def test_record_page_shows_the_banner_of_its_own_connection_only(member: Client, world: World) -> None:
    other = make.connection(world.workspace, "Other")
    make.synced(other, at=ago(minutes=2))
    mine, theirs = make.order(world.connection), make.order(other)
    contract(world)
    assert "sent a web page instead of data" in banner(member, f"/orders/{mine.pk}/")
    assert 'class="banner' not in banner(member, f"/orders/{theirs.pk}/")
    assert Order.objects.count() == 2


def test_wms_message_is_escaped(member: Client, world: World) -> None:
    make.order(world.connection)
    world.fails("contract", "<script>alert(1)</script>")
    for address in ("/orders/", "/settings/integrations/why/orders/"):
        page = member.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
