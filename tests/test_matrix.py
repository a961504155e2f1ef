"""By role, action and object: every address of Packr as every kind of person.

The addresses come from the URL table itself. A new one fails here until it has a line in DOORS that says who may GET
and who may POST it. From that line follows what everybody gets: a stranger is sent to sign in (401 from the API),
another workspace's object does not exist (404), what a member may not do is refused (403). Whoever is refused changes
nothing and learns nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection as database
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.resolvers import RegexPattern
from django.utils.timezone import now

from integrations.connectors.base import ConnectionHealth, Page
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.models import Action
from packr.warehouse import live_lookup
from packr.warehouse.actions import Invalid
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import SavedView
from packr.workspaces.models import Membership, Role
from packr.workspaces.services import remove_member, save_workspace
from syncs.models import Beat, RejectedRecord, State, SyncRequest
from tests.kit import factories as make

MARK = "Wrenfield"  # in every name and text of the workspace that is not everybody's business
BILL = "Wrenbill"  # in what is told of its bills
OURS = ("workspaces", "integrations", "syncs", "warehouse", "help")


class Who(Enum):
    """Who may use a door, of those whose workspace it is."""

    PUBLIC = "everybody in the world"
    PEOPLE = "everybody in the workspace"
    ADMINS = "its admins"


PUBLIC, PEOPLE, ADMINS = Who


@dataclass(frozen=True, slots=True)
class Door:
    """Who may GET and POST an address; None: nobody, it has no such method.

    `args` fills the address, with names of what `scene` makes or with plain values. `sends` is enough to be let
    in. `method` names another method than POST. Where `args` names nothing of the workspace's, people of other
    workspaces get their own; who is in none, as support, gets 404 there unless `lets_support_in`.
    """

    get: Who | None = None
    post: Who | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    sends: Mapping[str, Any] = field(default_factory=dict)
    method: str = "post"
    lets_support_in: bool = False


CONNECTION = {"pk": "connection"}
# Who may read what not everybody may, and create and change what can be.
READERS = {Entity.BILLS: ADMINS}
CREATORS = {Entity.ORDERS: ADMINS, Entity.INBOUND_SHIPMENTS: ADMINS}
EDITORS = {Entity.INBOUND_SHIPMENTS: ADMINS, Entity.PRODUCTS: ADMINS}
RUN = {"pk": "connection", "run_id": "queued_run"}

# One line an address, by its name in the URL table (or its route, where it has none).
DOORS: dict[str, Door] = {
    # Packr itself
    "healthz": Door(PUBLIC),
    "readyz": Door(PUBLIC),
    # Signing in
    "login": Door(PUBLIC, PUBLIC, sends={"username": "nobody", "password": "x"}),
    "logout": Door(None, PUBLIC),
    "home": Door(PEOPLE, lets_support_in=True),
    # Data
    **{
        name: Door(PEOPLE)
        for screen in (
            "orders",
            "order_shipments",
            "inventory",
            "inbound_shipments",
            "products",
            "customers",
            "returns",
            "warehouses",
            "warehouse_locations",
            "shipping_methods",
            "suppliers",
            "order_channels",
        )
        for name in (screen, f"{screen}_export")
    },
    "bills": Door(ADMINS),
    "bills_export": Door(ADMINS),
    "inventory_item": Door(PEOPLE, args={"pk": "inventory_item"}),
    "product": Door(PEOPLE, args={"pk": "product"}),
    "return": Door(PEOPLE, args={"pk": "returned"}),
    "save_view": Door(None, PEOPLE, sends={"screen": "orders", "address": "status=open", "name": "Open"}),
    "saved_view": Door(ADMINS, ADMINS, args={"pk": "saved_view"}, sends={"name": "Other"}),
    "delete_view": Door(None, ADMINS, args={"pk": "saved_view"}),
    "order": Door(PEOPLE, args={"pk": "order"}),
    "inbound_shipment": Door(PEOPLE, args={"pk": "inbound_shipment"}),
    "override": Door(ADMINS, ADMINS, args={"entity": "inventory", "pk": "item"}),
    "overrides": Door(PEOPLE),
    "end_override": Door(None, ADMINS, args={"pk": "override"}),
    "check_stock": Door(None, PEOPLE, args={"pk": "order"}),
    "orders_history": Door(PEOPLE, args={"pk": "order"}),
    "inbound_shipments_history": Door(PEOPLE, args={"pk": "inbound_shipment"}),
    "inventory_history": Door(PEOPLE, args={"pk": "one of inventory"}),
    "products_history": Door(PEOPLE, args={"pk": "one of products"}),
    "check_record": Door(PEOPLE, PEOPLE, args={"entity": "orders", "pk": "order"}),
    "take_over": Door(None, PEOPLE, args={"entity": "orders", "pk": "order"}),
    # Changes at the WMS
    "new_order": Door(ADMINS, ADMINS),
    "new_inbound_shipment": Door(ADMINS, ADMINS),
    **{name: Door(ADMINS, ADMINS, args={"pk": "order"}) for name in ("hold_order", "release_order", "cancel_order")},
    "edit_inbound_shipment": Door(ADMINS, ADMINS, args={"pk": "inbound_shipment"}),
    "adjust_inventory": Door(ADMINS, ADMINS, args={"pk": f"one of {Entity.INVENTORY}"}),
    "edit_product": Door(ADMINS, ADMINS, args={"pk": f"one of {Entity.PRODUCTS}"}),
    "actions": Door(PEOPLE),
    "actions_export": Door(PEOPLE),
    "action": Door(PEOPLE, args={"pk": "action"}),
    "action_marks": Door(PEOPLE),
    "action_skus": Door(PEOPLE, args=CONNECTION),
    # Settings → Integrations
    "integrations": Door(PEOPLE),
    "refresh": Door(None, PEOPLE, args=CONNECTION),
    "catalogue": Door(PEOPLE),
    "connect": Door(ADMINS, ADMINS, args={"wms": "trackstar"}),
    "connect_confirm": Door(ADMINS, ADMINS, args={"wms": "trackstar"}),
    "reconnect": Door(ADMINS, ADMINS, args=CONNECTION),
    "reconnect_confirm": Door(ADMINS, ADMINS, args=CONNECTION),
    "disconnect": Door(ADMINS, ADMINS, args=CONNECTION),
    "sync_settings": Door(PEOPLE, ADMINS, args=CONNECTION, sends={"lookback_days": "30"}),
    "connection": Door(PEOPLE, args=CONNECTION),
    "entity": Door(PEOPLE, args={"pk": "connection", "entity": "orders"}),
    "sync_window": Door(ADMINS, ADMINS, args=CONNECTION, sends={"entity": "orders"}),
    "confirm_sync": Door(ADMINS, args=CONNECTION),
    "sync_state": Door(PEOPLE, args=CONNECTION),
    "run": Door(PEOPLE, args=RUN),
    "cancel_run": Door(None, ADMINS, args=RUN),
    "held": Door(ADMINS, ADMINS, args={"pk": "connection", "run_id": "held_run"}),
    "retry_rejected": Door(None, ADMINS, args={"pk": "connection", "entity": "orders"}),
    "history": Door(PEOPLE, args=CONNECTION),
    "workspace_history": Door(PEOPLE),
    "why": Door(PEOPLE, args={"entity": "orders"}),
    "ask_admin": Door(None, PEOPLE, args=CONNECTION, sends={"entity": "orders"}),
    "approve_request": Door(None, ADMINS, args={"pk": "request"}),
    "decline_request": Door(None, ADMINS, args={"pk": "request"}),
    # Settings → Brands
    "stock_settings": Door(PEOPLE, ADMINS, sends={"low_stock_days": "20"}),
    "brands": Door(PEOPLE, ADMINS, sends={"name": "New"}),
    "brand": Door(PEOPLE, args={"pk": "brand"}),
    "link_brand": Door(None, ADMINS, args={"pk": "brand"}),
    "unlink_brand": Door(None, ADMINS, args={"pk": "mapping"}),
    "sync_widget": Door(PEOPLE),
    # Help
    **{
        name: Door(PEOPLE)
        for name in (
            "help",
            "help_syncing",
            "help_connecting",
            "help_mapping",
            "help_troubleshooting",
            "help_getting_help",
        )
    },
    "help_contact": Door(PEOPLE, PEOPLE, sends={"message": "It is old."}),
    # REST API
    "api_connections": Door(PEOPLE, lets_support_in=True),
    "api_sync": Door(None, ADMINS, args=CONNECTION, sends={"entity": "orders"}),
    "api_sync_state": Door(PEOPLE, args=CONNECTION),
    "api_schedule": Door(
        PEOPLE, ADMINS, args={"pk": "connection", "entity": "products"}, sends={"enabled": False}, method="patch"
    ),
    "api_runs": Door(PEOPLE, lets_support_in=True),
    "api_run": Door(PEOPLE, args={"pk": "queued_run"}),
    "api_cancel": Door(None, ADMINS, args={"pk": "queued_run"}),
    **{
        f"api_{entity}": Door(READERS.get(entity, PEOPLE), CREATORS.get(entity), lets_support_in=True)
        for entity in TABLES
    },
    **{
        f"api_{entity}_one": Door(
            READERS.get(entity, PEOPLE), EDITORS.get(entity), args={"pk": f"one of {entity}"}, method="patch"
        )
        for entity in TABLES
    },
    **{
        name: Door(None, ADMINS, args={"pk": "order"})
        for name in ("api_hold_order", "api_release_order", "api_cancel_order")
    },
    "api_adjust_inventory": Door(None, ADMINS, args={"pk": "one of inventory"}),
    "api_actions": Door(PEOPLE, lets_support_in=True),
    "api_action": Door(PEOPLE, args={"pk": "action"}),
    "api_offers": Door(PEOPLE, args=CONNECTION),
    "api_schema": Door(PUBLIC),
    "api_docs": Door(PUBLIC),
    "api_missing": Door(),
}
# What `scene` makes that lies in the workspace.
THINGS = {
    "action",
    "item",
    "override",
    "connection",
    "run",
    "queued_run",
    "held_run",
    "order",
    "inbound_shipment",
    "brand",
    "mapping",
    "request",
    "inventory_item",
    "product",
    "returned",
    "saved_view",
}
THINGS |= {f"one of {entity}" for entity in TABLES}
UNNAMED = ("healthz", "readyz")
ROLES = ("stranger", "support", "elsewhere", "former", "member", "admin")


# --- The URL table --------------------------------------------------------------------------------
def addresses(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The name (or the route) and the whole route of every address but the admin's, which follow their own rule."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(one, URLResolver) and one.namespace != "admin":
            yield from addresses(one.url_patterns, f"{prefix}{one.pattern}")
        elif isinstance(one, URLPattern):
            yield one.name or f"{prefix}{one.pattern}", f"{prefix}{one.pattern}"


def admin_addresses() -> Iterator[str]:
    """An address for every pattern of the admin, its gaps filled with something."""
    site = next(one for one in get_resolver().url_patterns if getattr(one, "namespace", "") == "admin")

    def walk(patterns: Any, prefix: str) -> Iterator[str]:
        for one in patterns:
            route = str(one.pattern)
            if isinstance(one.pattern, RegexPattern):
                route = re.sub(r"\(\?P<\w+>[^)]*\)", "syncs", route).strip("^$").replace(r"\Z", "")
            route = prefix + re.sub(r"<[^>]+>", "1", route)
            yield from walk(one.url_patterns, route) if isinstance(one, URLResolver) else [route]

    yield from walk(site.url_patterns, "/admin/")


def test_every_address_has_a_line() -> None:
    """A new address says here who may use it, or it does not pass."""
    found = dict(addresses())
    missing = [f"{name!r} ({route})" for name, route in found.items() if name not in DOORS]
    assert not missing, (
        f"No line in DOORS of tests/test_matrix.py for {', '.join(missing)}. Say who may GET and who may POST it: "
        '"name": Door(PEOPLE, ADMINS, args={"pk": "connection"}, sends={…}).'
    )
    gone = [name for name in DOORS if name not in found]
    assert not gone, f"DOORS of tests/test_matrix.py has lines for addresses that are no more: {', '.join(gone)}."


# --- The people and their things ------------------------------------------------------------------
def _sends_nothing(*args: Any, **kwargs: Any) -> None:
    """Whoever comes this far may send a change; no WMS is asked here."""
    raise Invalid({"": ["Nothing is sent here."]})


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and a WMS that answers every check."""
    name = str(uuid4())
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}}
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith("whitenoise")]
    monkeypatch.setattr("packr.warehouse.actions.act", _sends_nothing)
    monkeypatch.setattr(Trackstar, "check", staticmethod(lambda client, connecting=False: ConnectionHealth(clock=None)))
    monkeypatch.setattr(live_lookup, "read_live", lambda connection, resource, ids: Page(()))


