"""The Trackstar API over the sandbox: access, rate limits, and the answer to each path."""

import re
import threading

from . import connections
from .account import SandboxAccount
from .actions import ROUTES, existing, perform
from .entities import TAGGABLE, entity_named
from .faults import Fault, Faults, function_of
from .filters import page
from .http_types import SandboxAnswer, SandboxRequest, body_object, invalid, refusal
from .store import StoredRecord
from .world import SandboxWorld

API_KEY = "sandbox"
_TOKEN = re.compile(r"sandbox-([1-9]\d{0,5})")
READS_PER_SECOND, WRITES_PER_SECOND = 10, 50
# Path below /wms/ to entity; warehouse locations have their own rule.
LISTS = {
    ("orders",): "orders",
    ("orders", "channels"): "channels",
    ("inventory",): "inventory",
    ("inbound-shipments",): "inbound-shipments",
    ("inbound-shipments", "suppliers"): "suppliers",
    ("products",): "products",
    ("warehouse-customers",): "warehouse-customers",
    ("returns",): "returns",
    ("warehouses",): "warehouses",
    ("shipping-methods",): "shipping-methods",
    ("billing",): "billing",
}
# Known at Trackstar, but not offered by this WMS.
NOT_OFFERED = {
    ("inventory", "ledger"),
    ("labor-activities",),
    ("labor-activities", "*"),
    ("orders", "*", "packs"),
    ("orders", "*", "file"),
    ("kits",),
    ("kits", "*"),
    ("returns", "*", "cancel"),
}


