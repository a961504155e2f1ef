"""Access to every URL for each role.

The URLs come from the URL table. A new one fails here until RULES has a rule that says who may GET and who may POST it.
The rule implies every response: an anonymous person is sent to the sign-in page (401 from the API), an object of
another workspace does not exist (404), and what a member may not do is forbidden (403). A refused request changes
nothing and discloses nothing.
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

MARK = "Wrenfield"  # in every name and text that only members of the workspace may see
BILL = "Wrenbill"  # in the texts about its bills
OURS = ("workspaces", "integrations", "syncs", "warehouse", "help")


class Audience(Enum):
    """The people of a workspace who may use a URL of that workspace."""

    PUBLIC = "everybody in the world"
    PEOPLE = "everybody in the workspace"
    ADMINS = "its admins"


PUBLIC, PEOPLE, ADMINS = Audience


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may GET and POST a URL. None: the method is not allowed.

    `args` fills the URL's parameters with names of objects of `scene` or with plain values. `data` is a form that
    passes the access check. `method` replaces POST. A URL whose `args` name no object of the workspace shows people of
    other workspaces their own data; people without a workspace, such as support, get 404 there unless
    `allows_no_workspace`.
    """

    get: Audience | None = None
    post: Audience | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    method: str = "post"
    allows_no_workspace: bool = False


CONNECTION = {"pk": "connection"}
# Who may read restricted entities, and who may create and change records.
READERS = {Entity.BILLS: ADMINS}
CREATORS = {Entity.ORDERS: ADMINS, Entity.INBOUND_SHIPMENTS: ADMINS}
EDITORS = {Entity.INBOUND_SHIPMENTS: ADMINS, Entity.PRODUCTS: ADMINS}
RUN = {"pk": "connection", "run_id": "queued_run"}