@pytest.fixture
def scene(support_group: Group) -> SimpleNamespace:
    """A workspace with one of everything, each marked; another one with little; and people of every kind."""
    Beat.objects.create(name="worker here:1", at=now())
    here = make.workspace("wrenfield", name=MARK)
    connection = make.connection(here, f"{MARK} depot")
    for entity in (Entity.ORDERS, Entity.PRODUCTS):
        make.synced(connection, entity, message=f"{MARK} message")
    failed = make.run(connection, Entity.BILLS, state=State.FAILED, message=BILL)
    RejectedRecord.objects.create(
        connection=connection, run=failed, entity=Entity.BILLS, reason=BILL, excerpt=BILL, last_seen_at=failed.due_at
    )
    queued = make.run(connection, Entity.INVENTORY, state=State.QUEUED, started_at=None, message=f"{MARK} message")
    held = make.run(connection, Entity.CUSTOMERS, state=State.NEEDS_REVIEW, held=3)
    brand = make.brand(here, f"{MARK}-brand", (connection, ""))
    there = make.workspace("fernhill")
    make.connection(there, "Fernhill depot")
    support = make.person("sam", is_staff=True)
    support.groups.add(support_group)
    item = make.inventory(connection, f"{MARK}-SKU")
    people = {
        "support": support,
        "elsewhere": make.person("kim", in_=there, role=Role.ADMIN),
        "former": make.person("fay", in_=here),
        "member": make.person("lee", in_=here),
        "admin": make.person("dana", in_=here, role=Role.ADMIN),
    }
    remove_member(Membership.objects.get(user=people["former"]))
    return SimpleNamespace(
        workspace=here,
        people=people,
        connection=connection,
        run=failed,
        queued_run=queued,
        held_run=held,
        brand=brand,
        mapping=brand.mappings.get(),
        request=SyncRequest.objects.create(
            connection=connection, entity=Entity.INVENTORY, asked_at=now(), note=f"{MARK} note"
        ),
        item=item,
        override=make.override(item, reason=f"{MARK} reason"),
        order=make.order(connection, order_number=f"{MARK}-1"),
        inbound_shipment=make.inbound_shipment(connection, purchase_order_number=f"{MARK}-2"),
        inventory_item=make.inventory(connection, f"{MARK}-3"),
        product=make.product(connection, f"{MARK}-4"),
        returned=make.returned(connection, external_id=f"{MARK}-5"),
        saved_view=SavedView.objects.create(
            workspace=here, person=people["admin"], screen="orders", name=f"{MARK} view", shared=True
        ),
        action=Action.objects.create(
            connection=connection, kind="cancel-order", entity="orders", reference="packr-1", key="k", message=MARK
        ),
        **{f"one of {entity}": make.mirrored(table.model, connection) for entity, table in TABLES.items()},
    )


