"""The fault table: each fault with the expected state, message and recovery."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from integrations.entities import Entity
from integrations.errors import Kind
from integrations.models import Status
from syncs.models import Mode, State

from .harness import API_KEY, PAGE_SIZE


class Recovery(Enum):
    """What a connection needs to recover once the fault is gone."""

    RESUME = "the waiting run continues when its wait is over"
    NEXT = "the next scheduled run corrects it"
    FULL = "the next full run finds what the WMS's responses hid"
    RECONNECT = "no run starts before somebody enters working credentials"
    SWITCH_ON = "no run starts before somebody switches the schedule on"


@dataclass(frozen=True)
class Row:
    """One fault and its expected outcome.

    `waits`: the bounds of the wait in seconds. `is_patient`: the fault stays on until the run has ended on its own.
    `rejected`: the number of rejected records, or None for any. `stored`: fields of the one record that differs from
    the WMS's listing. `hidden`: a record is missing, and no response shows it. `adds`: extra records in the WMS.
    `early`: the fault is on before the WMS's data changes. `max_requests`: the upper limit of requests. `deadline`: the
    seconds for one request.
    """

    name: str
    faults: tuple[Mapping[str, Any], ...]
    state: State = State.SUCCEEDED
    words: str = ""
    failure: str = ""
    recovery: Recovery = Recovery.NEXT
    entity: Entity = Entity.ORDERS
    mode: Mode = Mode.INCREMENTAL
    status: Status = Status.CONNECTED
    rejected: int | None = 0
    waits: tuple[float, float] | None = None
    is_patient: bool = False
    stored: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False
    adds: tuple[Mapping[str, Any], ...] = ()
    early: bool = False
    max_requests: int | None = None
    deadline: float | None = None


def on(name: str, **params: Any) -> Mapping[str, Any]:
    """Return a switch as it is posted to /_control/fault."""
    return {"fault": name, **params}


def harmless(name: str, *faults: Mapping[str, Any], **more: Any) -> Row:
    """Return a row for a harmless fault: the run succeeds."""
    return Row(name, faults, **more)


def limited(name: str, seconds: tuple[float, float], **more: Any) -> Row:
    """Return a row for a WMS that limits requests: the run waits as long as the WMS says."""
    fault = on("rate_limited", **{key: more.pop(key) for key in ("retry_after", "after") if key in more})
    return Row(
        name,
        (fault,),
        State.WAITING,
        "is limiting requests.*waits.*continues automatically",
        Kind.RATE_LIMITED,
        Recovery.RESUME,
        waits=seconds,
        max_requests=1 + fault.get("after", 0),
        **more,
    )


def unreachable(name: str, *faults: Mapping[str, Any], words: str = "", **more: Any) -> Row:
    """Return a row for an outage: the run waits and tries again."""
    return Row(
        name,
        faults,
        State.WAITING,
        words,
        Kind.UNREACHABLE,
        Recovery.RESUME,
        status=Status.UNREACHABLE,
        **{"waits": (2.5, 5), **more},
    )


def given_up(name: str, *faults: Mapping[str, Any], words: str, failure: str, **more: Any) -> Row:
    """Return a row for a wait that is too long: the run fails, and the next one tries again."""
    status = Status.UNREACHABLE if failure == Kind.UNREACHABLE else Status.CONNECTED
    return Row(name, faults, State.FAILED, words, failure, status=status, **more)


def broken(name: str, *faults: Mapping[str, Any], words: str, **more: Any) -> Row:
    """Return a row for a response that can't be trusted: the run fails."""
    return Row(name, faults, State.FAILED, words, Kind.CONTRACT, **more)


def refused(name: str, *faults: Mapping[str, Any], **more: Any) -> Row:
    """Return a row for a rejected login."""
    return Row(
        name,
        faults,
        State.FAILED,
        "rejected the login.*admin",
        Kind.CREDENTIALS,
        Recovery.RECONNECT,
        status=Status.NEEDS_ATTENTION,
        **more,
    )


def bad_record(name: str, rejected: int = 1, **params: Any) -> Row:
    """Return a row for a rejected record: the rest of its page is applied."""
    entity = params.pop("entity", Entity.ORDERS)
    words = f"rejected {rejected}."
    return Row(name, (record(**params),), State.PARTIAL, words, entity=entity, rejected=rejected)


