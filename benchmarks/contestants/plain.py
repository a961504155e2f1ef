"""Reads the WMS with the standard library only, for contestants whose environment has nothing else."""

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

OVERLAP = timedelta(minutes=15)
# JSON columns; an order's lines are a separate table where a peer supports that.
NESTED = {
    "inventory": (
        "substitute_skus inventory_by_warehouse_id lots locations measurements trackstar_tags additional_fields"
    ),
    "orders": "channel_object ship_to_address tags shipments trackstar_tags additional_fields",
}


class Wms:
    """A kept-alive connection to the WMS."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.headers = {"x-trackstar-api-key": "bench", "x-trackstar-access-token": setup["token"]}
        self.http = http.client.HTTPConnection(urlsplit(setup["url"]).netloc, timeout=30)
        self.clock = ""

    def pages(self, kind: str, since: str | None, loads: Any = json.loads) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a list. `clock` is then the time from which the next pass must ask."""
        params = {"limit": "1000"} | ({"trackstar_updated_date[gte]": since} if since else {})
        clock = ""
        while True:
            self.http.request("GET", f"/wms/{kind}?{urlencode(params)}", headers=self.headers)
            answer = self.http.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the WMS answered {answer.status}")
            clock = clock or str(answer.headers["Date"])
            page = loads(body)
            yield page["data"]
            if page["next_token"] is None:
                break
            params["page_token"] = page["next_token"]
        moment = parsedate_to_datetime(clock).astimezone(UTC) - OVERLAP
        self.clock = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
