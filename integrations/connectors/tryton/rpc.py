"""Tryton's JSON-RPC: signing in, asking, and what its errors mean.

Facts: trytond 8.2.1, its source and its answers (November 2026). Refusals come inside HTTP 200, as
{"error": [name, ...]}; only what concerns the session or the server comes as an HTTP status. The last parameter is
always the context.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client, explain
from ..actions import ActionRejected, before_sending
from ..decoding import no_list
from ..parsing import clean

T = TypeVar("T")
OLDEST = 8  # before 8.0 the address and several fields had other names
# The token of each login, for this process. A session lasts 30 days; a sign-in costs the server a third of a second
# and leaves a row there. The key holds the password's hash: other credentials never meet an older session.
_tokens: dict[tuple[str, ...], str] = {}
MOST_TOKENS = 1000


class Envelope(Struct):
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


ENVELOPE = msgspec.json.Decoder(Envelope)
# Python's KeyError, a quoted word and nothing else: a model or a field of a module that is not active.
KEY_ERROR = re.compile(r"'([a-z0-9_.]{1,60})'")


def query(client: Client, method: str, *params: Any, **context: Any) -> Answer:
    """The answer to a call that reads; its JSON has the key `result`. `context` is added to the session's own.

    Signs in where that is needed, once more when the session has ended. ConnectorError says why there is no answer.
    """
    return _accept(client, _asked(client, method, params, context))


def change(client: Client, method: str, *params: Any, **context: Any) -> Any:
    """The result of a call that changes something. Raises Declined with Tryton's own words, and ConnectorError.

    An error inside HTTP 200 means that Tryton took everything of this call back.
    """
    answer = _asked(client, method, params, context)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise explain(answer)
    said = answer.json()
    if not isinstance(said, dict) or ("result" not in said and "error" not in said):
        raise no_list("result")
    if "error" in said:
        raise declined(said["error"], secrets=(client.credentials["password"], client.state.get("token", "")))
    return said.get("result")


def declined(error: Any, secrets: Sequence[str] = ()) -> Exception:
    """The refusal of a change that an error inside HTTP 200 stands for, in Tryton's own words."""
    name, said = error if isinstance(error, list) and len(error) == 2 else ("", error)
    if name == "LoginException":
        return refused(error, secrets)
    if name == "ConcurrencyException":
        return ActionRejected(
            "Somebody changed it in Tryton at the same moment. Look at it again, then send it once more."
        )
    words = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    if name == "UserWarning":
        words = words[1:]  # before its words it has a name of its own
    text = " ".join(str(one) for one in (*words[:2],) if one) or f"Tryton failed with an error of its own: {name}"
    for secret in filter(None, secrets):
        text = text.replace(secret, "(secret)")
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in clean(text[:2000])).split())
    return ActionRejected(f"Tryton asks for a confirmation there: {line}" if name == "UserWarning" else line)


def _asked(client: Client, method: str, params: Sequence[Any], context: dict[str, Any]) -> Answer:
    """The answer to a call, signed in as far as that is needed; a login that fails fails before the call has left."""
    if "context" not in client.state:
        with before_sending():
            preferences(client)
    answer = _call(client, method, [*params, {**client.state["context"], **context}], client.state["token"])
    if answer.status == HTTPStatus.UNAUTHORIZED:
        with before_sending():
            sign_in(client)
        answer = _call(client, method, [*params, {**client.state["context"], **context}], client.state["token"])
    return answer


def call(client: Client, form: type[T], method: str, *params: Any, **context: Any) -> T:
    """The result of a call, which has to have a form, such as `list[int]`; ConnectorError(contract) when it has not."""
    return formed(query(client, method, *params, **context), form)


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
    login = client.credentials["login"]
    answer = _call(client, "common.db.login", [login, {"password": client.credentials["password"]}, "en"])
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE):
        raise no_database(answer)
    user, key, *_ = formed(_accept(client, answer), tuple[int, str, Any])
    token = b64encode(f"{login}:{user}:{key}".encode()).decode()
    return _keep(client, token, _preferences(client, token))


def _preferences(client: Client, token: str) -> Answer:
    return _call(client, "model.res.user.get_preferences", [True, {}], token)