def odd_record(name: str, stored: Mapping[str, Any], **params: Any) -> Row:
    """Return a row for a record that is unusual but valid, and is stored."""
    entity = params.pop("entity", Entity.ORDERS)
    return Row(name, (record(**params),), entity=entity, stored=stored)


def record(**params: Any) -> Mapping[str, Any]:
    """Return a switch that changes the first record of the first page."""
    return on("record", path="/wms/", times=1, **{"index": 0, **params})


def answer(value: Any, **params: Any) -> Mapping[str, Any]:
    return on("answer", path="/wms/", **({"body": value} if isinstance(value, str) else {"value": value}), **params)


DAY = 86_400
FULL = Mode.FULL
DEEP = "[" * 100_000 + "]" * 100_000
LONG = "x" * 5_000_000
EMPTY = {"data": [], "next_token": None, "total_count": 0}
UNDOCUMENTED_FORM = "not have the documented form"
ENDLESS = "pages in a row without anything new.*never end.*Earlier data stays"
GONE = "reported an internal error"

LIMITS = [
    limited("429 with seconds", (40, 40), retry_after=40),
    limited("429 with a date", (120, 120), retry_after="Wed, 04 Feb 2026 10:03:00 GMT"),
    limited("429 with a date that is over", (1, 1), retry_after="Wed, 04 Feb 2026 09:00:00 GMT"),
    limited("429 without Retry-After", (2.5, 5), retry_after=None),
    limited("429 with a malformed Retry-After", (2.5, 5), retry_after="soon"),
    limited("429 with a fraction", (2.5, 5), retry_after="1.5"),
    limited("429 with a negative Retry-After", (2.5, 5), retry_after="-5"),
    limited("429 with zero", (1, 1), retry_after=0),
    limited("429 for a day", (DAY, DAY), retry_after=DAY),
    limited("429 in the middle of the list", (40, 40), retry_after=40, after=2, mode=FULL),
    given_up(
        "429 for thirty days",
        on("rate_limited", retry_after=30 * DAY),
        words="limiting requests. .*before 06 March 2026.*longer than a sync waits. Earlier data stays.*next",
        failure=Kind.RATE_LIMITED,
        max_requests=1,
    ),
    given_up(
        "429 with a number of thirty digits",
        on("rate_limited", retry_after="9" * 30),
        words="longer than a sync waits",
        failure=Kind.RATE_LIMITED,
        max_requests=1,
    ),
    given_up(
        "429 again and again for a day",
        on("rate_limited", retry_after=7200),
        words="limiting requests. This run gave up after 2[34] h. Earlier data stays. The next",
        failure=Kind.RATE_LIMITED,
        is_patient=True,
    ),
    harmless("429 three times, then well", on("rate_limited", retry_after=2, times=3), is_patient=True),
]

OUTAGES = [
    unreachable("500 once", on("server_error", times=1), words=GONE),
    unreachable("500 in the middle of the list", on("server_error", after=2, times=1), words=GONE, mode=FULL),
    unreachable("502 with a web page", on("server_error", status=502, html=True), words=GONE),
    unreachable("503 with Retry-After", answer({}, status=503, headers={"Retry-After": "60"}), waits=(60, 60)),
    harmless("500 four times, then well", on("server_error", times=4), is_patient=True),
    given_up(
        "503 for longer than patience",
        on("server_error", status=503),
        words="gave up after 1[0-5] min",
        failure=Kind.UNREACHABLE,
        is_patient=True,
    ),
    given_up(
        "503 that asks for a day",
        answer({}, status=503, headers={"Retry-After": str(DAY)}),
        words="longer than a sync waits",
        failure=Kind.UNREACHABLE,
        max_requests=1,
    ),
    unreachable("a hang", on("hang"), words="did not answer in time", deadline=0.4),
    unreachable("a slow drip", on("slow", seconds=30), words="did not answer in time", deadline=0.4),
    unreachable("the connection is reset before an answer", on("lost_answer"), words="can't be reached"),
    unreachable("a reset inside a body", on("reset"), words="broke off"),
    unreachable("a reset inside a later body", on("reset", after=2, times=1), words="broke off", mode=FULL),
    unreachable("a body shorter than its length", on("truncate"), words="broke off"),
    unreachable("a chunked body cut off", on("truncate"), on("chunked"), words="broke off"),
    unreachable("a chunked body reset", on("reset"), on("chunked"), words="broke off"),
    unreachable("150 headers", answer({}, headers={f"X-{n}": "1" for n in range(150)}), words="can't be reached"),
    unreachable("a body that is not the gzip it says", on("wrong_encoding"), words="can't be unpacked"),
]

