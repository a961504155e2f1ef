"""Switches that make the sandbox misbehave. A fault has a name, a target and a count.

Four kinds: those that answer instead of the API (REFUSALS), those that reshape a listing or a record (RESHAPES),
those that damage the bytes in transit (TRAVEL, carried out by the server), and states of the whole WMS (STATES).
"""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .filters import start_of, token_after
from .http_types import SandboxAnswer, SandboxRequest
from .store import Record, encode

_HTML = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"


@dataclass
class Fault:
    """An active switch."""

    name: str
    path: str = "/"
    method: str | None = None
    account: str | None = None
    times: int | None = None
    after: int = 0
    params: Record = field(default_factory=dict)
    struck: int = 0

    def strikes(self, request: SandboxRequest) -> bool:
        """Return whether the fault affects this request, and count it."""
        if not request.path.startswith(self.path) or self.method not in (None, request.method):
            return False
        if self.account not in (None, request.account) or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.struck += 1
        return True

    def number(self, name: str, default: float) -> float:
        """Return a parameter as a number."""
        return float(self.params.get(name, default))


def _error(status: int, error: str, **headers: str) -> SandboxAnswer:
    value: Record = {"error": error} if status == 501 else {"error": error, "origin": "trackstar"}
    return SandboxAnswer(status, value, headers=headers)


