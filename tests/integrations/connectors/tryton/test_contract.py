"""Tryton under the contract, with rows as the real server sent them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.tryton import Tryton, orders, rpc
from integrations.entities import Entity
from tests.kit.action_contract import ActionContract
from tests.kit.contract import ConnectorContract
from tests.kit.server import Call, Reply, Server

CREDENTIALS = {"database": "northbay", "login": "packr", "password": "pw-w8x1c9"}
ORDER = json.loads((Path(__file__).parent / "samples" / "order.json").read_text())
SIGNING_IN = {
    "common.db.login": [7, "token-5gq2", None],
    "model.res.user.get_preferences": {"company": 1, "company.rec_name": "Northbay Goods"},
    "model.sale.sale.fields_get": {"carrier": {}},
}


class TestTryton(ConnectorContract):
    connector = Tryton
    credentials = CREDENTIALS
    test_empty_page_is_not_the_end = (
        None  # the first short page ends a list here, so an empty page in the middle can't be
    )
    number_field = "total_amount"
    text_field = "reference"

    def item(self, number: int, **fields: str) -> str:
        usual = {name: json.dumps(value) for name, value in ORDER.items()} | {"id": str(number + 1)}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in (usual | fields).items()) + "}"

    def external_id(self, number: int) -> str:
        return str(number + 1)

    def serve(self, server: Server, *pages: Sequence[str]) -> None:
        """Set the page size to the number of rows of the first page. Only the last page may be shorter."""
        size = len(pages[0]) + (len(pages) == 1)

        class Sized(Tryton):
            resources = {**Tryton.resources, Entity.ORDERS: replace(orders.ORDERS, size=size).resource}

        self.connector = Sized
        super().serve(server, *pages, *([[]] if len(pages[-1]) == size else []))
        self.sizes = [len(page) for page in pages]

    def page(self, call: Call, items: Sequence[str], page: int, pages: int) -> Reply:
        return Reply(f'{{"id": 1, "result": [{", ".join(items)}]}}'.encode())

    def requested_page(self, call: Call) -> int:
        assert call.path == "/northbay/rpc/"
        assert call.headers["authorization"].startswith("Session ")
        (((_, operator, last), *_), *_, context) = json.loads(call.body)["params"]
        assert operator == ">"
        assert context["active_test"] is False
        assert context["company"] == 1
        passed = [sum(self.sizes[: at + 1]) for at in range(len(self.sizes))]
        return passed.index(last) + 1 if last else 0

    def requested_since(self, call: Call) -> datetime | None:
        _, changed = json.loads(call.body)["params"][0]
        stamps: list[Any] = [
            {name: stamp for name, stamp in rule[2].items() if name != "__class__"} for rule in changed[1:]
        ]
        assert all(stamp == stamps[0] for stamp in stamps)
        return datetime(**stamps[0], tzinfo=UTC)

    def answer_setup(self, call: Call) -> Reply | None:
        method = json.loads(call.body)["method"]
        if method not in SIGNING_IN:
            return None
        return Reply(json.dumps({"id": 1, "result": SIGNING_IN[method]}).encode())

    def refusal(self, words: str) -> bytes:
        return json.dumps({"id": 1, "error": ["UserError", [words, "", None]]}).encode()


class TestTrytonActions(ActionContract):
    connector = Tryton
    credentials = CREDENTIALS
    values = {"party": "5", "line_items": [{"sku": "MUG", "quantity": "2", "unit_price": "12.5"}]}
    refused_values = {"party": "5", "line_items": [{"sku": "NONE", "quantity": "2", "unit_price": "12.5"}]}
    refused_field = "line_items.0.sku"

    @pytest.fixture(autouse=True)
    def _sales(self) -> None:
        rpc._tokens.clear()
        self.sales: list[dict[str, Any]] = []

    def creates_order(self, call: Call) -> bool:
        return bool(json.loads(call.body)["method"] == "model.sale.sale.create")

    def order_ids(self) -> list[str]:
        return [str(sale["id"]) for sale in self.sales]

    def refusal(self, words: str) -> Reply:
        return Reply(json.dumps({"id": 1, "error": ["UserError", [words, "", None]]}).encode())

    def answer(self, call: Call) -> Reply:
        question = json.loads(call.body)
        method, params = question["method"], question["params"]
        result = SIGNING_IN[method] if method in SIGNING_IN else getattr(self, method.replace(".", "_"))(*params)
        return Reply(json.dumps({"id": 1, "result": result}).encode())

    def model_sale_sale_create(self, values: list[dict[str, Any]], context: Any) -> list[int]:
        names = {name: values[0][name] for name in ("reference", "comment")}
        self.sales.append(ORDER | names | {"id": 61 + len(self.sales), "state": "draft", "shipment_state": "none"})
        return [self.sales[-1]["id"]]

    def model_sale_sale_quote(self, ids: list[int], context: Any) -> None:
        self.move(ids, "quotation")

    def model_sale_sale_confirm(self, ids: list[int], context: Any) -> None:
        self.move(ids, "quotation")

    def model_sale_sale_cancel(self, ids: list[int], context: Any) -> None:
        self.move(ids, "cancelled")

    def model_sale_sale_delete(self, ids: list[int], context: Any) -> None:
        self.sales = [sale for sale in self.sales if sale["id"] not in ids]

    def move(self, ids: list[int], state: str) -> None:
        for sale in self.sales:
            if sale["id"] in ids:
                sale["state"] = state

    def model_sale_sale_on_change(self, form: Any, names: Any, context: Any) -> list[Any]:
        return [{}]

    def model_sale_sale_search_read(self, domain: list[Any], *others: Any) -> list[dict[str, Any]]:
        ((field, *rule),) = domain
        if field == "OR":
            return [sale for sale in self.sales if rule[1][2].strip("%") in sale["comment"]]
        wanted = rule[1] if isinstance(rule[1], list) else [rule[1]]
        return [sale for sale in self.sales if sale["id"] in wanted]

    def model_party_party_search_read(self, *params: Any) -> list[dict[str, Any]]:
        return [{"id": 5, "code": "5", "name": "Ada"}]

    def model_product_product_search_read(self, domain: list[Any], *others: Any) -> list[dict[str, Any]]:
        return [{"id": 9, "code": "MUG", "default_uom": 1}] if "MUG" in domain[1][2] else []
