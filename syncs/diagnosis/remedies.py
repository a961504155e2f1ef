"""The way out of each cause, for the person who reads it: what they can do, and where the button leads."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from packr.workspaces.request_context import RequestContext

from .causes import Cause, Finding, Remedy


@dataclass(frozen=True, slots=True)
class CallToAction:
    """What a person can do: a sentence, and the button that leads there. `asks`: it asks an admin, where they are."""

    advice: str
    label: str
    url: str
    asks: bool = False


def call_to_action(reason: Finding, place: RequestContext) -> CallToAction:
    """The way out of a reason for whoever is in the place: their rights decide where it leads."""
    return CALLS_TO_ACTION[reason.cure](reason, place)


def _connect(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_manage:
        return CallToAction(
            "An admin of this workspace can connect it.", "See who can connect it", reverse("integrations")
        )
    if reason.connection:
        return CallToAction(
            "Connect it again to go on.", "Connect again", reverse("reconnect", args=[reason.connection.pk])
        )
    return CallToAction("Connect your WMS.", "Connect your WMS", reverse("catalogue"))


def _map(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_manage:
        advice = "An admin can link it." if reason.cause == Cause.UNMAPPED else "An admin can change that."
        return CallToAction(advice, "Open mapping", reverse("brands"))
    advice = "Link the account that is its own."
    return CallToAction(
        advice, "Open mapping", reverse("brand", args=[place.brand.pk]) if place.brand else reverse("brands")
    )


def _reconnect(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_manage or not reason.connection:
        return CallToAction("A workspace admin can reconnect.", "See the connection", _connection(reason))
    return CallToAction(
        "Reconnect with a login that works.", "Reconnect", reverse("reconnect", args=[reason.connection.pk])
    )


def _switch_on(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_manage or not reason.connection:
        return CallToAction(
            "A workspace admin can change that in Sync Settings.", "See the connection", _connection(reason)
        )
    return CallToAction(
        "Change that in Sync Settings.", "Open Sync Settings", reverse("sync_settings", args=[reason.connection.pk])
    )


def _sync(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_sync or not reason.connection or not reason.entity:
        return CallToAction("An admin can sync it now.", "Ask an admin", "", asks=True)
    entity = urlencode({"entity": reason.entity})
    url = f"{reverse('sync_window', args=[reason.connection.pk])}?{entity}"
    return CallToAction("You can sync it now.", "Sync now", url)


def _watch(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_sync or not reason.connection or not reason.run:
        return CallToAction("There is nothing to do but wait.", "See the sync state", _connection(reason))
    url = f"{reverse('sync_window', args=[reason.connection.pk])}?run={reason.run.pk}"
    return CallToAction("There is nothing to do but wait.", "Watch it", url)


def _review(reason: Finding, place: RequestContext) -> CallToAction:
    if not place.may_sync or not reason.connection or not reason.run:
        return CallToAction("An admin can release or reject the removals.", "See the sync state", _connection(reason))
    url = reverse("held", args=[reason.connection.pk, reason.run.pk])
    return CallToAction("Look at the list, then release or reject the removals.", "See the list", url)


def _rejected(reason: Finding, place: RequestContext) -> CallToAction:
    if not reason.connection or not reason.run:
        return _support(reason, place)
    url = reverse("entity", args=[reason.connection.pk, reason.run.entity])
    return CallToAction("See which, and why.", "See the records", f"{url}#rejected")


def _see(reason: Finding, place: RequestContext) -> CallToAction:
    return CallToAction(
        "See how the connection is; Refresh there checks it now.", "See the connection", _connection(reason)
    )


def _support(reason: Finding, place: RequestContext) -> CallToAction:
    url = reverse("help_contact")
    entity = f"?{urlencode({'entity': reason.entity})}" if reason.entity else ""
    return CallToAction(
        "If it lasts, contact support; what is known is filled in for you.", "Contact support", url + entity
    )


def _connection(reason: Finding) -> str:
    anchor = f"#connection-{reason.connection.pk}" if reason.connection and reason.connection.is_live else ""
    return reverse("integrations") + anchor


CALLS_TO_ACTION: dict[Remedy, Callable[[Finding, RequestContext], CallToAction]] = {
    Remedy.CONNECT: _connect,
    Remedy.MAP: _map,
    Remedy.RECONNECT: _reconnect,
    Remedy.SWITCH_ON: _switch_on,
    Remedy.SYNC: _sync,
    Remedy.WATCH: _watch,
    Remedy.REVIEW: _review,
    Remedy.REJECTED: _rejected,
    Remedy.CONNECTION: _see,
    Remedy.SUPPORT: _support,
}