# One rule per URL, by its name in the URL table, or by its route if it has no name.
RULES: dict[str, Rule] = {
    # Packr itself
    "healthz": Rule(PUBLIC),
    "readyz": Rule(PUBLIC),
    # Signing in
    "login": Rule(PUBLIC, PUBLIC, data={"username": "nobody", "password": "x"}),
    "logout": Rule(None, PUBLIC),
    "home": Rule(PEOPLE, allows_no_workspace=True),
    # Data
    **{
        name: Rule(PEOPLE)
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
    "bills": Rule(ADMINS),
    "bills_export": Rule(ADMINS),
    "inventory_item": Rule(PEOPLE, args={"pk": "inventory_item"}),
    "product": Rule(PEOPLE, args={"pk": "product"}),
    "return": Rule(PEOPLE, args={"pk": "returned"}),
    "save_view": Rule(None, PEOPLE, data={"screen": "orders", "address": "status=open", "name": "Open"}),
    "saved_view": Rule(ADMINS, ADMINS, args={"pk": "saved_view"}, data={"name": "Other"}),
    "delete_view": Rule(None, ADMINS, args={"pk": "saved_view"}),
    "order": Rule(PEOPLE, args={"pk": "order"}),
    "inbound_shipment": Rule(PEOPLE, args={"pk": "inbound_shipment"}),
    "override": Rule(ADMINS, ADMINS, args={"entity": "inventory", "pk": "item"}),
    "overrides": Rule(PEOPLE),
    "end_override": Rule(None, ADMINS, args={"pk": "override"}),
    "check_stock": Rule(None, PEOPLE, args={"pk": "order"}),
    "orders_history": Rule(PEOPLE, args={"pk": "order"}),
    "inbound_shipments_history": Rule(PEOPLE, args={"pk": "inbound_shipment"}),
    "inventory_history": Rule(PEOPLE, args={"pk": "one of inventory"}),
    "products_history": Rule(PEOPLE, args={"pk": "one of products"}),
    "check_record": Rule(PEOPLE, PEOPLE, args={"entity": "orders", "pk": "order"}),
    "take_over": Rule(None, PEOPLE, args={"entity": "orders", "pk": "order"}),
    # Changes at the WMS
    "new_order": Rule(ADMINS, ADMINS),
    "new_inbound_shipment": Rule(ADMINS, ADMINS),
    **{name: Rule(ADMINS, ADMINS, args={"pk": "order"}) for name in ("hold_order", "release_order", "cancel_order")},
    "edit_inbound_shipment": Rule(ADMINS, ADMINS, args={"pk": "inbound_shipment"}),
    "adjust_inventory": Rule(ADMINS, ADMINS, args={"pk": f"one of {Entity.INVENTORY}"}),
    "edit_product": Rule(ADMINS, ADMINS, args={"pk": f"one of {Entity.PRODUCTS}"}),
    "actions": Rule(PEOPLE),
    "actions_export": Rule(PEOPLE),
    "action": Rule(PEOPLE, args={"pk": "action"}),
    "action_marks": Rule(PEOPLE),
    "action_skus": Rule(PEOPLE, args=CONNECTION),
    # Settings → Integrations
    "integrations": Rule(PEOPLE),
    "refresh": Rule(None, PEOPLE, args=CONNECTION),
    "catalogue": Rule(PEOPLE),
    "connect": Rule(ADMINS, ADMINS, args={"wms": "trackstar"}),
    "connect_confirm": Rule(ADMINS, ADMINS, args={"wms": "trackstar"}),
    "reconnect": Rule(ADMINS, ADMINS, args=CONNECTION),
    "reconnect_confirm": Rule(ADMINS, ADMINS, args=CONNECTION),
    "disconnect": Rule(ADMINS, ADMINS, args=CONNECTION),
    "sync_settings": Rule(PEOPLE, ADMINS, args=CONNECTION, data={"lookback_days": "30"}),
    "connection": Rule(PEOPLE, args=CONNECTION),
    "entity": Rule(PEOPLE, args={"pk": "connection", "entity": "orders"}),
    "sync_window": Rule(ADMINS, ADMINS, args=CONNECTION, data={"entity": "orders"}),
    "confirm_sync": Rule(ADMINS, args=CONNECTION),
    "sync_state": Rule(PEOPLE, args=CONNECTION),
    "run": Rule(PEOPLE, args=RUN),
    "cancel_run": Rule(None, ADMINS, args=RUN),
    "held": Rule(ADMINS, ADMINS, args={"pk": "connection", "run_id": "held_run"}),
    "retry_rejected": Rule(None, ADMINS, args={"pk": "connection", "entity": "orders"}),
    "history": Rule(PEOPLE, args=CONNECTION),
    "workspace_history": Rule(PEOPLE),
    "why": Rule(PEOPLE, args={"entity": "orders"}),
    "ask_admin": Rule(None, PEOPLE, args=CONNECTION, data={"entity": "orders"}),
    "approve_request": Rule(None, ADMINS, args={"pk": "request"}),
    "decline_request": Rule(None, ADMINS, args={"pk": "request"}),
    # Settings → Brands
    "stock_settings": Rule(PEOPLE, ADMINS, data={"low_stock_days": "20"}),
    "brands": Rule(PEOPLE, ADMINS, data={"name": "New"}),
    "brand": Rule(PEOPLE, args={"pk": "brand"}),
    "link_brand": Rule(None, ADMINS, args={"pk": "brand"}),
    "unlink_brand": Rule(None, ADMINS, args={"pk": "mapping"}),
    "sync_widget": Rule(PEOPLE),
    # Help
    **{
        name: Rule(PEOPLE)
        for name in (
            "help",
            "help_syncing",
            "help_connecting",
            "help_mapping",
            "help_troubleshooting",
            "help_getting_help",
        )
    },
    "help_contact": Rule(PEOPLE, PEOPLE, data={"message": "It is old."}),
    # REST API
    "api_connections": Rule(PEOPLE, allows_no_workspace=True),
    "api_sync": Rule(None, ADMINS, args=CONNECTION, data={"entity": "orders"}),
    "api_sync_state": Rule(PEOPLE, args=CONNECTION),
    "api_schedule": Rule(
        PEOPLE, ADMINS, args={"pk": "connection", "entity": "products"}, data={"enabled": False}, method="patch"
    ),
    "api_runs": Rule(PEOPLE, allows_no_workspace=True),
    "api_run": Rule(PEOPLE, args={"pk": "queued_run"}),
    "api_cancel": Rule(None, ADMINS, args={"pk": "queued_run"}),
    **{
        f"api_{entity}": Rule(READERS.get(entity, PEOPLE), CREATORS.get(entity), allows_no_workspace=True)
        for entity in TABLES
    },
    **{
        f"api_{entity}_one": Rule(
            READERS.get(entity, PEOPLE), EDITORS.get(entity), args={"pk": f"one of {entity}"}, method="patch"
        )
        for entity in TABLES
    },
    **{
        name: Rule(None, ADMINS, args={"pk": "order"})
        for name in ("api_hold_order", "api_release_order", "api_cancel_order")
    },
    "api_adjust_inventory": Rule(None, ADMINS, args={"pk": "one of inventory"}),
    "api_actions": Rule(PEOPLE, allows_no_workspace=True),
    "api_action": Rule(PEOPLE, args={"pk": "action"}),
    "api_offers": Rule(PEOPLE, args=CONNECTION),
    "api_schema": Rule(PUBLIC),
    "api_docs": Rule(PUBLIC),
    "api_missing": Rule(),
}
# The objects in the workspace that `scene` creates.
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
    """Yield the name (or the route) and the full route of every URL outside the admin."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(one, URLResolver) and one.namespace != "admin":
            yield from addresses(one.url_patterns, f"{prefix}{one.pattern}")
        elif isinstance(one, URLPattern):
            yield one.name or f"{prefix}{one.pattern}", f"{prefix}{one.pattern}"


def admin_addresses() -> Iterator[str]:
    """Yield a URL for every pattern of the admin, with its parameters filled in."""
    site = next(one for one in get_resolver().url_patterns if getattr(one, "namespace", "") == "admin")

    def walk(patterns: Any, prefix: str) -> Iterator[str]:
        for one in patterns:
            route = str(one.pattern)
            if isinstance(one.pattern, RegexPattern):
                route = re.sub(r"\(\?P<\w+>[^)]*\)", "syncs", route).strip("^$").replace(r"\Z", "")
            route = prefix + re.sub(r"<[^>]+>", "1", route)
            yield from walk(one.url_patterns, route) if isinstance(one, URLResolver) else [route]

    yield from walk(site.url_patterns, "/admin/")


def test_every_url_has_a_rule() -> None:
    """A new URL fails here until it has a rule."""
    found = dict(addresses())
    missing = [f"{name!r} ({route})" for name, route in found.items() if name not in RULES]
    assert not missing, (
        f"No rule in RULES of tests/test_matrix.py for {', '.join(missing)}. Say who may GET and who may POST it: "
        '"name": Rule(PEOPLE, ADMINS, args={"pk": "connection"}, data={…}).'
    )
    gone = [name for name in RULES if name not in found]
    assert not gone, f"RULES of tests/test_matrix.py has rules for URLs that no longer exist: {', '.join(gone)}."


# --- The people and their things ------------------------------------------------------------------
def _reject_action(*args: Any, **kwargs: Any) -> None:
    """Reject the change, which shows that the request passed the access check. No WMS is called."""
    raise Invalid({"": ["Nothing is sent here."]})


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a separate cache for each test, and a WMS that passes every check."""
    name = str(uuid4())
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}}
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith("whitenoise")]
    monkeypatch.setattr("packr.warehouse.actions.act", _reject_action)
    monkeypatch.setattr("packr.warehouse.actions.prepare", _reject_action)
    monkeypatch.setattr(Trackstar, "check", staticmethod(lambda client, connecting=False: ConnectionHealth(clock=None)))
    monkeypatch.setattr(live_lookup, "read_live", lambda connection, resource, ids: Page(()))


