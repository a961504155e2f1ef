"""Tryton's JSON-RPC: sessions and calls. Facts: trytond 8.2.1, its source and its answers (November 2026).

Most errors come inside HTTP 200, as {"error": [name, words]}; only those of the session or the server have an HTTP
status. The last parameter of a call is always the context.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client, explain
from ..actions import before_sending
from ..decoding import no_list
from .errors import change_error, read_error, unknown_database

T = TypeVar("T")
Domain = list[Any]
BY_ID = [["id", "ASC"]]
MIN_VERSION = 8  # before 8.0 the address and several fields had other names
# The token of each login, for this process. A session lasts 30 days; a sign-in costs the server a third of a second
# and leaves a row there. The key holds the password's hash: other credentials never use an older session.
_tokens: dict[tuple[str, ...], str] = {}
MAX_TOKENS = 1000


class Envelope(Struct):
    error: Any = None


ENVELOPE_DECODER = msgspec.json.Decoder(Envelope)


def query(client: Client, method: str, *params: Any, **context: Any) -> Answer:
    """Return the answer to a call that reads, with its JSON under the key `result`. `context` extends the session's.

    Signs in if necessary, and again if the session has ended. Raises ConnectorError.
    """
    return _accept(client, _send_in_session(client, method, params, context))


def call(client: Client, form: type[T], method: str, *params: Any, **context: Any) -> T:
    """Return the result of a call that reads, in a form such as `list[int]`. Raises ConnectorError."""
    return parse_result(query(client, method, *params, **context), form)


def search_read(
    client: Client, model: str, domain: Domain, names: Sequence[str], *, limit: int | None = None, **context: Any
) -> Answer:
    """Return the answer with the named fields of a domain's rows, by id. Raises ConnectorError."""
    return query(client, f"model.{model}.search_read", domain, 0, limit, BY_ID, names, **context)


def change(client: Client, method: str, *params: Any, **context: Any) -> Any:
    """Return the result of a call that changes something. Raises ActionRejected and ConnectorError."""
    answer = _accept(client, _send_in_session(client, method, params, context), change_error)
    return parse_result(answer, object)


def parse_result(answer: Answer, form: type[T]) -> T:
    """Return the result in an answer. Raises ConnectorError(contract) if it has another form."""
    envelope = answer.json()
    try:
        return msgspec.convert(envelope["result"], form)
    except (KeyError, TypeError, msgspec.ValidationError):
        raise no_list("result") from None


def load_context(client: Client) -> Answer:
    """Continue this process's session for the login, or sign in. Return the answer with the login's company.

    The client keeps the login's preferences (company, language, groups) as the context of every later call.
    """
    token = client.state.get("token") or _tokens.get(_token_key(client))
    if token:
        answer = _request_preferences(client, token)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return _keep_session(client, token, answer)
    return sign_in(client)


def sign_in(client: Client) -> Answer:
    """Sign in with the password. Return the answer with the login's company.

    A refusal is final: Tryton delays every further wrong attempt by up to 20 s, and then bars the login.
    """
    _tokens.pop(_token_key(client), None)
    login = client.credentials["login"]
    answer = _send(client, "common.db.login", [login, {"password": client.credentials["password"]}, "en"])
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE):
        raise unknown_database(answer)
    user, key, *_ = parse_result(_accept(client, answer), tuple[int, str, Any])
    token = b64encode(f"{login}:{user}:{key}".encode()).decode()
    return _keep_session(client, token, _request_preferences(client, token))


def check_version(client: Client) -> None:
    """Raise ConnectorError(contract) if no Tryton that Packr supports answers."""
    question = {"id": 1, "method": "common.server.version", "params": []}
    answer = client.request("POST", "/rpc/", payload=question, ok=range(300, 500))
    version = parse_result(_accept(client, answer), str) if answer.status < HTTPStatus.MULTIPLE_CHOICES else ""
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) < MIN_VERSION:
        raise ConnectorError(
            Kind.CONTRACT,
            "No Tryton 8.0 or later answers at this address.",
            "Check the address: enter the server's own, without the name of the database.",
            detail=f"status {answer.status}, version {version[:20]!r}",
        )


def _send_in_session(client: Client, method: str, params: Sequence[Any], context: dict[str, Any]) -> Answer:
    """Return the answer to a call, after signing in if necessary. A failed sign-in fails before the call is sent."""

    def send() -> Answer:
        return _send(client, method, [*params, {**client.state["context"], **context}], client.state["token"])

    if "context" not in client.state:
        with before_sending():
            load_context(client)
    answer = send()
    if answer.status == HTTPStatus.UNAUTHORIZED:
        with before_sending():
            sign_in(client)
        answer = send()
    return answer


def _send(client: Client, method: str, params: list[Any], token: str = "") -> Answer:
    """Send one call. The caller explains 401, 404 and 503."""
    return client.request(
        "POST",
        f"/{quote(client.credentials['database'], safe='')}/rpc/",
        payload={"id": 1, "method": method, "params": params},
        headers={"Authorization": f"Session {token}"} if token else {},
        ok=(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
        private=not token,
    )


def _request_preferences(client: Client, token: str) -> Answer:
    return _send(client, "model.res.user.get_preferences", [True, {}], token)


def _keep_session(client: Client, token: str, answer: Answer) -> Answer:
    preferences = parse_result(_accept(client, answer), dict[str, Any])
    # Tryton hides inactive products and places by default.
    client.state |= {"token": token, "context": {**preferences, "active_test": False}}
    if len(_tokens) >= MAX_TOKENS:
        _tokens.clear()
    _tokens[_token_key(client)] = token
    return answer


def _accept(client: Client, answer: Answer, to_error: Callable[[Any, Sequence[str]], Exception] = read_error) -> Answer:
    """Return the answer unless it is an error. Whoever reads the result checks its form."""
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise explain(answer)
    try:
        error = ENVELOPE_DECODER.decode(answer.body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return answer  # odd characters in one record, or no JSON at all
    if error is not None:
        raise to_error(error, (client.credentials["password"], client.state.get("token", "")))
    return answer


def _token_key(client: Client) -> tuple[str, ...]:
    database, login, password = (client.credentials[name] for name in ("database", "login", "password"))
    if not (database + login + password).isprintable():
        raise ConnectorError(
            Kind.CREDENTIALS,
            "A credential contains a character that can't be typed, such as a line break.",
            "Enter it again.",
        )
    return client.base_url, database, login, sha256(password.encode()).hexdigest()