def browser(scene: SimpleNamespace, role: str) -> Client:
    client = Client()
    if role in scene.people:
        client.force_login(scene.people[role])
    return client


def address(name: str, door: Door, scene: SimpleNamespace) -> str:
    """The door's address, with the scene's own things in it."""
    filled = {key: getattr(scene, value).pk if value in THINGS else value for key, value in door.args.items()}
    if name == "api_missing":
        return "/api/v1/nothing/"
    return f"/{name}" if name in UNNAMED else reverse(name, kwargs=filled)


def everything() -> dict[str, list[Any]]:
    """Every row of Packr's own tables, by plain statements: it is asked for thousands of times."""
    models = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    found = {}
    with database.cursor() as cursor:
        for model in models:
            key = model._meta.pk.column  # type: ignore[union-attr]
            cursor.execute(f"SELECT * FROM {model._meta.db_table} ORDER BY {key}")
            found[model.__name__] = cursor.fetchall()
    return found


# --- What everybody gets --------------------------------------------------------------------------
def expected(door: Door, who: Who | None, role: str) -> str:
    """How a door answers: `allowed`, `sign in`, `missing` or `forbidden`; `no such method` where there is none."""
    if who is None:
        return "no such method"
    if who == PUBLIC:
        return "allowed"
    if role == "stranger":
        return "sign in"
    if role in ("support", "elsewhere", "former") and set(door.args.values()) & THINGS:
        return "missing"
    if role in ("support", "former"):
        return "allowed" if door.lets_support_in else "missing"
    return "forbidden" if who == ADMINS and role not in ("admin", "elsewhere") else "allowed"