def _unauthorized(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    return _error(401, "Invalid API key or access token")


def _forbidden(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    return _error(403, f"{function_of(request)} is disabled for this connection")


def _not_implemented(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    return _error(501, f"Endpoint {function_of(request)} is not implemented for ShipHero")


def _rate_limited(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    wait = fault.params.get("retry_after", 1)
    return _error(429, "Rate limit exceeded", **({} if wait is None else {"Retry-After": str(wait)}))


def _server_error(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    status = int(fault.number("status", 500))
    if fault.params.get("html"):
        return SandboxAnswer(status, content=_HTML, content_type="text/html; charset=utf-8")
    return _error(status, "Internal server error")


def _html(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    return SandboxAnswer(200, content=_HTML, content_type="text/html; charset=utf-8")


def _redirect(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    location = str(fault.params.get("location", "http://127.0.0.2:9/elsewhere"))
    return SandboxAnswer(int(fault.number("status", 302)), {}, headers={"Location": location})


def _answer(fault: Fault, request: SandboxRequest) -> SandboxAnswer:
    """Return the test's answer: `body` as text or `value` as JSON, with `status`, `headers`, `content_type`."""
    text = fault.params.get("body")
    content = encode(fault.params.get("value")) if text is None else str(text).encode("utf-8", "surrogatepass")
    headers = {str(name): str(value) for name, value in fault.params.get("headers", {}).items()}
    content_type = str(fault.params.get("content_type", "application/json"))
    return SandboxAnswer(int(fault.number("status", 200)), headers=headers, content=content, content_type=content_type)


REFUSALS: dict[str, Callable[[Fault, SandboxRequest], SandboxAnswer]] = {
    "unauthorized": _unauthorized,
    "forbidden": _forbidden,
    "not_implemented": _not_implemented,
    "rate_limited": _rate_limited,
    "server_error": _server_error,
    "html": _html,
    "redirect": _redirect,
    "answer": _answer,
}

_SPECIAL = {
    "billing": "bills",
    "locations": "warehouse_locations",
    "channels": "order_channels",
    "suppliers": "suppliers",
    "ledger": "inventory_ledger",
}


def function_of(request: SandboxRequest) -> str:
    """Return Trackstar's name for the request's function, such as get_orders or create_order."""
    verb = {"GET": "get", "POST": "create", "DELETE": "delete"}.get(request.method, "update")
    parts = [part for place, part in enumerate(request.parts) if place and place % 2] or ["connections"]
    last = request.parts[-1]
    name = _SPECIAL.get(last) or _SPECIAL.get(parts[0]) or parts[0].replace("-", "_")
    if verb != "get":
        name = name.removesuffix("s")
    return f"{'cancel' if last == 'cancel' else verb}_{name}"


def _same_token(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    answer.next_token = request.parameter("page_token") or answer.next_token


def _endless(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    """Return the first page after the last one; no token repeats."""
    answer.next_token = token_after(answer.numbers[-1] if answer.next_token else 0, lap=fault.struck)


def _empty_page(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    """Return no items, but a token for the place where the page would have started."""
    answer.rows, answer.numbers = [], []
    answer.next_token = token_after(start_of(request), lap=fault.struck)


def _duplicate_rows(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    """Repeat the last rows of the page: on the next page, or on this one if it is the last."""
    count, rows = int(fault.number("count", 1)), answer.rows or []
    if answer.next_token and len(rows) > count:
        answer.next_token = token_after(answer.numbers[-1 - count], lap=fault.struck)
    else:
        answer.rows = rows + rows[-count:]


def _missing_rows(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    answer.rows = (answer.rows or [])[: -int(fault.number("count", 1))]


def _shuffle_rows(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    random.Random(fault.struck).shuffle(answer.rows or [])


def _lie_total(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    answer.total_count = int(fault.number("total", len(answer.rows or ()) * 10 + 7))


def _first_sync(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    """Return empty listings until a connection's first sync at Trackstar has ended."""
    answer.rows, answer.numbers, answer.next_token = [], [], None


LIST_RESHAPES: dict[str, Callable[[Fault, SandboxRequest, SandboxAnswer], None]] = {
    "repeat_token": _same_token,
    "endless": _endless,
    "empty_page": _empty_page,
    "duplicate_rows": _duplicate_rows,
    "missing_rows": _missing_rows,
    "shuffle_rows": _shuffle_rows,
    "lie_total": _lie_total,
    "first_sync": _first_sync,
}


def spoil(text: bytes, params: Record) -> bytes:
    """Return a record's JSON with fields set, removed, or replaced by raw text (NaN, huge numbers, deep nesting)."""
    if "replace" in params:
        return str(params["replace"]).encode("utf-8", "surrogatepass")
    record = json.loads(text)
    raw: dict[str, str] = params.get("raw") or {}
    for name in (*params.get("drop", ()), *raw):
        record.pop(name, None)
    record |= params.get("set", {})
    fields = [encode(name) + b":" + encode(value) for name, value in record.items()]
    fields += [encode(name) + b":" + value.encode("utf-8", "surrogatepass") for name, value in raw.items()]
    return b"{" + b",".join(fields) + b"}"


def _each(answer: SandboxAnswer, place: int | None, change: Callable[[bytes], bytes]) -> None:
    """Change one record of a page by position, or all, or the single record of an answer."""
    if answer.one is not None:
        answer.one = change(answer.one)
    elif answer.rows:
        chosen = range(len(answer.rows)) if place is None else (place,)
        for index in chosen:
            if -len(answer.rows) <= index < len(answer.rows):
                answer.rows[index] = change(answer.rows[index])


def _record(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    wanted = fault.params.get("index", 0)
    _each(answer, None if wanted == "all" else int(wanted), lambda text: spoil(text, fault.params))


def _no_trackstar_dates(fault: Fault, request: SandboxRequest, answer: SandboxAnswer) -> None:
    dates = {"drop": ("trackstar_created_date", "trackstar_updated_date")}
    _each(answer, None, lambda text: spoil(text, dates))


RECORD_RESHAPES: dict[str, Callable[[Fault, SandboxRequest, SandboxAnswer], None]] = {
    "record": _record,
    "no_trackstar_dates": _no_trackstar_dates,
}
TRAVEL = [
    "truncate",
    "bad_json",
    "reset",
    "lost_answer",
    "hang",
    "slow",
    "latency",
    "wrong_encoding",
    "no_date",
    "chunked",
    "no_length",
    "big",
    "bomb",
]  # carried out by the server
STATES = ["clock", "no_limit", "rotate", "connection_errors"]
# Carried out when the fault strikes, before the request is answered.
EVENTS = ("change",)
NAMES = (*REFUSALS, *LIST_RESHAPES, *RECORD_RESHAPES, *TRAVEL, *STATES, *EVENTS, "late")


class Faults:
    """The active switches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []
        self.cleared = threading.Event()

    def set(self, fault: Fault) -> None:
        """Switch a fault on."""
        with self._lock:
            self._on.append(fault)
            self.cleared = threading.Event()

    def clear(self, name: str | None = None) -> None:
        """Switch faults off, all or those with a name. Ends hangs that are in progress."""
        with self._lock:
            self._on = [fault for fault in self._on if name and fault.name != name]
            self.cleared.set()
            self.cleared = threading.Event()

    def strike(self, request: SandboxRequest) -> list[Fault]:
        """Return the faults that affect this request."""
        with self._lock:
            return [fault for fault in self._on if fault.name not in STATES and fault.strikes(request)]

    def state(self, name: str, account: str | None = None) -> Fault | None:
        """Return the newest switch of a state for this account."""
        with self._lock:
            found = [f for f in self._on if f.name == name and f.account in (None, account)]
        return found[-1] if found else None

    def listed(self) -> list[Record]:
        """Return the active faults for display."""
        with self._lock:
            return [_told(fault) for fault in self._on]


def _told(fault: Fault) -> Record:
    told: Record = {"fault": fault.name, "path": fault.path, "method": fault.method, "account": fault.account}
    return told | {"times": fault.times, "after": fault.after, "struck": fault.struck} | fault.params


def reshape(faults: list[Fault], request: SandboxRequest, answer: SandboxAnswer) -> None:
    """Let faults change a listing or a record before it is sent."""
    for fault in faults:
        if answer.rows is not None and fault.name in LIST_RESHAPES:
            LIST_RESHAPES[fault.name](fault, request, answer)
        if fault.name in RECORD_RESHAPES:
            RECORD_RESHAPES[fault.name](fault, request, answer)


def fault_from(body: dict[str, Any]) -> Fault:
    """Return the fault that was posted. Raises ValueError with what is wrong with it."""
    name = body.get("fault")
    if name not in NAMES:
        raise ValueError(f"Unknown fault {name!r}; known are: {', '.join(sorted(NAMES))}")
    own = {key: body[key] for key in ("path", "method", "account", "times", "after") if body.get(key) is not None}
    if not all(isinstance(own.get(key, 0), int) for key in ("times", "after")):
        raise ValueError("times and after are whole numbers")
    params = {key: value for key, value in body.items() if key not in ("fault", *own)}
    if isinstance(params.get("raw"), str):
        params["raw"] = _fields_of(params["raw"])
    return Fault(name, params=params, **own)


def _fields_of(text: str) -> dict[str, str]:
    """Return an object's JSON text by field. Unreadable text is returned as an object of texts."""
    try:
        value = json.loads(text, parse_int=_Literal, parse_float=_Literal)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"raw is not an object's JSON text ({error}); give it as an object of field: text") from error
    if not isinstance(value, dict):
        raise ValueError("raw is the JSON text of an object")
    plain = json.loads(text)
    return {name: str(one) if isinstance(one, _Literal) else json.dumps(plain[name]) for name, one in value.items()}


class _Literal(str):
    """A number kept as written, so that huge ones stay unchanged."""

    __slots__ = ()
