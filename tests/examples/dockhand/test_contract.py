"""Dockhand under the contracts, with a simulator of its API."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.examples.dockhand import connector
from tests.examples.dockhand.connector import Dockhand
from tests.kit.action_contract import ActionContract
from tests.kit.contract import ConnectorContract
from tests.kit.mapping_versions import MappingVersions
from tests.kit.server import Call, Reply

FOLDER = Path(__file__).parent
ORDER = json.loads((FOLDER / "samples" / "order.json").read_text())
CREDENTIALS = {"api_token": "tok-q8v2m5"}


class TestDockhand(ConnectorContract):
    connector = Dockhand
    credentials = CREDENTIALS
    number_field = "total"
    text_field = "reference"

    def item(self, number: int, **fields: str) -> str:
        usual = {name: json.dumps(value) for name, value in ORDER.items()} | {"id": str(number)}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in (usual | fields).items()) + "}"

    def external_id(self, number: int) -> str:
        return str(number)

    def page(self, call: Call, items: Sequence[str], page: int, pages: int) -> Reply:
        return Reply(f'{{"orders": [{", ".join(items)}], "total": {100 * pages}}}'.encode())

    def requested_page(self, call: Call) -> int:
        assert (call.path, call.query["limit"]) == ("/v2/orders", "100")
        assert call.headers["authorization"] == "Bearer tok-q8v2m5"
        return int(call.query["offset"]) // 100

    def requested_since(self, call: Call) -> datetime | None:
        text = call.query.get("updated_from")
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None


class TestDockhandActions(ActionContract):
    connector = Dockhand
    credentials = CREDENTIALS
    values = {"line_items": [{"sku": "MUG-BLU", "quantity": 2}]}
    refused_values = {"line_items": [{"sku": "NONE", "quantity": 2}]}
    refused_field = "line_items.0.sku"

    @pytest.fixture(autouse=True)
    def _orders(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}

    def creates_order(self, call: Call) -> bool:
        return (call.method, call.path) == ("POST", "/v2/orders")

    def order_ids(self) -> list[str]:
        return [str(order_id) for order_id in self.orders]

    def refusal(self, words: str) -> Reply:
        return Reply(json.dumps({"message": words}).encode(), 422)

    def answer(self, call: Call) -> Reply:
        if self.creates_order(call):
            return self.create(json.loads(call.body))
        if call.method == "POST":
            order = self.orders[int(call.path.split("/")[3])]
            order["status"] = "void"
            return Reply(json.dumps({"order": order}).encode())
        ids = call.query.get("ids", "").split(",")
        found = [
            order
            for order in self.orders.values()
            if str(order["id"]) in ids or order["reference"] == call.query.get("reference")
        ]
        return Reply(json.dumps({"orders": found, "total": len(found)}).encode())

    def create(self, values: dict[str, Any]) -> Reply:
        if values["line_items"][0]["sku"] == "NONE":
            errors = {"line_items.0.sku": "There is no such SKU."}
            return Reply(json.dumps({"message": "The order is not valid.", "errors": errors}).encode(), 422)
        order = {**ORDER, **values, "id": len(self.orders) + 1}
        self.orders[order["id"]] = order
        return Reply(json.dumps({"order": order}).encode())


class TestDockhandVersions(MappingVersions):
    module = connector
    versions = FOLDER / "mapping_versions.json"
    samples = ("ORDERS",)

    def items(self, name: str) -> list[Any]:
        return [ORDER, ORDER | {"status": "lost", "reference": None, "total": None}]
