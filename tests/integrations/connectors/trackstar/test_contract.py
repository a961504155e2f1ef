"""Trackstar under the contract, with pages like those of its documentation."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.actions import ActionKind
from integrations.connectors.trackstar import Trackstar
from tests.kit.action_contract import ActionContract
from tests.kit.contract import ConnectorContract
from tests.kit.server import Call, Reply

CREDENTIALS = {"api_key": "key-dxk3f1", "access_token": "trackstar_eyq7w2"}
ORDER = json.loads((Path(__file__).parent / "samples" / "order.json").read_text())


class TestTrackstar(ConnectorContract):
    connector = Trackstar
    credentials = CREDENTIALS
    number_field = "total_price"
    text_field = "raw_status"

    def item(self, number: int, **fields: str) -> str:
        usual = {name: json.dumps(value) for name, value in ORDER.items()} | {"id": json.dumps(f"order-{number}")}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in (usual | fields).items()) + "}"

    def external_id(self, number: int) -> str:
        return f"order-{number}"

    def page(self, call: Call, items: Sequence[str], page: int, pages: int) -> Reply:
        token = json.dumps(f"after {page}") if page + 1 < pages else "null"
        text = f'{{"data": [{", ".join(items)}], "next_token": {token}, "total_count": {len(items)}}}'
        return Reply(text.encode())

    def requested_page(self, call: Call) -> int:
        assert call.path == "/wms/orders"
        assert call.headers["x-trackstar-api-key"] == self.credentials["api_key"]
        assert call.headers["x-trackstar-access-token"] == self.credentials["access_token"]
        token = call.query.get("page_token")
        return int(token.removeprefix("after ")) + 1 if token else 0

    def requested_since(self, call: Call) -> datetime | None:
        text = call.query.get("trackstar_updated_date[gte]")
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None


class TestTrackstarActions(ActionContract):
    connector = Trackstar
    credentials = CREDENTIALS
    values = {"order_number": "NB-1", "line_items": [{"sku": "MUG", "quantity": 1, "unit_price": "24"}]}
    refused_values = {"order_number": "NB-1", "line_items": [{"sku": "NONE", "quantity": 1, "unit_price": "24"}]}
    refused_field = "line_items.0.sku"
    unavailable = (
        (ActionKind.HOLD_ORDER, {}),
        (ActionKind.HOLD_ORDER, {"integration_name": "extensiv"}),
        (ActionKind.CREATE_ORDER, {"integration_name": "extensiv", "available_actions": ["get_orders"]}),
        (ActionKind.ADJUST_INVENTORY, {"integration_name": "extensiv"}),
    )

    @pytest.fixture(autouse=True)
    def _orders(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}

    def creates_order(self, call: Call) -> bool:
        return (call.method, call.path) == ("POST", "/wms/orders")

    def order_ids(self) -> list[str]:
        return list(self.orders)

    def refusal(self, words: str) -> Reply:
        return Reply(json.dumps({"error": words, "origin": "integration"}).encode(), 400)

    def answer(self, call: Call) -> Reply:
        if self.creates_order(call):
            return self.create(json.loads(call.body))
        if call.path == "/wms/orders":
            wanted = call.query.get("ids[in]", "").split(",")
            found = [
                order
                for key, order in self.orders.items()
                if key in wanted or order["reference_id"] == call.query.get("reference_id")
            ]
            return reply(data=found, next_token=None)
        order = self.orders[call.path.split("/")[3]]
        if call.method == "PUT" and order["status"] == "cancelled":
            return self.refusal("Order is already cancelled")
        if call.method == "PUT":
            order["status"] = "cancelled"
        return reply(data=order, id=order["id"])

    def create(self, asked: dict[str, Any]) -> Reply:
        if asked["line_items"][0]["sku"] == "NONE":
            detail = {"json": {"line_items": {"0": {"sku": ["Unknown SKU."]}}}}
            return Reply(json.dumps({"error": "Validation error", "detail": detail}).encode(), 422)
        order = ORDER | asked | {"id": f"o{len(self.orders)}", "status": "open"}
        self.orders[order["id"]] = order
        return reply(data=order, id=order["id"])


def reply(**body: Any) -> Reply:
    return Reply(json.dumps(body).encode())
