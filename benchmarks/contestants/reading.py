"""Reads the WMS for contestants without a framework: one session, page by page, the next page in a thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests

OVERLAP = timedelta(minutes=15)
Decode = Any  # bytes to an object with `data` and `next_token`


class Reader:
    """A session with the WMS that remembers, per kind, up to when it has read."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.url = setup["url"]
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(
            {"x-trackstar-api-key": "bench", "x-trackstar-access-token": setup["token"], "accept-encoding": "identity"}
        )
        self.watermarks: dict[str, datetime] = {}
        self.thread = ThreadPoolExecutor(1)

    def pages(self, kind: str, full: bool, next_token: Any, *, ahead: bool = True) -> Iterator[Any]:
        """Yield the decoded pages of a list; the next page is fetched while one is processed.

        `next_token` takes a body and returns (what to yield, the next page's token).
        """
        params = {"limit": "1000"}
        if not full and kind in self.watermarks:
            params["trackstar_updated_date[gte]"] = (self.watermarks[kind] - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
        body, clock = self._get(kind, params)
        while True:
            page, token = next_token(body)
            upcoming = None
            if token and ahead:
                upcoming = self.thread.submit(self._get, kind, {**params, "page_token": token})
            yield page
            if not token:
                break
            body, _ = upcoming.result() if upcoming else self._get(kind, {**params, "page_token": token})
        self.watermarks[kind] = clock

    def _get(self, kind: str, params: dict[str, str]) -> tuple[bytes, datetime]:
        answer = self.session.get(f"{self.url}/wms/{kind}", params=params, timeout=30)
        answer.raise_for_status()
        return answer.content, parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
