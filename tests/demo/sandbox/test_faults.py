"""Each fault switch does what its name says, at its path, for its number of times, and nothing once cleared."""

import gzip
import http.client
import json
import math
import time

import pytest

ORDERS = "/wms/orders"


@pytest.fixture(autouse=True)
def _clean(shared):
    shared.control("fault", clear=True)
    yield
    shared.control("fault", clear=True)


@pytest.mark.parametrize(
    ("name", "params", "status"),
    [
        ("unauthorized", {}, 401),
        ("forbidden", {}, 403),
        ("not_implemented", {}, 501),
        ("rate_limited", {}, 429),
        ("server_error", {}, 500),
        ("server_error", {"status": 502, "html": True}, 502),
        ("server_error", {"status": 503}, 503),
        ("html", {}, 200),
        ("redirect", {"location": "http://10.0.0.1/x"}, 302),
    ],
)
def test_refusals_replace_the_set_number_of_responses(reading, name, params, status):
    reading.fault(name, path=ORDERS, times=2, after=1, **params)
    replies = [reading.get(ORDERS, limit=1) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, status, status, 200]
    assert reading.get("/wms/products", limit=1).status == 200
    assert ["data" in reply.raw.decode() for reply in replies] == [True, False, False, True]
    assert [entry["faults"] for entry in reading.log()[-5:-1]] == [[], [name], [name], []]


def test_refusals_have_trackstars_texts(reading):
    reading.fault("forbidden", path=ORDERS)
    reading.fault("not_implemented", path="/wms/returns")
    assert reading.get(ORDERS).json["error"] == "get_orders is disabled for this connection"
    assert reading.get("/wms/returns").json == {"error": "Endpoint get_returns is not implemented for ShipHero"}


@pytest.mark.parametrize("wait", [7, "Wed, 21 Oct 2026 07:28:00 GMT", None])
def test_rate_limit_sends_the_set_retry_after(reading, wait):
    reading.fault("rate_limited", retry_after=wait)
    assert reading.get(ORDERS).headers["Retry-After"] == (None if wait is None else str(wait))


def test_html_and_redirect_have_their_content_and_headers(reading):
    reading.fault("html", times=1)
    reply = reading.get(ORDERS)
    assert reply.raw.startswith(b"<!doctype html")
    assert reply.headers["Content-Type"].startswith("text/html")
    reading.fault("redirect", location="http://10.0.0.1/x", status=307)
    reply = reading.get(ORDERS)
    assert (reply.status, reply.headers["Location"]) == (307, "http://10.0.0.1/x")


def test_truncate_ends_early_and_reset_breaks_the_connection(reading):
    reading.fault("truncate", times=1)
    with pytest.raises(http.client.IncompleteRead) as cut:
        reading.get(ORDERS)
    assert len(cut.value.partial) > 1000
    assert cut.value.expected > 1000
    reading.fault("reset", times=1)
    with pytest.raises(ConnectionResetError):
        reading.get(ORDERS)
    assert reading.get(ORDERS).status == 200


def test_bad_json_has_the_right_length(reading):
    reading.fault("bad_json", times=1)
    reply = reading.get(ORDERS)
    assert len(reply.raw) == int(reply.headers["Content-Length"]) > 1000
    with pytest.raises(json.JSONDecodeError):
        reply.json  # noqa: B018 - reading it is the test


def test_slow_hang_and_latency_delay_the_response(reading):
    for fault, params in (("latency", {"ms": 200}), ("hang", {"seconds": 0.2}), ("slow", {"seconds": 0.2})):
        reading.fault(fault, times=1, **params)
        begun = time.monotonic()
        assert len(reading.get(ORDERS).json["data"]) == 300
        assert 0.18 < time.monotonic() - begun < 2


def test_wrong_encoding_and_missing_date_header(reading):
    reading.fault("wrong_encoding", times=1)
    reply = reading.get(ORDERS, limit=1)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.json["data"]
    reading.fault("no_date", times=1)
    assert [reading.get(ORDERS, limit=1).headers["Date"] is None for _ in range(2)] == [True, False]


