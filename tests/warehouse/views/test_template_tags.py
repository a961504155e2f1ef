"""The tags and filters of the warehouse's templates format what views prepare; they run no query."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.template.base import FilterExpression
from django.template.library import InclusionNode, SimpleNode
from django.test import Client

from packr.warehouse.models import Mirrored
from tests.kit import factories as make

TAGS = "packr.warehouse.templatetags."


class QueryInTag(AssertionError):
    """A query that a tag or filter ran."""


def _without_queries(run: Callable[[], Any], name: str) -> Any:
    def refuse(execute: Any, sql: str, *args: Any) -> None:
        raise QueryInTag(f"{name} runs a query: {sql[:200]}")

    with database.execute_wrapper(refuse):
        return run()


@pytest.fixture
def used_tags(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Refuse queries in the tags and filters of the warehouse, and collect the names of those that ran."""
    used: set[str] = set()

    def guard(node: type[Any], method: str, functions: Callable[[Any], list[Any]]) -> None:
        original = getattr(node, method)

        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            names = [one.__name__ for one in functions(self) if one.__module__.startswith(TAGS)]
            if not names:
                return original(self, *args, **kwargs)
            used.update(names)
            return _without_queries(lambda: original(self, *args, **kwargs), ", ".join(names))

        monkeypatch.setattr(node, method, guarded)

    guard(SimpleNode, "render", lambda node: [node.func])
    guard(InclusionNode, "render", lambda node: [node.func])
    guard(FilterExpression, "resolve", lambda expression: [one for one, _ in expression.filters])
    return used


def test_tags_of_lists_and_records_run_no_query(admin: Client, connection: Any, used_tags: set[str]) -> None:
    warehouse = make.warehouse(connection, "w1", "Allentown")
    item = make.inventory(connection, "MUG", levels={"w1": 5, "w2": 1})
    make.override(item)
    order = make.order(connection, warehouse_id="w1", lines=(("MUG", 3, "2"),))
    make.order_shipment(order)
    records: list[tuple[str, Mirrored]] = [
        ("orders", order),
        ("inventory", item),
        ("products", make.product(connection, "MUG")),
        ("inbound-shipments", make.inbound_shipment(connection)),
    ]
    assert warehouse.name == "Allentown"
    paths = ["/order-shipments/", "/warehouses/", "/overrides/", "/actions/", f"/orders/{order.pk}/check/"]
    for list_path, record in records:
        paths += [f"/{list_path}/", f"/{list_path}/{record.pk}/", f"/{list_path}/{record.pk}/history/"]
    for path in paths:
        assert admin.get(path).status_code == 200, path
    assert {"cell", "mark", "record_status", "worded", "rail", "override_state", "stock_verdict"} <= used_tags