class Limits:
    """Requests per access token in the current second: 10 reads, 50 writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, bool], tuple[int, int]] = {}

    def take(self, token: str, method: str, now: float) -> tuple[dict[str, str], bool]:
        """Return the rate-limit headers for this request, and whether it is within the limit."""
        reading, second = method == "GET", int(now)
        limit = READS_PER_SECOND if reading else WRITES_PER_SECOND
        with self._lock:
            then, count = self._seen.get((token, reading), (second, 0))
            count = count + 1 if then == second else 1
            self._seen[token, reading] = (second, count)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - count)),
            "X-RateLimit-Reset": str(second + 1),
        }
        return headers, count <= limit


class Api:
    """Answers requests under the active faults."""

    def __init__(self, world: SandboxWorld, faults: Faults, *, limit: bool = True) -> None:
        self.world, self.faults, self.limit = world, faults, limit
        self._limits = Limits()

    def number_of(self, request: SandboxRequest) -> int | None:
        """Return the account number of a well-formed access token."""
        match = _TOKEN.fullmatch(request.headers.get("x-trackstar-access-token", ""))
        return int(match[1]) if match else None

    def answer(self, request: SandboxRequest, struck: list[Fault]) -> SandboxAnswer:
        """Return the answer to a request. Raises RequestRejected for what is not allowed."""
        rotated = self.faults.state("rotate")
        if request.headers.get("x-trackstar-api-key") != (rotated.params.get("api_key") if rotated else API_KEY):
            raise refusal(401, "Invalid API key")
        known = self._by_key_only(request)
        if known is not None:
            return known
        number = self.number_of(request)
        if number is None:
            raise refusal(401, "Invalid access token")
        headers = self._within_limit(f"sandbox-{number}", request)
        account = self.world.account(number)
        account.calls += 1
        answer = self._by_token(account, request, {fault.name for fault in struck})
        answer.headers |= headers
        return answer

    def _within_limit(self, token: str, request: SandboxRequest) -> dict[str, str]:
        headers, within = self._limits.take(token, request.method, self.world.clock())
        if within or not self.limit or self.faults.state("no_limit", request.account):
            return headers
        refused = refusal(429, "Rate limit exceeded")
        refused.answer.headers = headers | {"Retry-After": "1"}
        raise refused

    def _by_key_only(self, request: SandboxRequest) -> SandboxAnswer | None:
        parts, reading = request.parts, request.method == "GET"
        if reading and parts == ["connections"]:
            listed = [self._connection(account) for account in self.world.touched() or [self.world.account(1)]]
            return SandboxAnswer(value={"data": listed, "next_token": None, "total_count": len(listed)})
        if reading and len(parts) == 2 and parts[0] == "connections":
            return SandboxAnswer(value={"data": self._connection(connections.find(self.world, parts[1]))})
        if reading and parts in (["integrations", "wms"], ["integrations", "wms", "shiphero"]):
            one = connections.integration()
            return SandboxAnswer(value={"data": [one] if len(parts) == 2 else one})
        return None

    def _connection(self, account: SandboxAccount) -> dict[str, object]:
        errors = self.faults.state("connection_errors", account.name)
        ready = not any(fault["fault"] == "first_sync" for fault in self.faults.listed())
        return connections.describe(account, ready=ready, errors=errors.params.get("errors", []) if errors else None)

    def _by_token(self, account: SandboxAccount, request: SandboxRequest, faults: set[str]) -> SandboxAnswer:
        parts, method = request.parts, request.method
        if (method, parts) == ("PATCH", ["connections"]):
            return connections.change(account, request)
        if (method, parts) == ("POST", ["connections", "sync"]):
            return connections.sync(account, request)
        if (method, parts) == ("POST", ["wms", "passthrough"]):
            with account.lock:
                return connections.passthrough(account, request)
        if parts[0] != "wms" or len(parts) < 2:
            raise refusal(404, f"No such endpoint: {request.path}", id=parts[-1])
        rest = parts[1:]
        if method == "GET":
            return self._read(account, request, rest, "no_trackstar_dates" in faults)
        return self._write(account, request, rest)

    def _read(self, account: SandboxAccount, request: SandboxRequest, rest: list[str], undated: bool) -> SandboxAnswer:
        if _starred(rest) in NOT_OFFERED or tuple(rest) in NOT_OFFERED:
            raise refusal(501, f"Endpoint {function_of(request)} is not implemented for ShipHero", origin=None)
        without = ("trackstar_created_date", "trackstar_updated_date") if undated else ()
        entity = LISTS.get(tuple(rest))
        with account.lock:
            if entity is not None:
                return page(account.tables[entity], entity, request, [], without)
            if len(rest) >= 3 and rest[0] == "warehouses" and rest[2] == "locations":
                return _locations(account, request, rest, without)
            if len(rest) == 2 and rest[0] in LISTS.values():
                return _single(account, rest[0], rest[1])
        raise refusal(404, f"No such endpoint: {request.path}", id=rest[-1])

    def _write(self, account: SandboxAccount, request: SandboxRequest, rest: list[str]) -> SandboxAnswer:
        route = (request.method, *_starred(rest))
        if len(rest) == 3 and rest[2] == "trackstar-tags" and request.method == "PUT":
            return _tag(account, request, rest)
        if route not in ROUTES:
            raise refusal(501, f"Endpoint {function_of(request)} is not implemented for ShipHero", origin=None)
        return perform(account, request, route, rest[1:2])


def _starred(rest: list[str]) -> tuple[str, ...]:
    return tuple("*" if place == 1 else part for place, part in enumerate(rest))


def _single(account: SandboxAccount, entity: str, identity: str) -> SandboxAnswer:
    row = account.tables[entity].row(identity)
    if row is None:
        raise refusal(404, f"{entity} not found", id=identity)
    return SandboxAnswer(one=row.body)


def _locations(
    account: SandboxAccount, request: SandboxRequest, rest: list[str], without: tuple[str, ...]
) -> SandboxAnswer:
    existing(account, "warehouses", rest[1])
    table = account.tables["locations"]
    place = list(table.fields).index("warehouse_id")

    def inside(row: StoredRecord) -> bool:
        return row.keys[place] == rest[1]

    if len(rest) == 3:
        return page(table, "locations", request, [inside], without)
    found = table.row(rest[3]) if len(rest) == 4 else None
    if found is None or not inside(found):
        raise refusal(404, "locations not found", id=rest[-1])
    return SandboxAnswer(one=found.body)


def _tag(account: SandboxAccount, request: SandboxRequest, rest: list[str]) -> SandboxAnswer:
    """Replace the tag list (PUT …/trackstar-tags), which never reaches the WMS, so updated_date stays."""
    entity, tags = entity_named(rest[0]), body_object(request).get("trackstar_tags")
    if entity not in TAGGABLE:
        raise refusal(404, f"No such endpoint: {request.path}", id=rest[0])
    if not isinstance(tags, list):
        raise invalid("json", {"trackstar_tags": ["Not a valid list."]})
    with account.lock:
        record = existing(account, entity, rest[1])
        before = record["updated_date"]
        record["trackstar_tags"] = tags
        account.save(entity, record)
        record["updated_date"] = before
        account.put(entity, record)
    return SandboxAnswer(value={"data": record, "id": record["id"], "unused_fields": []})
