"""/_control: exact changes, faults and the request log, for tests and demonstrations. Needs no credentials."""

import re
import threading
from collections import deque
from typing import Any

from .account import SandboxAccount
from .entities import DATES, blank, entity_named
from .faults import Fault, Faults, fault_from
from .http_types import SandboxAnswer, SandboxRequest, body_object, refusal
from .simulation import tick
from .store import Record, iso
from .world import SandboxWorld

LOG_SIZE = 100_000


class Log:
    """The latest hundred thousand requests, as proof of what was fetched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Record] = deque(maxlen=LOG_SIZE)
        self._last = 0

    def begin(self, request: SandboxRequest, now: float) -> Record:
        """Record a request that has arrived; its outcome is filled in later."""
        with self._lock:
            self._last += 1
            entry: Record = {
                "number": self._last,
                "time": now,
                "method": request.method,
                "path": request.path,
                "query": request.query_text,
                "account": request.account,
                "page_token": request.parameter("page_token"),
                "status": None,
                "rows": None,
                "faults": [],
            }
            self._entries.append(entry)
            return entry

    def listed(self, after: int = 0, path: str = "/") -> list[Record]:
        """Return the entries after a number whose path has this prefix."""
        with self._lock:
            return [dict(e) for e in self._entries if e["number"] > after and e["path"].startswith(path)]

    def clear(self) -> None:
        """Delete all entries; numbering continues."""
        with self._lock:
            self._entries.clear()


class Control:
    """Answers requests below /_control."""

    def __init__(self, world: SandboxWorld, faults: Faults, log: Log) -> None:
        self.world, self.faults, self.log = world, faults, log

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        """Return the answer; 422 with an error for invalid input."""
        try:
            return SandboxAnswer(value=self._value(request))
        except (ValueError, TypeError) as error:
            raise refusal(422, str(error)) from error

    def _value(self, request: SandboxRequest) -> Any:
        match request.method, request.path:
            case "GET", "/_control/healthz":
                return {"ok": True, "accounts": [account.name for account in self.world.touched()]}
            case "GET", "/_control/requests":
                return self.log.listed(int(request.parameter("after") or 0), request.parameter("path") or "/")
            case "POST", "/_control/requests":
                if body_object(request).get("clear") is True:
                    self.log.clear()
                    return {"ok": True}
                raise ValueError('Only {"clear": true} is understood')
            case "GET", "/_control/fault":
                return self.faults.listed()
            case "POST", "/_control/fault":
                return self._fault(body_object(request))
            case "POST", "/_control/change":
                return change(self.world, body_object(request))
        raise refusal(404, f"No such endpoint: {request.path}")

    def _fault(self, body: Record) -> Record:
        if body.get("clear") is True:
            self.faults.clear(body.get("fault"))
            return {"ok": True, "faults": self.faults.listed()}
        fault = fault_from(body)
        if fault.name in ("late", "change"):
            body = late(self.world, fault) if fault.name == "late" else fault.params.get("change", {})
            if "path" not in fault.params and fault.path == "/" and not fault.after:
                return change(self.world, body)
            fault = Fault(
                "change", fault.path, fault.method, fault.account, fault.times or 1, fault.after, {"change": body}
            )
        self.faults.set(fault)
        return {"ok": True, "faults": self.faults.listed()}


def late(world: SandboxWorld, fault: Fault) -> Record:
    """Change a record whose updated_date is `age` seconds ago; with `both`, so is Trackstar's stamp."""
    then = iso(world.clock() - fault.number("age", 3600))
    stamps = {"updated_date": then}
    if fault.params.get("both"):
        stamps["trackstar_updated_date"] = then
    form = "add" if "add" in fault.params else "set"
    change = {name: fault.params[name] for name in ("entity", "id") if name in fault.params}
    return change | {"account": fault.account or "sandbox-1", form: fault.params.get(form, {}) | stamps}


def change(world: SandboxWorld, body: Record) -> Record:
    """Carry out one exact change. Raises ValueError with what is wrong."""
    account = _account(world, body.get("account"))
    with account.lock:
        if "tick" in body:
            for _ in range(int(body["tick"])):
                tick(account)
            return {"ok": True, "record": None}
        entity = entity_named(body.get("clear", body.get("entity")))
        if entity is None:
            raise ValueError(f"Unknown entity {body.get('clear', body.get('entity'))!r}")
        if "clear" in body:
            account.clear(entity)
            return {"ok": True, "record": None}
        if "add" in body:
            return {"ok": True, "record": _add(account, entity, _object(body["add"]), body.get("stamp") == "keep")}
        return _change_one(account, entity, str(body.get("id")), body)


def _change_one(account: SandboxAccount, entity: str, identity: str, body: Record) -> Record:
    record = account.get(entity, identity)
    if record is None:
        raise ValueError(f"{account.name} has no {entity} with id {identity!r}")
    if body.get("remove") is True:
        account.remove(entity, identity)
        return {"ok": True, "record": record}
    if "set" not in body:
        raise ValueError('Give one of "set", "add", "remove", "clear" and "tick"')
    values = _object(body["set"])
    if values.get("id", identity) != identity:
        raise ValueError("An id can't be changed; remove the record and add another")
    account.pin(entity, identity)
    if body.get("stamp") != "keep":
        record["updated_date"] = record["trackstar_updated_date"] = iso(account.clock())
    record |= values
    account.put(entity, record)
    return {"ok": True, "record": record}


def _add(account: SandboxAccount, entity: str, values: Record, keep: bool) -> Record:
    identity = values.get("id") or f"{entity}-added-{account.number_for('added')}"
    if not isinstance(identity, str):
        raise ValueError("An id is a string; the fault `record` can send other types")
    if identity in account.tables[entity]:
        raise ValueError(f"{account.name} already has {entity} with id {identity!r}")
    now = None if keep else iso(account.clock())
    dates: Record = dict.fromkeys(DATES, now)
    record: Record = blank(entity) | dates | {"id": identity}
    if entity == "orders":
        record["reference_id"] = values.get("reference_id", identity)
        record["order_number"] = values.get("order_number", record["reference_id"])
    record |= values
    account.pin(entity, identity)
    account.put(entity, record)
    return record


def _object(value: object) -> Record:
    if not isinstance(value, dict):
        raise ValueError("set and add are objects")
    return value


def _account(world: SandboxWorld, name: object) -> SandboxAccount:
    match = re.fullmatch(r"sandbox-([1-9]\d{0,5})", str(name))
    if match is None:
        raise ValueError(f"Unknown account {name!r}; accounts are called sandbox-1, sandbox-2 and so on")
    return world.account(int(match[1]))