@pytest.mark.parametrize("framing", ["chunked", "no_length"])
def test_body_without_length_can_be_complete_or_truncated(reading, framing):
    whole = reading.get(ORDERS, limit=1).raw
    reading.fault(framing)
    reply = reading.get(ORDERS, limit=1)
    assert (reply.headers["Content-Length"], reply.raw) == (None, whole)
    reading.fault("truncate")
    if framing == "chunked":
        with pytest.raises(http.client.IncompleteRead):
            reading.get(ORDERS, limit=1)
    else:
        assert reading.get(ORDERS, limit=1).raw == whole[: len(whole) // 2]


@pytest.mark.parametrize("framing", ["chunked", "no_length", None])
def test_big_appends_blanks(reading, framing):
    whole = reading.get(ORDERS, limit=1).raw
    reading.fault("big", times=1, megabytes=0.25)
    if framing:
        reading.fault(framing, times=1)
    raw = reading.get(ORDERS, limit=1).raw
    assert (len(raw), raw.rstrip()) == (len(whole) + 256 * 1024, whole)
    assert reading.get(ORDERS, limit=1).raw == whole


def test_bomb_is_small_until_decompressed(reading):
    whole = reading.get(ORDERS, limit=1).raw
    reading.fault("bomb", times=1, megabytes=2)
    reply = reading.get(ORDERS, limit=1)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.raw) < len(whole) + 20_000
    assert len(gzip.decompress(reply.raw)) == len(whole) + 2 * 1024 * 1024


def test_wrong_encoding_can_be_chosen(reading):
    reading.fault("wrong_encoding", times=1, encoding="br")
    assert reading.get(ORDERS, limit=1).headers["Content-Encoding"] == "br"


def test_repeated_token_and_endless_list(reading):
    first = reading.get(ORDERS, limit=10).json["next_token"]
    reading.fault("repeat_token")
    assert reading.get(ORDERS, limit=10).json["next_token"] == first
    assert reading.get(ORDERS, limit=10, page_token=first).json["next_token"] == first
    reading.control("fault", clear=True)
    reading.fault("endless")
    token, tokens, ids = None, [], []
    for _ in range(10):
        page = reading.get(ORDERS, limit=100, **({"page_token": token} if token else {})).json
        token = page["next_token"]
        tokens.append(token)
        ids += [row["id"] for row in page["data"]]
    assert None not in tokens
    assert len(tokens) == len(set(tokens))
    assert len(ids) > 2 * len(set(ids))


def test_empty_page_loses_no_record(reading):
    expected = reading.rows(ORDERS)
    reading.fault("empty_page", times=1, after=1)
    pages = reading.pages(ORDERS, limit=100)
    assert [len(page["data"]) for page in pages] == [100, 0, 100, 100]
    assert [row for page in pages for row in page["data"]] == expected


def test_rows_can_be_duplicated_missing_or_shuffled(reading):
    expected = [row["id"] for row in reading.rows(ORDERS)]
    reading.fault("duplicate_rows", times=1, count=3)
    found = [row["id"] for row in reading.rows(ORDERS, limit=100)]
    assert found == [*expected[:100], *expected[97:]]
    reading.fault("missing_rows", times=1, count=2)
    assert [row["id"] for row in reading.rows(ORDERS, limit=100)] == [*expected[:98], *expected[100:]]
    reading.fault("shuffle_rows", times=1)
    found = [row["id"] for row in reading.rows(ORDERS)]
    assert found != expected
    assert sorted(found) == sorted(expected)


def test_record_fault_changes_one_record_to_valid_or_invalid_json(reading):
    normal = reading.rows(ORDERS, limit=3)[:3]
    deep = "[" * 100_000 + "]" * 100_000
    raw = {"total_price": "NaN", "tags": deep, "type": '"\\ud800"', "total_tax": "1" * 40, "channel": '"a\\u0000b"'}
    reading.fault("record", index=1, set={"status": 7}, drop=["id"], raw=raw)
    text = reading.get(ORDERS, limit=3).raw.decode()
    assert deep in text
    page = json.loads(text.replace(deep, "[]"))["data"]
    assert [page[0], page[2]] == [normal[0], normal[2]]
    assert "id" not in page[1]
    assert page[1]["status"] == 7
    assert math.isnan(page[1]["total_price"])
    assert (page[1]["type"], page[1]["channel"], page[1]["total_tax"]) == ("\ud800", "a\0b", int("1" * 40))
    reading.control("fault", clear=True)
    reading.fault("record", raw='{"total_price": 1e999, "total_tax": NaN}')
    assert b'"total_price":1e999' in reading.get(ORDERS, limit=1).raw
    reading.control("fault", clear=True)
    reading.fault("record", index="all", set={"channel": None})
    assert {row["channel"] for row in reading.rows(ORDERS)} == {None}


