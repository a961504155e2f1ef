"""Tryton's JSON-RPC: signing in, asking, and what its errors mean.

Facts: wms/tryton.md, 4 (Tryton 8.2, seen November 2026). Refusals come inside HTTP 200, as {"error": [name, ...]};
only what concerns the session or the server comes as an HTTP status. The last parameter is always the context.
"""

from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...errors import ConnectorError, Kind
from ...http import Answer, Client, explain, not_json

OLDEST = 8  # before 8.0 the address and several fields had other names
# The token of each login, for this process. A session lasts 30 days; a sign-in costs the server a third of a second
# and leaves a row there. The key holds the password's hash: other credentials never meet an older session.
_tokens: dict[tuple[str, ...], str] = {}
MOST_TOKENS = 1000


class Envelope(Struct):
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


ENVELOPE = msgspec.json.Decoder(Envelope)


def ask(client: Client, method: str, *params: Any, **context: Any) -> Answer:
    """The answer to a call that reads; its JSON has the key `result`. `context` is added to the session's own.

    Signs in where that is needed, once more when the session has ended. ConnectorError says why there is no answer.
    """
    if "context" not in client.state:
        preferences(client)
    answer = _call(client, method, [*params, {**client.state["context"], **context}], client.state["token"])
    if answer.status == HTTPStatus.UNAUTHORIZED:
        sign_in(client)
        answer = _call(client, method, [*params, {**client.state["context"], **context}], client.state["token"])
    return _accept(answer)


def call(client: Client, method: str, *params: Any, **context: Any) -> Any:
    """What a call returned, as plain JSON values."""
    return ask(client, method, *params, **context).json()["result"]


def preferences(client: Client) -> Answer:
    """What the login works with: company, language, groups. Every later call carries it as its context.

    Goes on with this process's session for the login if that still holds, else signs in.
    """
    token = client.state.get("token") or _tokens.get(_key(client))
    answer = _preferences(client, token) if token else None
    if token is None or answer is None or answer.status == HTTPStatus.UNAUTHORIZED:
        return sign_in(client)
    return _keep(client, token, answer)


def sign_in(client: Client) -> Answer:
    """Sign in with the password; the answer tells what the login works with.

    A refusal is final: Tryton slows every further wrong attempt down, up to 20 s, and then bars the login.
    """
    _tokens.pop(_key(client), None)
    login, password = client.credentials["login"], client.credentials["password"]
    answer = _call(client, "common.db.login", [login, {"password": password}, "en"])
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE):
        raise no_database(answer)
    try:
        user, key, *_ = _accept(answer).json()["result"]
    except (TypeError, ValueError):
        raise ConnectorError(
            Kind.CREDENTIALS, "Tryton refused the login. Check the login and the password.", detail="no session"
        ) from None
    token = b64encode(f"{login}:{user}:{key}".encode()).decode()
    return _keep(client, token, _preferences(client, token))


def _preferences(client: Client, token: str) -> Answer:
    return _call(client, "model.res.user.get_preferences", [True, {}], token)


def _keep(client: Client, token: str, answer: Answer) -> Answer:
    context = _accept(answer).json()["result"]
    if not isinstance(context, dict):
        raise ConnectorError(Kind.CONTRACT, "Tryton did not say what the login works with; contact support.")
    # Retired products and places are part of the truth; Tryton hides them unless told not to.
    client.state |= {"token": token, "context": {**context, "active_test": False}}
    if len(_tokens) >= MOST_TOKENS:
        _tokens.clear()
    _tokens[_key(client)] = token
    return answer


def version(client: Client) -> str:
    """The server's version, such as `8.2`; ConnectorError(contract) when it is not a Tryton that Packr speaks."""
    said = ""
    question = {"id": 1, "method": "common.server.version", "params": []}
    answer = client.request("POST", "/rpc/", payload=question, ok=range(300, 500))
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        said = str(_accept(answer).json()["result"])
    if not said.partition(".")[0].isdigit() or int(said.partition(".")[0]) < OLDEST:
        raise ConnectorError(
            Kind.CONTRACT,
            "No Tryton 8.0 or later answers at this address. Check it: it is the server's own address, without the "
            "database's name.",
            detail=f"status {answer.status}, version {said[:20]!r}",
        )
    return said


def _call(client: Client, method: str, params: list[Any], token: str = "") -> Answer:
    """One call. 401, 404 and 503 are left to the caller to explain."""
    return client.request(
        "POST",
        f"/{quote(client.credentials['database'], safe='')}/rpc/",
        payload={"id": 1, "method": method, "params": params},
        headers={"Authorization": f"Session {token}"} if token else {},
        ok=(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
    )


def _accept(answer: Answer) -> Answer:
    """The answer, if it holds a result."""
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise explain(answer)
    try:
        envelope = ENVELOPE.decode(answer.body)
        if isinstance(envelope.error, Raw):
            raise refused(msgspec.json.decode(envelope.error))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Odd characters in one record are the decoder's business; what is no JSON object at all ends here.
        if not isinstance(whole := answer.json(), dict) or "result" not in whole:
            raise not_json(answer) from None
        return answer
    if envelope.result is UNSET:
        raise not_json(answer)
    return answer


def refused(error: Any) -> ConnectorError:
    """The error that a refusal inside HTTP 200 stands for."""
    name, said = error if isinstance(error, list) and len(error) == 2 else ("", error)
    detail = f"{name}: {said}"[:300]
    if name == "UserError":
        return ConnectorError(
            Kind.FORBIDDEN,
            "Tryton does not let this login read this type of data. Give its user the groups for sales, purchases, "
            "stock and products, or switch this type of data off.",
            detail=detail,
        )
    if name == "LoginException":
        return ConnectorError(
            Kind.CREDENTIALS,
            "Tryton asks this login for more than a password. Connect with a login that needs only a password.",
            detail=detail,
        )
    if isinstance(name, str) and name.startswith("'") and name.endswith("'") and not said:
        # A quoted word alone is Python's KeyError: a model or field of a module that is not active.
        return ConnectorError(
            Kind.NOT_OFFERED, f"This Tryton has no {name.strip(chr(39))[:60]}: the module is not active.", detail=detail
        )
    return ConnectorError(
        Kind.UNREACHABLE,
        "Tryton answered with an error of its own. Earlier data stays; Packr tries again by itself.",
        detail=detail,
    )


def no_database(answer: Answer) -> ConnectorError:
    """The error for a database that Tryton doesn't know (404) or can't open (503, on SQLite also an unknown one)."""
    unknown = answer.status == HTTPStatus.NOT_FOUND
    return ConnectorError(
        Kind.CREDENTIALS if unknown else Kind.UNREACHABLE,
        "Tryton can't open a database of this name. Check the database's name.",
        detail=f"status {answer.status}",
    )


def _key(client: Client) -> tuple[str, ...]:
    given = client.credentials
    secret = sha256(given["password"].encode()).hexdigest()
    return client.base_url, given["database"], given["login"], secret
