"""API authentication, scopes, throttling and error responses."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.timezone import now
from rest_framework.throttling import SimpleRateThrottle

from packr.warehouse.mirror.schema import TABLES
from packr.workspaces import tokens
from packr.workspaces.models import Scope, Token
from syncs.models import SyncRun
from tests.kit import factories as make

from .conftest import error, send

Program = Callable[..., Client]


def test_command_prints_a_token_once(people: Any, connection: Any) -> None:
    output = StringIO()
    call_command("token", "dana", stdout=output)
    secret = output.getvalue().strip()
    assert output.getvalue() == f"{secret}\n"
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert [row["name"] for row in send(client, "get", "connections/").json()["results"]] == ["Sandbox"]
    stored = Token.objects.get()
    assert secret not in str(vars(stored))
    assert stored.scopes == ["read", "sync", "manage", "act"]
    assert stored.last_used_at is not None


@pytest.mark.parametrize("arguments", [["nobody"], ["gone"], ["dana", "--scope", "everything"]])
def test_command_rejects_invalid_arguments(people: Any, arguments: list[str]) -> None:
    make.person("gone", is_active=False)
    with pytest.raises(CommandError):
        call_command("token", *arguments)
    assert not Token.objects.exists()


def test_connection_is_listed_without_secrets(program: Program, connection: Any) -> None:
    answer = send(program("member"), "get", "connections/")
    row = answer.json()["results"][0]
    assert (row["id"], row["workspace"], row["wms"], row["status"]) == (
        connection.pk,
        "northbay",
        "trackstar",
        "connected",
    )
    assert "orders" in row["entities"]
    for secret in ("key", connection.sealed_credentials, connection.account_key, "token-Sandbox"):
        assert f'"{secret}"' not in answer.content.decode()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Bearer packr_wrong", "Basic ZGFuYTp4", "Bearer ü"])
def test_missing_or_invalid_credentials_return_401(people: Any, connection: Any, header: str) -> None:
    client = Client(headers={"Authorization": header} if header else None)
    for method, address in (
        ("get", "connections/"),
        ("get", "runs/"),
        ("get", "nonsense/"),
        ("post", f"connections/{connection.pk}/sync/"),
    ):
        answer = send(client, method, address)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert error(answer)["code"] in ("not_authenticated", "authentication_failed")
    assert not SyncRun.objects.exists()


def test_tokens_that_are_revoked_or_of_inactive_people_are_rejected(people: Any) -> None:
    secret = tokens.create(people["admin"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert send(client, "get", "runs/").status_code == 200
    assert tokens.revoke(Token.objects.all()) == 1
    assert tokens.revoke(Token.objects.all()) == 0
    assert "revoked" in error(send(client, "get", "runs/"))["message"]
    other = Client(headers={"Authorization": f"Bearer {tokens.create(people['member'])}"})
    people["member"].is_active = False
    people["member"].save()
    assert send(other, "get", "runs/").status_code == 401


def test_last_use_is_stored_at_most_once_a_minute(people: Any) -> None:
    secret = tokens.create(people["admin"])
    recent = now() - timedelta(seconds=20)
    Token.objects.update(last_used_at=recent)
    assert tokens.find(secret)
    assert Token.objects.get().last_used_at == recent
    Token.objects.update(last_used_at=now() - timedelta(minutes=2))
    assert tokens.find(secret)
    used = Token.objects.get().last_used_at
    assert used
    assert used > recent


def test_scopes_limit_a_token(program: Program, connection: Any) -> None:
    reader, starter, manager, actor = (program("admin", scope) for scope in Scope)
    started = f"connections/{connection.pk}/sync/"
    switched = f"connections/{connection.pk}/schedules/orders/"
    expected = {
        reader: (200, 403, 403),
        starter: (403, 202, 403),
        manager: (403, 403, 200),
        actor: (403, 403, 403),
    }
    for client, codes in expected.items():
        answers = (
            send(client, "get", "runs/"),
            send(client, "post", started, {"entity": "orders"}),
            send(client, "patch", switched, {"enabled": True}),
        )
        assert tuple(answer.status_code for answer in answers) == codes
    assert "lacks the scope “sync”" in error(send(reader, "post", started, {"entity": "orders"}))["message"]


def test_session_needs_a_csrf_token(people: Any, connection: Any) -> None:
    """Another site can't start a sync through a signed-in browser."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["admin"])
    address = f"connections/{connection.pk}/sync/"
    assert send(client, "get", "runs/").status_code == 200
    refused = send(client, "post", address, {"entity": "orders"})
    assert refused.status_code == 403
    assert "CSRF" in error(refused)["message"]
    client.get("/accounts/login/")
    client.get("/settings/integrations/")
    sent = client.post(
        f"/api/v1/{address}",
        {"entity": "orders"},
        content_type="application/json",
        headers={"X-CSRFToken": client.cookies["csrftoken"].value},
    )
    assert sent.status_code == 202


