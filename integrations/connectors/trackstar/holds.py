"""Holding and releasing an order. Trackstar has no endpoint for it, so the request is passed through to the WMS's API.

Facts: docs.trackstarhq.com "Passthrough Requests" (2026); ShipHero's schema, `order_update_holds`. Trackstar answers
200 whatever the WMS said: the WMS's own status and errors are inside.
"""

from collections.abc import Callable
from typing import Any

from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client
from ..actions import ActionRejected, ActionRequest, ActionResult
from ..rest import ERROR_STATUSES
from .action_errors import write_error
from .errors import broken, quotable

HOLD = (
    "mutation Hold($data: UpdateOrderHoldsInput!) "
    "{ order_update_holds(data: $data) { request_id order { id holds { operator_hold } } } }"
)
OTHER_HOLDS = ("payment_hold", "fraud_hold", "address_hold", "client_hold")


def set_hold(is_held: bool) -> Callable[[Client, ActionRequest], ActionResult]:
    """Return the function that places or releases a hold. A release removes every hold, whoever placed it."""

    def send(client: Client, request: ActionRequest) -> ActionResult:
        others = {} if is_held else dict.fromkeys(OTHER_HOLDS, False)
        data = {"order_id": request.target, "operator_hold": is_held, **others}
        body = {
            "method": "POST",
            "path": "/graphql",
            "headers": {"Content-Type": "application/json"},
            "data": {"query": HOLD, "variables": {"data": data}},
        }
        answer = client.request("POST", "/wms/passthrough", payload=body, ok=ERROR_STATUSES)
        if answer.status >= 300:
            raise write_error(client, answer)
        _check_passed_through(client, answer)
        return ActionResult(str(request.target), version_known=False, clock=answer.clock)

    return send


def _check_passed_through(client: Client, answer: Answer) -> None:
    """Raise ActionRejected or ConnectorError if the WMS did not do what was passed through."""
    envelope = answer.json()
    status, body = (envelope.get("status_code"), envelope.get("body")) if isinstance(envelope, dict) else (None, None)
    if isinstance(body, str):
        body = Answer(200, {}, body.encode(), None).json()
    if not isinstance(status, int) or not isinstance(body, dict):
        raise broken("a passthrough answer without the WMS's own")
    errors: Any = body.get("errors")
    if isinstance(errors, list) and errors:
        words = [quotable(client, error.get("message")) for error in errors if isinstance(error, dict)]
        raise ActionRejected(" ".join(filter(None, words)) or "The WMS refused without a reason.")
    if 400 <= status < 500:
        raise ActionRejected(quotable(client, body.get("message")) or f"The WMS refused the change ({status}).")
    if status >= 300 or not isinstance(body.get("data"), dict):
        raise ConnectorError(Kind.UNREACHABLE, "The WMS behind Trackstar failed.", detail=f"status {status}")
