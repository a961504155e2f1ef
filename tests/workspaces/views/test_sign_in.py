"""Signing in and out."""

from typing import Any

from django.test import Client

from packr.workspaces.views import MAX_ATTEMPTS
from tests.kit import factories as make


def test_sign_in_returns_to_the_requested_page(client: Client, admin_user: Any) -> None:
    address = "/accounts/login/?next=/inventory/"
    assert 'value="/inventory/"' in client.get(address).content.decode()
    response = client.post(
        "/accounts/login/", {"username": "dana", "password": make.PASSWORD, "next": "/inventory/"}, follow=True
    )
    assert response.redirect_chain == [("/inventory/", 302)]


def test_sign_in_never_redirects_to_another_site(client: Client, admin_user: Any) -> None:
    form = {"username": "dana", "password": make.PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/accounts/login/", form).headers["Location"] == "/"


def test_wrong_passwords_are_limited_per_name_and_address(client: Client, admin_user: Any) -> None:
    wrong = {"username": "dana", "password": "no"}
    for _ in range(MAX_ATTEMPTS):
        response = client.post("/accounts/login/", wrong)
        assert response.status_code == 200
    assert "don’t match an account" in response.content.decode()
    locked = client.post("/accounts/login/", {"username": "Dana", "password": make.PASSWORD})
    assert locked.status_code == 429
    assert "Too many attempts" in locked.content.decode()
    assert "_auth_user_id" not in client.session
    make.person("lee")
    other = client.post("/accounts/login/", {"username": "lee", "password": make.PASSWORD})
    assert other.status_code == 302


def test_successful_sign_in_resets_the_limit(client: Client, admin_user: Any) -> None:
    for _ in range(2):
        for _ in range(MAX_ATTEMPTS - 1):
            client.post("/accounts/login/", {"username": "dana", "password": "no"})
        assert client.post("/accounts/login/", {"username": "dana", "password": make.PASSWORD}).status_code == 302
        client.post("/accounts/logout/")


def test_signing_out_needs_a_post(admin: Client) -> None:
    assert admin.get("/accounts/logout/").status_code == 405
    assert admin.post("/accounts/logout/").headers["Location"] == "/accounts/login/"
    assert admin.get("/orders/").status_code == 302