def test_every_error_has_the_documented_format(program: Program, connection: Any) -> None:
    admin = program()
    address = f"/api/v1/connections/{connection.pk}/sync/"
    for answer, status, code in (
        (admin.get("/api/v1/nonsense/"), 404, "not_found"),
        (admin.get("/api/v1/runs/987654/"), 404, "not_found"),
        (admin.get(f"/api/v1/runs/{10**30}/"), 404, "not_found"),
        (admin.get("/api/v1/runs"), 404, "not_found"),
        (admin.get(address), 405, "method_not_allowed"),
        (admin.delete("/api/v1/runs/"), 405, "method_not_allowed"),
        (admin.post(address, {"entity": "orders"}), 415, "unsupported_media_type"),
        (admin.post(address, "{not json", content_type="application/json"), 400, "parse_error"),
        (admin.post(address, b"\xff", content_type="application/json"), 400, "parse_error"),
        (admin.post(address, '{"entity": "\\ud800"}', content_type="application/json"), 400, "parse_error"),
        (admin.post(address, "[" * 60_000, content_type="application/json"), 400, "parse_error"),
        (admin.post(address, '"' + "x" * 70_000 + '"', content_type="application/json"), 400, "parse_error"),
        (admin.post(address, "[1]", content_type="application/json"), 400, "invalid"),
        (admin.post(address, '{"entity": "a\\u0000"}', content_type="application/json"), 400, "invalid"),
    ):
        assert (answer.status_code, error(answer)["code"]) == (status, code)
    assert not SyncRun.objects.exists()
    html = admin.get("/api/v1/runs/", headers={"Accept": "text/html"})
    assert (html.status_code, html.headers["Content-Type"]) == (200, "application/json")


def test_internal_error_has_the_documented_format_and_no_detail(
    program: Program, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = program()
    admin.raise_request_exception = False

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("syncs.api.sync_state", fail)
    answer = send(admin, "get", f"connections/{connection.pk}/sync-state/")
    assert answer.status_code == 500
    assert "on our side" in error(answer)["message"]
    assert "secret" not in answer.content.decode()


def test_throttling_applies_to_each_token(program: Program, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", {"api": "3/min"})
    busy, other = program(), program()
    assert [send(busy, "get", "runs/").status_code for _ in range(4)] == [200, 200, 200, 429]
    throttled = send(busy, "get", "runs/")
    assert error(throttled)["code"] == "throttled"
    assert 0 < int(throttled.headers["Retry-After"]) <= 60
    assert send(other, "get", "runs/").status_code == 200


def test_schema_lists_every_endpoint(client: Client, db: None) -> None:
    answer = client.get("/api/v1/schema/", {"format": "json"})
    assert answer.status_code == 200
    paths = answer.json()["paths"]
    assert {(path.removeprefix("/api/v1/"), method) for path, each in paths.items() for method in each} == {
        ("connections/", "get"),
        ("connections/{id}/sync/", "post"),
        ("connections/{id}/sync-state/", "get"),
        ("connections/{id}/schedules/{entity}/", "get"),
        ("connections/{id}/schedules/{entity}/", "patch"),
        ("runs/", "get"),
        ("runs/{id}/", "get"),
        ("runs/{id}/cancel/", "post"),
        *((f"{entity}/", "get") for entity in TABLES),
        *((f"{entity}/{{id}}/", "get") for entity in TABLES),
        *((f"orders/{{id}}/{verb}/", "post") for verb in ("hold", "release", "cancel")),
        ("orders/", "post"),
        ("inbound-shipments/", "post"),
        ("inbound-shipments/{id}/", "patch"),
        ("inventory/{id}/adjust/", "post"),
        ("products/{id}/", "patch"),
        ("actions/", "get"),
        ("actions/{id}/", "get"),
        ("connections/{id}/actions/", "get"),
    }
    docs = client.get("/api/v1/docs/")
    assert docs.status_code == 200
    assert "'unsafe-inline'" in docs.headers["Content-Security-Policy"]
    assert "script-src" not in docs.headers["Content-Security-Policy"]
    assert "https://" not in docs.content.decode(), "the page loads nothing from other hosts"


def test_responses_match_the_schema(program: Program, connection: Any) -> None:
    run = make.synced(connection)
    for table in TABLES.values():
        make.mirrored(table.model, connection)
    client = program()
    schemas = client.get("/api/v1/schema/", {"format": "json"}).json()["components"]["schemas"]
    for address, name in (
        ("connections/", "ConnectionRow"),
        ("runs/", "RunRow"),
        (f"runs/{run.pk}/", "RunRow"),
        (f"connections/{connection.pk}/sync-state/", "StateRow"),
        (f"connections/{connection.pk}/schedules/orders/", "ScheduleRow"),
        *((f"{entity}/", f"{table.record_type.__name__}Record") for entity, table in TABLES.items()),
    ):
        found = send(client, "get", address).json()
        found = found.get("results", found) if isinstance(found, dict) else found
        row = found[0] if isinstance(found, list) else found
        assert set(row) == set(schemas[name]["properties"]), address
    row = send(client, "get", f"connections/{connection.pk}/sync-state/").json()[0]["run"]
    assert set(row) == set(schemas["LatestRun"]["properties"])
    started = send(client, "post", f"connections/{connection.pk}/sync/", {"entity": "orders"}).json()
    assert set(started) == set(schemas["SyncStarted"]["properties"])
    assert set(started["runs"][0]) == set(schemas["RunStarted"]["properties"])
    assert set(started["schedule"]) == set(schemas["ScheduleNote"]["properties"])


def test_lists_use_a_constant_number_of_queries(
    program: Program, connection: Any, django_assert_max_num_queries: Any
) -> None:
    client = program()
    for number in range(12):
        more = make.connection(connection.workspace, f"More {number}")
        make.run(more)
        make.synced(connection)
    send(client, "get", "runs/")
    for address, max_queries in (
        ("runs/", 4),
        ("connections/", 4),
        (f"connections/{connection.pk}/sync-state/", 8),
        (f"connections/{connection.pk}/schedules/orders/", 6),
    ):
        with django_assert_max_num_queries(max_queries):
            assert send(client, "get", address).status_code == 200