BODIES = [
    broken("a body without a length cut off", on("truncate"), on("no_length"), words="not complete JSON"),
    broken("half a JSON with the right length", on("bad_json"), words="not complete JSON"),
    broken("half a JSON on a later page", on("bad_json", after=2), words="not complete JSON", mode=FULL),
    broken("a web page with 200", on("html"), words="a web page"),
    broken("an encoding nobody knows", on("wrong_encoding", encoding="br"), answer("\x1b\x03"), words="JSON"),
    broken("an empty body", answer(""), words="JSON"),
    broken("204", answer("", status=204), words="JSON"),
    broken("a body over the limit", on("big", megabytes=65), words="more than 64 MB"),
    broken("a chunked body over the limit", on("big", megabytes=65), on("chunked"), words="more than 64 MB"),
    broken("a small body that unpacks beyond the limit", on("bomb", megabytes=65), words="more than 64 MB"),
    harmless("a chunked body", on("chunked")),
    harmless("a body without a length", on("no_length")),
    harmless("a large body within the limit", on("big", megabytes=3)),
    broken("null", answer(None), words=UNDOCUMENTED_FORM),
    broken("a list and no object", answer([]), words=UNDOCUMENTED_FORM),
    broken("data is missing", answer({"next_token": None}), words=UNDOCUMENTED_FORM),
    broken("data is null", answer(EMPTY | {"data": None}), words=UNDOCUMENTED_FORM),
    broken("data is an object", answer(EMPTY | {"data": {"0": {}}}), words=UNDOCUMENTED_FORM),
    broken("data is a text", answer(EMPTY | {"data": "none"}), words=UNDOCUMENTED_FORM),
    broken("data nested 100,000 deep", answer(f'{{"data": {DEEP}}}'), words=UNDOCUMENTED_FORM),
    broken("a whole body nested 100,000 deep", answer(DEEP), words=UNDOCUMENTED_FORM),
    broken("a body that opens 100,000 lists and ends", answer("[" * 100_000), words="JSON"),
    broken("next_token is a number", answer(EMPTY | {"next_token": 7}), words=UNDOCUMENTED_FORM),
    broken("next_token is empty", answer(EMPTY | {"next_token": ""}), words=UNDOCUMENTED_FORM),
    broken("next_token is a list", answer(EMPTY | {"next_token": ["a"]}), words=UNDOCUMENTED_FORM),
    broken("next_token is missing", answer({"data": []}), words=UNDOCUMENTED_FORM),
    broken("next_token holds a NUL", answer(EMPTY | {"next_token": "a\0b"}), words=UNDOCUMENTED_FORM),
]

REDIRECTS = [
    broken(
        f"{status} to {where}",
        on("redirect", status=status, location=location),
        words="another address.*not follow",
        max_requests=1,
    )
    for where, location, statuses in (
        ("another host", "http://127.0.0.2:9/elsewhere", (301, 302, 303, 307, 308)),
        ("a metadata address", "http://169.254.169.254/latest/meta-data/", (302, 307)),
        ("itself", "/wms/orders?limit=1", (302, 308)),
    )
    for status in statuses
]

