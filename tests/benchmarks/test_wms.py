"""The benchmarks' WMS answers the requests of Packr's connector as Trackstar does."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from benchmarks.wms_process import WmsProcess

RECENTLY = timedelta(minutes=15)
Ask = dict[str, Any]


@pytest.fixture
def wms() -> Iterator[WmsProcess]:
    with WmsProcess(inventory=2500, orders=10) as running:
        yield running


def get(wms: WmsProcess, path: str, account: int = 1, **params: Any) -> requests.Response:
    headers = {"x-trackstar-api-key": "any", "x-trackstar-access-token": f"bench-{account}"}
    with requests.Session() as session:
        return session.get(wms.url + path, params=params, headers=headers, timeout=10)


def since(wms: WmsProcess, account: int = 1, kind: str = "inventory") -> list[Any]:
    """Return the time fifteen minutes ago by the WMS's clock."""
    moment = parsedate_to_datetime(get(wms, "/wms/warehouses").headers["Date"]).astimezone(UTC) - RECENTLY
    asked = {"trackstar_updated_date[gte]": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    records: list[Any] = get(wms, f"/wms/{kind}", account, **asked).json()["data"]
    return records


def test_list_is_read_page_by_page(wms: WmsProcess) -> None:
    token, seen = None, []
    while token is not None or not seen:
        page = get(wms, "/wms/inventory", **({"page_token": token} if token else {})).json()
        seen.append([record["id"] for record in page["data"]])
        token = page["next_token"]
    assert [len(page) for page in seen] == [1000, 1000, 500]
    assert len({one for page in seen for one in page}) == 2500


def test_incremental_list_has_only_recent_changes(wms: WmsProcess) -> None:
    assert since(wms) == []
    assert wms.control("change", kind="inventory", share=0.1) == {"changed": 250}
    changed = since(wms)
    assert len(changed) == 250
    whole = get(wms, "/wms/inventory").json()["data"]
    assert [one for one in whole if one in changed] == changed[:100]
    wms.control("clock", ahead=7200)
    assert since(wms) == []


def test_no_record_is_stamped_in_the_future(wms: WmsProcess) -> None:
    wms.control("clock", ahead=7200)
    wms.control("change", kind="inventory", share=0.1)
    changed = [one["trackstar_updated_date"] for one in get(wms, "/wms/inventory").json()["data"]]
    earliest = min(changed)
    assert earliest < max(changed)
    early = get(wms, "/wms/inventory", **{"trackstar_updated_date[lte]": earliest}).json()["data"]
    assert {one["trackstar_updated_date"] for one in early} == {earliest}
    latest = get(wms, "/wms/inventory", **{"trackstar_updated_date[lte]": max(changed)}).json()["data"]
    assert len(latest) == 1000


def test_account_changes_automatically(wms: WmsProcess) -> None:
    wms.control("change", kind="orders", share=0.5, account="bench-2")
    assert (len(since(wms, 1, "orders")), len(since(wms, 2, "orders"))) == (0, 5)


def test_records_are_found_by_their_ids(wms: WmsProcess) -> None:
    found = get(wms, "/wms/orders", **{"ids[in]": "orders-3,orders-10,inventory-1,x"}).json()
    assert ([one["id"] for one in found["data"]], found["next_token"]) == (["orders-3"], None)
    assert get(wms, "/wms/orders/orders-9").json()["data"]["id"] == "orders-9"


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/wms/orders/orders-10", {}, 404),
        ("/wms/nothing", {}, 404),
        ("/wms/orders", {"status": "open"}, 422),
        ("/wms/orders", {"limit": "1001"}, 422),
    ],
)
def test_unknown_paths_and_parameters_are_refused(wms: WmsProcess, path: str, asked: Ask, status: int) -> None:
    assert get(wms, path, **asked).status_code == status


def test_wrong_credentials_are_refused(wms: WmsProcess) -> None:
    assert requests.get(f"{wms.url}/wms/orders", timeout=10).status_code == 401


def test_requests_are_counted(wms: WmsProcess) -> None:
    wms.control("stats")
    get(wms, "/wms/orders")
    get(wms, "/wms/orders/orders-1")
    get(wms, "/connections/any")
    assert wms.control("stats") == {"orders": 2, "connections": 1}