def test_wrong_total_first_sync_and_connection_errors(reading):
    reading.fault("lie_total", times=1, total=5)
    assert reading.get(ORDERS).json["total_count"] == 5
    reading.fault("first_sync")
    reading.fault("connection_errors", errors=[{"error_type": "invalid_credentials"}])
    assert reading.get(ORDERS).json == {"data": [], "next_token": None, "total_count": 0}
    one = reading.get("/connections").json["data"][0]
    assert not any(one["historical_sync_completed"].values())
    assert one["errors"] == [{"error_type": "invalid_credentials"}]


def test_records_and_filters_can_lack_trackstar_dates(reading):
    reading.fault("no_trackstar_dates")
    row = reading.get(ORDERS, limit=1).json["data"][0]
    assert "updated_date" in row
    assert not [name for name in row if name.startswith("trackstar_") and name != "trackstar_tags"]
    reply = reading.get(ORDERS, **{"trackstar_updated_date[gte]": "2026-01-01T00:00:00Z"})
    assert list(reply.json["detail"]["query"]) == ["trackstar_updated_date[gte]"]
    assert reading.get(ORDERS, **{"updated_date[gte]": "2026-01-01T00:00:00Z"}).status == 200


def test_clock_shifts_date_header_and_stamps(wms):
    wms.fault("clock", seconds=-600)
    wms.fault("no_date", times=0)
    from email.utils import parsedate_to_datetime

    shown = parsedate_to_datetime(wms.get(ORDERS, limit=1).headers["Date"]).timestamp()
    assert -605 < shown - time.time() < -595
    row = wms.get(ORDERS, limit=1).json["data"][0]
    changed = wms.change("orders", id=row["id"], set={"tags": ["x"]})
    assert abs(time.mktime(time.strptime(changed["updated_date"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - shown) < 5


def test_late_commits_and_changes_while_paging(wms):
    rows = wms.rows(ORDERS)
    wms.fault("late", entity="orders", id=rows[0]["id"], set={"tags": ["late"]}, age=7200)
    late = wms.rows(ORDERS)[0]
    assert late["tags"] == ["late"]
    assert late["updated_date"] < late["trackstar_updated_date"]
    body = {"account": "sandbox-1", "entity": "orders", "id": rows[40]["id"], "set": {"tags": ["midway"]}}
    wms.fault("change", path=ORDERS, after=1, change=body)
    pages = wms.pages(ORDERS, limit=20)
    assert pages[2]["data"][0]["tags"] == ["midway"]
    assert [entry["faults"] for entry in wms.log()[-3:]] == [[], ["change"], []]


def test_lost_answer_is_dropped_after_the_write(wms):
    before = wms.rows("/wms/products")[0]
    wms.fault("lost_answer", method="PUT", times=1)
    with pytest.raises(ConnectionError):
        wms.write("PUT", f"/wms/products/{before['id']}", {"name": "Renamed"})
    assert wms.rows("/wms/products")[0]["name"] == "Renamed"


def test_rotated_key_fixed_answer_and_clearing(reading):
    reading.fault("rotate", api_key="new")
    assert reading.get(ORDERS).status == 401
    headers = {"x-trackstar-api-key": "new", "x-trackstar-access-token": "sandbox-1"}
    assert reading.call("GET", ORDERS, headers=headers).status == 200
    reading.control("fault", clear=True)
    reading.fault("answer", status=418, body="\ufeff{}", headers={"X-Odd": "1"}, account="sandbox-2")
    other = {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-2"}
    assert reading.get(ORDERS, limit=1).status == 200
    odd = reading.call("GET", ORDERS, headers=other)
    assert (odd.status, odd.raw, odd.headers["X-Odd"]) == (418, "\ufeff{}".encode(), "1")
    reading.control("fault", clear=True)
    assert reading.control("fault", clear=True)["faults"] == []


@pytest.mark.parametrize(
    "body", [{"fault": "earthquake"}, {}, {"fault": "record", "raw": "[1"}, {"fault": "html", "times": "x"}]
)
def test_unknown_faults_are_refused(reading, body):
    assert "error" in reading.control("fault", 422, **body)