PAGING = [
    broken(
        "the same page token again and again",
        on("repeat_token"),
        words="same page marker twice.*never end.*Earlier data stays",
        mode=FULL,
    ),
    broken("a short list that never ends", on("endless"), words=ENDLESS, mode=FULL),
    broken(
        "a long list that never ends", on("endless"), words=ENDLESS, mode=FULL, entity=Entity.PRODUCTS, max_requests=130
    ),
    broken(
        "a list that never ends, a bad record on each page",
        on("endless"),
        on("record", path="/wms/", set={"line_items": 1}),
        words=ENDLESS,
        mode=FULL,
        rejected=None,
    ),
    broken("changes that never end", on("endless"), words=ENDLESS),
    broken("empty pages for ever", on("empty_page"), words=ENDLESS, max_requests=10),
    harmless("three empty pages in the middle", on("empty_page", after=1, times=3), mode=FULL),
    harmless("rows that come again on the next page", on("duplicate_rows", count=3), mode=FULL),
    harmless("changes that come twice", on("duplicate_rows", count=2)),
    harmless("rows in any order", on("shuffle_rows"), mode=FULL),
    harmless("a row left out of one page of a whole list", on("missing_rows", after=1, times=1), mode=FULL),
    harmless("a changed row left out", on("missing_rows", times=1), hidden=True, recovery=Recovery.FULL),
    harmless("a row left out wherever it is asked for", on("missing_rows"), mode=FULL, hidden=True),
    Row(
        "most rows left out",
        (on("missing_rows", count=8),),
        State.NEEDS_REVIEW,
        "nothing was removed.*review the list",
        mode=FULL,
    ),
    Row("an empty list", (answer(EMPTY),), State.PARTIAL, "list was empty.*Nothing was removed", mode=FULL),
    Row(
        "an empty list of what is always read whole",
        (on("first_sync"),),
        State.PARTIAL,
        "list was empty.*Nothing was removed",
        entity=Entity.CUSTOMERS,
    ),
    harmless("a total that is too small", on("lie_total", total=1), mode=FULL),
    harmless("a total that is too large", on("lie_total", total=10**9), mode=FULL),
    harmless("a page token that dies once", answer({}, status=422, after=1, times=1), mode=FULL),
    broken(
        "a page token that dies each time",
        *(
            answer({}, status=status, after=after, times=1)
            for after, status in ((1, 400), (3, 404), (5, 410), (7, 422))
        ),
        words="no longer accepts the page token.*tries again",
        mode=FULL,
    ),
]

RECORDS = [
    bad_record("a wrong type", set={"line_items": "none"}),
    bad_record("a wrong type deep inside", set={"line_items": [{"sku": "A", "quantity": {"of": 1}}]}),
    bad_record("a page of wrong types", PAGE_SIZE, index="all", set={"ship_to_address": 7}),
    bad_record("a number in place of a record", replace="7"),
    bad_record("null in place of a record", replace="null"),
    broken("one record's JSON broken", record(replace='{"id": "o1", '), words="not complete JSON"),
    bad_record("a number beyond 64 bits", raw={"total_price": str(2**70)}),
    bad_record("10^400", raw={"total_price": "1e400"}),
    bad_record("a number of 5,000 digits", raw={"total_price": "9" * 5000}),
    bad_record("10^-999999999", raw={"total_price": "1e-999999999"}),
    bad_record("an exponent beyond any decimal", raw={"total_price": "1e99999999999999999999"}),
    bad_record("NaN", raw={"total_price": "NaN"}),
    bad_record("Infinity", raw={"total_tax": "-Infinity"}),
    bad_record("100,000 levels in one record", raw={"additional_fields": f'{{"deep": {DEEP}}}'}),
    harmless("100,000 levels in a field nobody reads", record(raw={"brand_new": DEEP})),
    bad_record("a date that is none", set={"created_date": "yesterday"}),
    bad_record("no id", drop=["id"]),
    bad_record("no ids on a whole page", PAGE_SIZE, index="all", drop=["id"]),
    bad_record("an empty id", set={"id": ""}),
    bad_record("a null id", set={"id": None}),
    bad_record("an object for an id", set={"id": {"is": 1}}),
    bad_record("an id of 600 characters", set={"id": "x" * 600}),
    bad_record("an id that is no text", raw={"id": '"a\\u0000b"'}),
    bad_record("an id of half a character", raw={"id": '"a\\ud800"'}),
    odd_record(
        "5,000 digits in an unnamed field",
        {"extra": {"n": "9" * 5000}},
        raw={"additional_fields": f'{{"n": {"9" * 5000}}}'},
    ),
    odd_record("a price as text", {"total_price": "12.5"}, set={"total_price": "12.50"}),
    odd_record("a NUL", {"raw_status": "a\ufffdb"}, set={"raw_status": "a\0b"}),
    odd_record("half a surrogate", {"raw_status": "a\ufffdb"}, raw={"raw_status": '"a\\ud800b"'}),
    odd_record("bytes that are not UTF-8", {"raw_status": "a\ufffd\ufffd\ufffdb"}, raw={"raw_status": '"a\ud800b"'}),
    odd_record(
        "a NUL in a key", {"extra": {"\ufffdk": "v\ufffd"}}, raw={"additional_fields": '{"\\u0000k": "v\\udfff"}'}
    ),
    odd_record("a text of 5 MB", {"raw_status": LONG}, set={"raw_status": LONG}),
    odd_record("an order number of 5 MB", {"order_number": LONG}, set={"order_number": LONG}),
    odd_record("a key of 5 MB", {"extra": {LONG: 1}}, set={"additional_fields": {LONG: 1}}),
    odd_record("a SKU of 5 MB", {"sku": LONG}, set={"sku": LONG}, entity=Entity.INVENTORY),
    odd_record(
        "a warehouse's id of 5 MB",
        {"name": "odd"},
        set={"name": "odd", "inventory_by_warehouse_id": {LONG: {"onhand": 1}}},
        entity=Entity.INVENTORY,
    ),
    odd_record(
        "a line's SKU of 5 MB", {"reference_id": "ref"}, set={"reference_id": "ref", "line_items": [{"sku": LONG}]}
    ),
    odd_record("an unknown state", {"status": "teleported"}, set={"status": "teleported"}),
    odd_record("negative stock", {"onhand": "-5"}, set={"onhand": -5}, entity=Entity.INVENTORY),
    odd_record("a null list", {"line_items": None}, set={"line_items": None}),
    harmless("unknown fields", record(index="all", set={"brand_new": {"a": [1, None]}, "newer": 1.5})),
    harmless("a missing list", record(drop=["line_items"])),
    harmless("ids that differ in case alone", adds=({"id": "Case-1"}, {"id": "case-1"})),
    harmless("7 and “7”", record(index=-1, raw={"id": "7"}), adds=({"id": "7"},)),
    harmless("an id beyond 64 bits", record(index=-1, raw={"id": str(2**70)}), adds=({"id": str(2**70)},)),
]

