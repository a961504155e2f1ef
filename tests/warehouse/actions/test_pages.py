"""Pages of actions: forms, refusals with the input kept, marks, and the log of requests and answers."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.models import Action, ActionState
from packr.warehouse.models import InboundShipment, Order
from tests.kit import factories as make
from tests.kit.html import main, page, words

from .conftest import ADDRESS


@pytest.fixture(autouse=True)
def _plain_settings(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith("whitenoise")]


def signed_in(name):
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


@pytest.fixture
def admin(home):
    return signed_in("ada")


@pytest.fixture
def member(home):
    return signed_in("mel")


def key_of(html):
    return re.search(r'name="key" value="(\w+)"', html)[1]


def filled(item, *, sku=None, number="P-1", lines=1):
    """Return the form data of a new order."""
    sent = {"order_number": number} | {f"ship_to_address.{name}": value for name, value in ADDRESS.items()}
    for place in range(lines):
        line = {"sku": sku or item.sku, "quantity": "2", "unit_price": "24.50", "warehouse_id": "wh_east"}
        sent |= {f"line_items.{place}.{name}": value for name, value in line.items()}
    return sent


@pytest.mark.django_db(transaction=True)
class TestCreating:
    def test_form_sends_the_order_and_opens_its_page(self, synced, wms, admin, item):
        """The order is created in the WMS within the request; choices come from the mirror."""
        html = page(admin, "/orders/new/")
        assert f'<option value="{item.sku}">' in html
        sent = admin.post("/orders/new/", filled(item) | {"key": key_of(html)})
        made = Order.objects.get(order_number="P-1")
        assert (sent.status_code, sent.headers["Location"]) == (303, f"/orders/{made.pk}/")
        assert [row["order_number"] for row in wms.orders()].count("P-1") == 1
        shown = main(admin, f"/orders/{made.pk}/")
        assert "Order P-1 was created." in shown
        assert "Create order" in shown
        assert re.search(r"(Accepted by WMS|Confirmed in data) at \d\d:\d\d:\d\d", shown)

    def test_repeated_form_creates_one_order(self, synced, wms, admin, item):
        sent = filled(item) | {"key": key_of(page(admin, "/orders/new/"))}
        answers = [admin.post("/orders/new/", sent) for _ in range(3)]
        assert {answer.headers["Location"] for answer in answers} == {
            f"/orders/{Order.objects.get(order_number='P-1').pk}/"
        }
        assert Action.objects.count() == 1
        changed = admin.post("/orders/new/", sent | {"packing_note": "Gift"})
        assert changed.status_code == 400
        assert "This form was sent before" in words(changed.content.decode())
        assert key_of(changed.content.decode()) != sent["key"]

    def test_refusal_is_shown_with_the_form_as_typed(self, synced, wms, admin, item):
        """An unknown SKU shows the WMS's message, escaped, and keeps everything typed."""
        sent = filled(item, sku="NO<b>SUCH") | {"key": key_of(page(admin, "/orders/new/")), "packing_note": "Fragile"}
        checked = admin.post("/orders/new/", sent)
        assert "Not sent yet: not everything is in stock" in words(checked.content.decode())
        assert not Action.objects.exists()
        answer = admin.post("/orders/new/", sent | {"anyway": "1"})
        html = answer.content.decode()
        assert answer.status_code == 400
        assert "The order was not created." in words(html)
        assert "refused it and says: SKU NO&lt;b&gt;SUCH does not exist" in words(html)
        assert re.search(r'id="id_line_items_0_sku_error">.*?says:.*?SKU NO&lt;b&gt;SUCH does not exist', html, re.S)
        assert "NO<b>SUCH" not in html
        for value in ("Fragile", "9 Pier Rd", "24.50", "NO&lt;b&gt;SUCH"):
            assert f'value="{value}"' in html
        assert key_of(html) != sent["key"], "a corrected form is another change"
        again = admin.post("/orders/new/", filled(item) | {"key": key_of(html)})
        assert again.status_code == 303
        assert wms.orders(order_number="P-1")

    def test_invalid_form_is_not_sent(self, synced, wms, admin, item):
        sent = filled(item) | {
            "key": key_of(page(admin, "/orders/new/")),
            "order_number": "",
            "line_items.0.quantity": "x",
        }
        answer = admin.post("/orders/new/", sent)
        html = answer.content.decode()
        assert answer.status_code == 400
        assert '<a href="#id_order_number">Order number</a>' in html
        assert '<a href="#id_line_items_0_quantity">Line 1, Quantity</a>' in html
        assert 'aria-describedby="id_line_items_0_quantity_error"' in html
        assert 'value="x"' in html
        empty = admin.post("/orders/new/", {"key": key_of(html)}).content.decode()
        for name in ("ship_to_address_full_name", "line_items_0_sku"):
            assert f'href="#id_{name}"' in empty
        assert not Action.objects.exists()
        assert wms.requests("POST") == []

    def test_short_stock_needs_confirmation(self, synced, wms, admin, item):
        """A short order is sent only after confirmation, and the check is stored with it."""
        sent = filled(item) | {"key": key_of(page(admin, "/orders/new/")), "line_items.0.quantity": "99999"}
        shown = words(admin.post("/orders/new/", sent).content.decode())
        assert "Not sent yet" in shown
        assert "99,999" in shown
        assert wms.requests("POST") == []
        assert admin.post("/orders/new/", sent | {"anyway": "1"}).status_code == 303
        assert wms.orders(order_number="P-1")
        assert "ada sent it anyway" in main(admin, f"/actions/{Action.objects.get().pk}/")

    def test_lines_are_added_and_removed_without_javascript(self, synced, admin, item):
        sent = filled(item, lines=2) | {"line_items.1.sku": "SECOND", "key": "k"}
        more = admin.post("/orders/new/", sent | {"add": "line_items"}).content.decode()
        assert 'name="line_items.2.sku"' in more
        assert 'value="SECOND"' in more
        assert key_of(more) == "k"
        fewer = admin.post("/orders/new/", sent | {"remove": "line_items.0"}).content.decode()
        assert 'name="line_items.1.sku"' not in fewer
        assert 'value="SECOND"' in fewer
        assert not Action.objects.exists()

    def test_inbound_shipment_is_created_and_edited(self, synced, wms, admin, item):
        html = page(admin, "/inbound-shipments/new/")
        line = {"sku": item.sku, "expected_quantity": "50", "unit_cost": "5.1", "expected_weight": "0.9"}
        sent = {
            "key": key_of(html),
            "purchase_order_number": "PO-P1",
            "warehouse_id": "wh_east",
            "expected_arrival_date": "2027-03-01",
            "shipping_price": "0",
            **{f"line_items.0.{name}": value for name, value in line.items()},
        }
        answer = admin.post("/inbound-shipments/new/", sent)
        made = InboundShipment.objects.get(purchase_order_number="PO-P1")
        assert answer.headers["Location"] == f"/inbound-shipments/{made.pk}/"
        edit = page(admin, f"/inbound-shipments/{made.pk}/edit/")
        assert 'value="2027-03-01"' in edit
        before = Action.objects.count()
        same = {"key": key_of(edit), "expected_arrival_date": "2027-03-01", "line_items.0.sku": item.sku}
        same |= {"line_items.0.expected_quantity": "50", "status": "open"}
        unchanged = admin.post(f"/inbound-shipments/{made.pk}/edit/", same)
        assert "Nothing was changed" in words(unchanged.content.decode())
        assert Action.objects.count() == before
        admin.post(f"/inbound-shipments/{made.pk}/edit/", same | {"expected_arrival_date": "2027-03-08"})
        made.refresh_from_db()
        assert f"{made.expected_arrival_date:%Y-%m-%d}" == "2027-03-08"
        assert Action.objects.latest("pk").values == {"expected_arrival_date": "2027-03-08"}


