"""Trackstar under the contract, with pages like those of its documentation."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from integrations.connectors.trackstar import Trackstar
from tests.kit.contract import ConnectorContract
from tests.kit.server import Call, Reply

ORDER = json.loads((Path(__file__).parent / "samples" / "order.json").read_text())


class TestTrackstar(ConnectorContract):
    connector = Trackstar
    credentials = {"api_key": "key-dxk3f1", "access_token": "trackstar_eyq7w2"}
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

    def page_asked(self, call: Call) -> int:
        assert call.path == "/wms/orders"
        assert call.headers["x-trackstar-api-key"] == self.credentials["api_key"]
        assert call.headers["x-trackstar-access-token"] == self.credentials["access_token"]
        token = call.query.get("page_token")
        return int(token.removeprefix("after ")) + 1 if token else 0

    def since_asked(self, call: Call) -> datetime | None:
        text = call.query.get("trackstar_updated_date[gte]")
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None