# Whatever else a door says to a method that it doesn't have.
REFUSALS = {"sign in", "forbidden", "missing"}


def told(response: Any) -> str:
    """How an answer is to be understood."""
    code = response.status_code
    to_login = (
        response.headers.get("Location", "").startswith("/accounts/login/?next=") or "HX-Redirect" in response.headers
    )
    if code == 401 or (code in (204, 302) and to_login):
        return "sign in"
    names = {403: "forbidden", 404: "missing", 405: "no such method"}
    # What a form then says of what was sent is other tests' business: they were let in.
    return names.get(code) or ("allowed" if code <= 400 else str(code))


def body(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


def ask(client: Client, method: str, url: str, door: Door, *, api: bool, htmx: bool = False) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    if method == "get":
        return client.get(url, headers=headers)
    kind = {"content_type": "application/json"} if api else {}
    return getattr(client, method)(url, dict(door.sends), headers=headers, **kind)


@pytest.mark.parametrize("name", DOORS)
def test_who_gets_in(name: str, scene: SimpleNamespace) -> None:
    """Each kind of person sends GET and POST to each address, as a page and as a fragment."""
    door, url = DOORS[name], address(name, DOORS[name], scene)
    api = url.startswith("/api/")
    problems = []
    tries: list[tuple[str, Who | None, bool]] = [("get", door.get, False), (door.method, door.post, False)]
    if not api and door.get:
        tries.insert(1, ("get", door.get, True))
    for role in ROLES:
        client = browser(scene, role)
        for method, who, htmx in tries:
            wanted = expected(door, who, role)
            before = everything() if wanted != "allowed" else None
            response = ask(client, method, url, door, api=api, htmx=htmx)
            text, got = body(response), told(response)
            if who is None and got in REFUSALS:  # any refusal will do, as long as nothing changes
                got = wanted
            line = f"{role} {method.upper()} {url}{' (part)' if htmx else ''}"
            if got != wanted:
                problems.append(f"{line}: {wanted} expected, got {response.status_code} {got}")
            if role not in ("member", "admin") and (MARK in text or BILL in text):
                problems.append(f"{line}: tells what is none of their business")
            if before is not None and everything() != before:
                problems.append(f"{line}: refused, and changed something all the same")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if door.get in (PEOPLE, ADMINS)])