REFUSALS = [
    refused("401 at the start", on("unauthorized"), max_requests=1),
    refused("401 in the middle of the list", on("unauthorized", after=2), max_requests=3, mode=FULL),
    refused("the API key was changed", on("rotate", api_key="another")),
    Row("403", (on("forbidden"),), State.FAILED, "may not read this type of data.*Ask the WMS", Kind.FORBIDDEN),
    Row(
        "403 in the middle of the list",
        (on("forbidden", after=2),),
        State.FAILED,
        "may not read this type of data",
        Kind.FORBIDDEN,
        mode=FULL,
    ),
    Row(
        "501",
        (on("not_implemented"),),
        State.FAILED,
        "does not offer this type of data.*stops requesting.*switch it on",
        Kind.NOT_OFFERED,
        Recovery.SWITCH_ON,
    ),
    broken(
        "404 on a list", answer({"error": "No such endpoint"}, status=404), words="not understand.*“No such endpoint”"
    ),
    broken("422", answer({"error": "Validation error"}, status=422), words="not understand.*“Validation error”"),
    broken("422 that repeats the API key", answer({"error": f"bad {API_KEY}"}, status=422), words="not understand"),
    unreachable("500 that repeats the API key", answer({"error": f"bad {API_KEY}"}, status=500), words=GONE),
    broken("a page that repeats the API key", answer(f"<b>{API_KEY}</b>"), words="a web page"),
    broken("JSON that repeats the API key", answer(json.dumps({"data": API_KEY})), words=UNDOCUMENTED_FORM),
    broken(
        "a redirect that repeats the API key", on("redirect", location=f"http://10.0.0.1/{API_KEY}"), words="address"
    ),
    harmless("422 that knows no trackstar_updated_date", on("no_trackstar_dates")),
]

CLOCKS = [
    harmless("no Date header", on("no_date")),
    harmless("no Date header on a whole list", on("no_date"), mode=FULL),
    harmless("the WMS's clock ten minutes ahead", on("clock", seconds=600), early=True),
    harmless("the WMS's clock ten minutes behind", on("clock", seconds=-600), early=True),
    harmless("a clock ten minutes ahead, on a whole list", on("clock", seconds=600), early=True, mode=FULL),
    odd_record(
        "a stamp in 2999",
        {"updated_at": "2999-01-01T00:00:00Z"},
        set={"updated_date": "2999-01-01T00:00:00Z"},
    ),
    Row(
        "stamps in 2999 and no Date header",
        (
            record(set={"updated_date": "2999-01-01T00:00:00Z", "trackstar_updated_date": "2999-01-01T00:00:00Z"}),
            on("no_date"),
        ),
        stored={"updated_at": "2999-01-01T00:00:00Z"},
        recovery=Recovery.FULL,
    ),
]

ROWS = [*LIMITS, *OUTAGES, *BODIES, *REDIRECTS, *PAGING, *RECORDS, *REFUSALS, *CLOCKS]