@pytest.mark.django_db(transaction=True)
class TestChanging:
    def test_order_is_held_released_and_cancelled(self, synced, wms, admin, order):
        """Each change is sent and shown immediately, with a mark on the page and in the list."""
        for verb, done in (("hold", "is on hold"), ("release", "was released"), ("cancel", "was cancelled")):
            html = page(admin, f"/orders/{order.pk}/{verb}/")
            answer = admin.post(f"/orders/{order.pk}/{verb}/", {"key": key_of(html)})
            assert answer.headers["Location"] == f"/orders/{order.pk}/"
            assert done in main(admin, f"/orders/{order.pk}/")
        assert wms.orders(order_number="S-1")[0]["status"] == "cancelled"
        shown = main(admin, f"/orders/{order.pk}/")
        assert "Cancelled" in shown
        assert re.search(r"(Accepted by WMS|Confirmed in data) at", main(admin, "/orders/"))

    def test_cancelling_a_shipped_order_shows_the_refusal(self, synced, wms, admin, order):
        wms.call("POST", f"/wms/orders/{order.external_id}/shipments", {})
        answer = admin.post(f"/orders/{order.pk}/cancel/", {"key": "k1"})
        assert answer.status_code == 400
        shown = words(answer.content.decode())
        assert "Order S-1 was not cancelled." in shown
        assert "Order has already shipped and can&#x27;t be cancelled" in shown

    def test_inventory_is_adjusted(self, synced, wms, admin, item):
        before = item.levels.get(warehouse_id="wh_east").onhand
        sent = {"key": "k1", "adjustment_type": "increase", "quantity": "3", "warehouse_id": "wh_east"}
        assert admin.post(f"/inventory/{item.pk}/adjust/", sent).status_code == 303
        assert item.levels.get(warehouse_id="wh_east").onhand == before + 3

    def test_unknown_outcome_asks_not_to_send_again(self, synced, wms, admin, order):
        """After a lost answer the page says that Packr is checking."""
        Action.objects.create(
            connection=synced,
            kind="cancel-order",
            entity="orders",
            external_id=order.external_id,
            reference="packr-X",
            key="k",
            state=ActionState.UNKNOWN,
            person=User.objects.get(username="ada"),
        )
        made = Action.objects.get()
        shown = main(admin, f"/actions/{made.pk}/")
        assert "We are checking" in shown
        assert "don’t send it again" in shown
        assert "try again" not in shown.lower()
        part = admin.get(f"/actions/{made.pk}/", headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in part
        assert 'hx-trigger="every 3s"' in part
        assert "We are checking" in main(admin, "/orders/")
        watch = re.search(r'hx-get="(/actions/marks/[^"]+)"', page(admin, "/orders/"))[1].replace("&amp;", "&")
        Action.objects.update(state=ActionState.REFUSED)
        settled = admin.get(watch).content.decode()
        assert f'<span class="mark" id="mark-orders-{order.pk}" hx-swap-oob="true"></span>' in settled
        assert "hx-trigger" not in settled
        assert "hx-trigger" not in admin.get(f"/actions/{made.pk}/", headers={"HX-Request": "true"}).content.decode()


@pytest.mark.django_db(transaction=True)
class TestPermissions:
    def test_member_sees_no_buttons_and_is_refused(self, synced, wms, admin, member, order):
        """The server refuses members; everyone can see what was sent."""
        assert "Cancel order" in main(admin, f"/orders/{order.pk}/")
        assert "New order" in main(admin, "/orders/")
        assert "Cancel order" not in main(member, f"/orders/{order.pk}/")
        assert "New order" not in main(member, "/orders/")
        answer = member.post(f"/orders/{order.pk}/cancel/", {"key": "k"})
        assert answer.status_code == 403
        assert "Only an admin" in words(answer.content.decode())
        assert not Action.objects.exists()

    def test_unavailable_action_is_disabled_with_its_reason(self, synced, admin, order, monkeypatch):
        synced.learned = {**synced.learned, "integration_name": "nobody knows"}
        synced.save()
        html = page(admin, f"/orders/{order.pk}/")
        button = re.search(r'<button[^>]*disabled[^>]*aria-describedby="why-hold-order"', html)
        assert button
        assert re.search(r'id="why-hold-order">[^<]{20,}<', html)
        assert "Nothing was sent" in main(admin, f"/orders/{order.pk}/hold/")
        answer = admin.post(f"/orders/{order.pk}/hold/", {"key": "k"})
        assert not Action.objects.exists()
        assert answer.status_code == 200

    def test_several_accounts_offer_a_choice(self, synced, admin):
        other = make.connection(synced.workspace, "Second")
        shown = main(admin, "/orders/new/")
        assert "Choose an account" in shown
        assert "Order number" in main(admin, f"/orders/new/?connection={other.pk}")


@pytest.mark.django_db(transaction=True)
class TestActionLog:
    def test_record_links_to_request_and_answer(self, synced, wms, admin, member, order):
        """The page shows person, time, request, answer and latency, and no secrets."""
        admin.post(f"/orders/{order.pk}/cancel/", {"key": "k"})
        made = Action.objects.get()
        link = f'href="/actions/{made.pk}/"'
        assert link in page(member, f"/orders/{order.pk}/")
        html = page(member, f"/actions/{made.pk}/")
        shown = words(html)
        assert f"PUT /wms/orders/{order.external_id.replace('=', '%3D')}/cancel" in shown or "/cancel" in shown
        assert "ada" in shown
        assert re.search(r"answered 200 ?, \d+ ms|answered 200, \d+ ms", shown)
        assert "sandbox-1" not in html
        listed = page(member, "/actions/")
        assert '<option value="cancel-order"' in listed
        assert link in listed
        assert link not in page(member, "/actions/?kind=create-order")
        assert link in page(member, f"/actions/?kind=cancel-order&person={made.person_id}&connection={synced.pk}")
        csv = b"".join(member.get("/actions/export.csv").streaming_content).decode()
        assert "Cancel order,S-1,Sandbox,ada,Page," in csv

    def test_log_is_paged_with_a_constant_number_of_queries(self, synced, admin, order):
        def add(count):
            Action.objects.bulk_create(
                Action(
                    connection=synced,
                    kind="hold-order",
                    entity="orders",
                    external_id=order.external_id,
                    reference=f"r-{Action.objects.count()}-{number}",
                    key=f"k-{Action.objects.count()}-{number}",
                    state=ActionState.REFUSED,
                    person=User.objects.get(username="ada"),
                )
                for number in range(count)
            )

        def count_queries(address):
            with CaptureQueriesContext(database) as queries:
                page(admin, address)
            return len(queries)

        add(1)
        before = count_queries("/actions/"), count_queries("/orders/"), count_queries(f"/orders/{order.pk}/")
        add(60)
        assert (count_queries("/actions/"), count_queries("/orders/"), count_queries(f"/orders/{order.pk}/")) == before
        assert max(before[:2]) <= 14
        first = page(admin, "/actions/")
        older = re.search(r'rel="next"\s+href="([^"]+)"', first)[1]
        seen = re.findall(r'<a href="(/actions/\d+/)">', first) + re.findall(
            r'<a href="(/actions/\d+/)">', page(admin, f"/actions/{older}")
        )
        assert len(seen) == len(set(seen)) == 61

    def test_other_workspace_sees_no_actions(self, synced, wms, admin, order):
        admin.post(f"/orders/{order.pk}/cancel/", {"key": "k"})
        make.connection(make.workspace("fernhill"))
        other = Client()
        other.force_login(make.person("kim", in_=make.workspace("fernhill")))
        assert other.get(f"/actions/{Action.objects.get().pk}/").status_code == 404
        assert "Cancel order" not in main(other, "/actions/").split("State")[1].split("Everyone")[1]


def test_skus_are_suggested_while_typing(synced, admin, item):
    html = admin.get(reverse("action_skus", args=[synced.pk]), {"line_items.3.sku": item.sku[:3].lower()})
    assert f'value="{item.sku}"' in html.content.decode()
    assert admin.get(reverse("action_skus", args=[987654])).status_code == 404