def test_bills_show_to_their_viewers_alone(name: str, scene: SimpleNamespace) -> None:
    """L15: nothing of them, not even that they failed, on any page of a person who may not see them."""
    url = address(name, DOORS[name], scene)
    for htmx in (False, True):
        response = ask(browser(scene, "member"), "get", url, DOORS[name], api=False, htmx=htmx)
        text = body(response)
        assert BILL not in text, f"{url} tells a member about the bills"
        offers = name in ("api_connections", "catalogue")  # what the WMS offers is no secret
        assert f'"{Entity.BILLS}"' not in text or offers, f"{url} names the bills to a member"


BILL_DOORS = {
    "run": {"pk": "connection", "run_id": "run"},
    "entity": {"pk": "connection", "entity": "bills"},
    "api_run": {"pk": "run"},
    "api_cancel": {"pk": "run"},
    "api_schedule": {"pk": "connection", "entity": "bills"},
}


@pytest.mark.parametrize("name", BILL_DOORS)
def test_a_bill_run_does_not_exist_for_who_may_not_see_it(name: str, scene: SimpleNamespace) -> None:
    """L15: 404 by its address too; with the right it is there."""
    door = Door(DOORS[name].get, DOORS[name].post, args=BILL_DOORS[name])
    url, method = address(name, door, scene), "get" if door.get else "post"
    member = browser(scene, "member")
    assert ask(member, method, url, door, api=name.startswith("api")).status_code == 404
    save_workspace("wrenfield", bills=["lee"])
    assert ask(member, method, url, door, api=name.startswith("api")).status_code == (200 if door.get else 403)