@pytest.fixture
def scene(support_group: Group) -> SimpleNamespace:
    """Create a workspace with one marked object of each kind, a second small workspace, and people of every role."""
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


def address(name: str, rule: Rule, scene: SimpleNamespace) -> str:
    """Return the URL with the ids of the scene's objects filled in."""
    filled = {key: getattr(scene, value).pk if value in THINGS else value for key, value in rule.args.items()}
    if name == "api_missing":
        return "/api/v1/nothing/"
    return f"/{name}" if name in UNNAMED else reverse(name, kwargs=filled)


def all_rows() -> dict[str, list[Any]]:
    """Return every row of Packr's own tables. Plain SQL, since this runs thousands of times."""
    models = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    found = {}
    with database.cursor() as cursor:
        for model in models:
            key = model._meta.pk.column  # type: ignore[union-attr]
            cursor.execute(f"SELECT * FROM {model._meta.db_table} ORDER BY {key}")
            found[model.__name__] = cursor.fetchall()
    return found


# --- What everybody gets --------------------------------------------------------------------------
def expected(rule: Rule, audience: Audience | None, role: str) -> str:
    """Return `allowed`, `sign in`, `missing` or `forbidden`, or `no such method` if the URL lacks the method."""
    if audience is None:
        return "no such method"
    if audience == PUBLIC:
        return "allowed"
    if role == "stranger":
        return "sign in"
    if role in ("support", "elsewhere", "former") and set(rule.args.values()) & THINGS:
        return "missing"
    if role in ("support", "former"):
        return "allowed" if rule.allows_no_workspace else "missing"
    return "forbidden" if audience == ADMINS and role not in ("admin", "elsewhere") else "allowed"


# The other responses that a URL may give to a method that it lacks.
REFUSALS = {"sign in", "forbidden", "missing"}


def outcome(response: Any) -> str:
    """Return the outcome that a response stands for."""
    code = response.status_code
    to_login = (
        response.headers.get("Location", "").startswith("/accounts/login/?next=") or "HX-Redirect" in response.headers
    )
    if code == 401 or (code in (204, 302) and to_login):
        return "sign in"
    names = {403: "forbidden", 404: "missing", 405: "no such method"}
    # Other tests check the form's errors; here they show that the person was let in.
    return names.get(code) or ("allowed" if code <= 400 else str(code))