def _keep(client: Client, token: str, answer: Answer) -> Answer:
    context = formed(_accept(client, answer), dict[str, Any])
    # Retired products and places are part of the truth; Tryton hides them unless told not to.
    client.state |= {"token": token, "context": {**context, "active_test": False}}
    if len(_tokens) >= MOST_TOKENS:
        _tokens.clear()
    _tokens[_key(client)] = token
    return answer


def version(client: Client) -> str:
    """The server's version, such as `8.2`; ConnectorError(contract) when it is not a Tryton that Packr speaks."""
    question = {"id": 1, "method": "common.server.version", "params": []}
    answer = client.request("POST", "/rpc/", payload=question, ok=range(300, 500))
    here = answer.status < HTTPStatus.MULTIPLE_CHOICES
    said = formed(_accept(client, answer), str) if here else ""
    if not said.partition(".")[0].isdigit() or int(said.partition(".")[0]) < OLDEST:
        raise ConnectorError(
            Kind.CONTRACT,
            "No Tryton 8.0 or later answers at this address.",
            "Check the address: enter the server's own, without the name of the database.",
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
        private=not token,
    )


def _accept(client: Client, answer: Answer) -> Answer:
    """The answer, unless it is a refusal. Whether it holds what was asked for is for its reader to see."""
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise explain(answer)
    try:
        error = ENVELOPE.decode(answer.body).error
        said = msgspec.json.decode(error) if isinstance(error, Raw) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return answer  # odd characters in one record, or no JSON at all
    if said is not None:
        raise refused(said, secrets=(client.credentials["password"], client.state.get("token", "")))
    return answer


def formed(answer: Answer, form: type[T]) -> T:
    """What an answer returned; ConnectorError(contract) when it is no answer, or one of another form."""
    whole = answer.json()
    try:
        return msgspec.convert(whole["result"], form)
    except (KeyError, TypeError, msgspec.ValidationError):
        raise no_list("result") from None


def refused(error: Any, secrets: Sequence[str] = ()) -> ConnectorError:
    """The error that a refusal inside HTTP 200 stands for. Its words are for the log, without the `secrets`."""
    name, said = error if isinstance(error, list) and len(error) == 2 else ("", error)
    detail = f"{name}: {said}"
    for secret in filter(None, secrets):
        detail = detail.replace(secret, "(secret)")
    detail = detail[:300]
    if name == "UserError":
        return ConnectorError(
            Kind.FORBIDDEN,
            "Tryton does not let this login read this type of data.",
            "Give its user the groups for sales, purchases, stock and products, or switch this type of data off.",
            detail=detail,
        )
    if name == "LoginException":
        return ConnectorError(
            Kind.CREDENTIALS,
            "Tryton asks this login for more than a password.",
            "Connect with a login that needs only a password.",
            detail=detail,
        )
    if isinstance(name, str) and (missing := KEY_ERROR.fullmatch(name)) and not said:
        return ConnectorError(
            Kind.NOT_OFFERED,
            f"This Tryton has no {missing[1]}: the module for it is not active.",
            "Activate it, or leave this type of data switched off.",
            detail=detail,
        )
    return ConnectorError(
        Kind.UNREACHABLE,
        "Tryton reported an internal error.",
        detail=detail,
    )


def no_database(answer: Answer) -> ConnectorError:
    """The error for a database that Tryton doesn't know (404) or can't open (503, on SQLite also an unknown one)."""
    unknown = answer.status == HTTPStatus.NOT_FOUND
    return ConnectorError(
        Kind.CREDENTIALS if unknown else Kind.UNREACHABLE,
        "Tryton can't open a database of this name.",
        "Check the name of the database.",
        detail=f"status {answer.status}",
    )


def _key(client: Client) -> tuple[str, ...]:
    given = client.credentials
    if not all(given[name].isprintable() for name in ("database", "login", "password")):
        raise ConnectorError(
            Kind.CREDENTIALS,
            "A credential contains a character that can't be typed, such as a line break.",
            "Enter it again.",
        )
    secret = sha256(given["password"].encode()).hexdigest()
    return client.base_url, given["database"], given["login"], secret