def test_viewers_of_bills_see_their_state(scene: SimpleNamespace) -> None:
    """L15: admins by right, a member by a grant."""
    url = reverse("api_sync_state", kwargs={"pk": scene.connection.pk})
    runs = reverse("api_runs")

    def sees(role: str) -> tuple[bool, bool]:
        client = browser(scene, role)
        return "bills" in {row["entity"] for row in client.get(url).json()}, BILL in client.get(runs).content.decode()

    assert sees("admin") == (True, True)
    assert sees("member") == (False, False)
    save_workspace("wrenfield", bills=["lee"])
    assert sees("member") == (True, True)


@pytest.mark.parametrize("role", ["stranger", "member", "admin", "elsewhere"])
def test_the_admin_is_supports_alone(role: str, scene: SimpleNamespace) -> None:
    """Every address of the admin, with every method: to its sign-in, and nothing changes."""
    client, before, problems = browser(scene, role), everything(), []
    for url in set(admin_addresses()) - {"/admin/logout/"}:
        for method in (client.get, client.post):
            response = method(url, {"action": "delete_selected", "post": "yes"})
            at_the_door = response.status_code == 302 and "/login/" in response.headers["Location"]
            at_the_door |= url == "/admin/jsi18n/" or response.status_code in (403, 404, 405)
            if not at_the_door or MARK in body(response):
                problems.append(f"{role} {url}: {response.status_code}")
    assert problems == []
    assert everything() == before


def test_the_matrix_notices_a_door_left_open(scene: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: with the gate taken away it fails, for a leak and for a denial that is missing."""
    from packr.workspaces import access

    free: Callable[..., Any] = lambda user, model, pk, permission="": model.get(pk=pk)  # noqa: E731
    monkeypatch.setattr(access, "get", free)
    with pytest.raises(AssertionError, match=r"member POST \S+sync/: forbidden expected"):
        test_who_gets_in("sync_window", scene)
    with pytest.raises(AssertionError, match=r"elsewhere GET \S+sync-state/: missing expected"):
        test_who_gets_in("api_sync_state", scene)