def body(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


def send(client: Client, method: str, url: str, rule: Rule, *, api: bool, htmx: bool = False) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    if method == "get":
        return client.get(url, headers=headers)
    kind = {"content_type": "application/json"} if api else {}
    return getattr(client, method)(url, dict(rule.data), headers=headers, **kind)


@pytest.mark.parametrize("name", RULES)
def test_each_role_gets_the_response_of_its_rule(name: str, scene: SimpleNamespace) -> None:
    """Each role sends GET and POST to each URL, as a page and as a fragment."""
    rule, url = RULES[name], address(name, RULES[name], scene)
    api = url.startswith("/api/")
    problems = []
    attempts: list[tuple[str, Audience | None, bool]] = [("get", rule.get, False), (rule.method, rule.post, False)]
    if not api and rule.get:
        attempts.insert(1, ("get", rule.get, True))
    for role in ROLES:
        client = browser(scene, role)
        for method, audience, htmx in attempts:
            expected_outcome = expected(rule, audience, role)
            before = all_rows() if expected_outcome != "allowed" else None
            response = send(client, method, url, rule, api=api, htmx=htmx)
            text, got = body(response), outcome(response)
            if audience is None and got in REFUSALS:  # any refusal is accepted, as long as nothing changes
                got = expected_outcome
            line = f"{role} {method.upper()} {url}{' (part)' if htmx else ''}"
            if got != expected_outcome:
                problems.append(f"{line}: {expected_outcome} expected, got {response.status_code} {got}")
            if role not in ("member", "admin") and (MARK in text or BILL in text):
                problems.append(f"{line}: discloses data of the workspace")
            if before is not None and all_rows() != before:
                problems.append(f"{line}: refused, but changed a row")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.get in (PEOPLE, ADMINS)])
def test_bills_are_shown_only_with_permission(name: str, scene: SimpleNamespace) -> None:
    """No page shows other people anything about bills, not even that their sync failed."""
    url = address(name, RULES[name], scene)
    for htmx in (False, True):
        response = send(browser(scene, "member"), "get", url, RULES[name], api=False, htmx=htmx)
        text = body(response)
        assert BILL not in text, f"{url} shows a member the text of a bill run"
        offers = name in ("api_connections", "catalogue")  # what the WMS offers is not secret
        assert f'"{Entity.BILLS}"' not in text or offers, f"{url} names the bills to a member"


BILL_RULES = {
    "run": {"pk": "connection", "run_id": "run"},
    "entity": {"pk": "connection", "entity": "bills"},
    "api_run": {"pk": "run"},
    "api_cancel": {"pk": "run"},
    "api_schedule": {"pk": "connection", "entity": "bills"},
}


@pytest.mark.parametrize("name", BILL_RULES)
def test_bill_run_is_not_found_without_permission(name: str, scene: SimpleNamespace) -> None:
    """Its URL returns 404 without the permission, and the run with it."""
    rule = Rule(RULES[name].get, RULES[name].post, args=BILL_RULES[name])
    url, method = address(name, rule, scene), "get" if rule.get else "post"
    member = browser(scene, "member")
    assert send(member, method, url, rule, api=name.startswith("api")).status_code == 404
    save_workspace("wrenfield", bills=["lee"])
    assert send(member, method, url, rule, api=name.startswith("api")).status_code == (200 if rule.get else 403)


def test_bills_and_their_state_are_shown_with_permission(scene: SimpleNamespace) -> None:
    """Admins always may; a member needs the permission."""
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
def test_only_support_can_use_the_admin(role: str, scene: SimpleNamespace) -> None:
    """Every URL of the admin leads other people to its sign-in page, whatever the method, and nothing changes."""
    client, before, problems = browser(scene, role), all_rows(), []
    for url in set(admin_addresses()) - {"/admin/logout/"}:
        for method in (client.get, client.post):
            response = method(url, {"action": "delete_selected", "post": "yes"})
            is_refused = response.status_code == 302 and "/login/" in response.headers["Location"]
            is_refused |= url == "/admin/jsi18n/" or response.status_code in (403, 404, 405)
            if not is_refused or MARK in body(response):
                problems.append(f"{role} {url}: {response.status_code}")
    assert problems == []
    assert all_rows() == before


def test_matrix_fails_if_access_is_not_checked(scene: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the access check is removed, the matrix fails for disclosed data and for missing refusals."""
    from packr.workspaces import access

    free: Callable[..., Any] = lambda user, model, pk, permission="": model.get(pk=pk)  # noqa: E731
    monkeypatch.setattr(access, "get", free)
    with pytest.raises(AssertionError, match=r"member POST \S+sync/: forbidden expected"):
        test_each_role_gets_the_response_of_its_rule("sync_window", scene)
    with pytest.raises(AssertionError, match=r"elsewhere GET \S+sync-state/: missing expected"):
        test_each_role_gets_the_response_of_its_rule("api_sync_state", scene)
