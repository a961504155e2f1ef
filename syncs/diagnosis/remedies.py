"""The way out of each cause, for the person who reads it: what they can do, and where the button leads."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from packr.workspaces.request_context import Place

from .causes import Cause, Cure, Reason


@dataclass(frozen=True, slots=True)
class Way:
    """What a person can do: a sentence, and the button that leads there. `asks`: it asks an admin, where they are."""

    advice: str
    label: str
    url: str
    asks: bool = False


def way(reason: Reason, place: Place) -> Way:
    """The way out of a reason for whoever is in the place: their rights decide where it leads."""
    return WAYS[reason.cure](reason, place)


def _connect(reason: Reason, place: Place) -> Way:
    if not place.may_manage:
        return Way("An admin of this workspace can connect it.", "See who can connect it", reverse("integrations"))
    if reason.connection:
        return Way("Connect it again to go on.", "Connect again", reverse("reconnect", args=[reason.connection.pk]))
    return Way("Connect your WMS.", "Connect your WMS", reverse("catalogue"))


def _map(reason: Reason, place: Place) -> Way:
    if not place.may_manage:
        advice = "An admin can link it." if reason.cause == Cause.UNMAPPED else "An admin can change that."
        return Way(advice, "Open mapping", reverse("brands"))
    advice = "Link the account that is its own."
    return Way(advice, "Open mapping", reverse("brand", args=[place.brand.pk]) if place.brand else reverse("brands"))


def _reconnect(reason: Reason, place: Place) -> Way:
    if not place.may_manage or not reason.connection:
        return Way("A workspace admin can reconnect.", "See the connection", _connection(reason))
    return Way("Reconnect with a login that works.", "Reconnect", reverse("reconnect", args=[reason.connection.pk]))


def _switch_on(reason: Reason, place: Place) -> Way:
    if not place.may_manage or not reason.connection:
        return Way("A workspace admin can change that in Sync Settings.", "See the connection", _connection(reason))
    return Way(
        "Change that in Sync Settings.", "Open Sync Settings", reverse("sync_settings", args=[reason.connection.pk])
    )


def _sync(reason: Reason, place: Place) -> Way:
    if not place.may_sync or not reason.connection or not reason.entity:
        return Way("An admin can sync it now.", "Ask an admin", "", asks=True)
    entity = urlencode({"entity": reason.entity})
    url = f"{reverse('sync_window', args=[reason.connection.pk])}?{entity}"
    return Way("You can sync it now.", "Sync now", url)


def _watch(reason: Reason, place: Place) -> Way:
    if not place.may_sync or not reason.connection or not reason.run:
        return Way("There is nothing to do but wait.", "See the sync state", _connection(reason))
    url = f"{reverse('sync_window', args=[reason.connection.pk])}?run={reason.run.pk}"
    return Way("There is nothing to do but wait.", "Watch it", url)


def _review(reason: Reason, place: Place) -> Way:
    if not place.may_sync or not reason.connection or not reason.run:
        return Way("An admin can release or reject the removals.", "See the sync state", _connection(reason))
    url = reverse("held", args=[reason.connection.pk, reason.run.pk])
    return Way("Look at the list, then release or reject the removals.", "See the list", url)


def _rejected(reason: Reason, place: Place) -> Way:
    if not reason.connection or not reason.run:
        return _support(reason, place)
    url = reverse("entity", args=[reason.connection.pk, reason.run.entity])
    return Way("See which, and why.", "See the records", f"{url}#rejected")


def _see(reason: Reason, place: Place) -> Way:
    return Way("See how the connection is; Refresh there checks it now.", "See the connection", _connection(reason))


def _support(reason: Reason, place: Place) -> Way:
    url = reverse("help_contact")
    entity = f"?{urlencode({'entity': reason.entity})}" if reason.entity else ""
    return Way("If it lasts, contact support; what is known is filled in for you.", "Contact support", url + entity)


def _connection(reason: Reason) -> str:
    anchor = f"#connection-{reason.connection.pk}" if reason.connection and reason.connection.is_live else ""
    return reverse("integrations") + anchor


WAYS: dict[Cure, Callable[[Reason, Place], Way]] = {
    Cure.CONNECT: _connect,
    Cure.MAP: _map,
    Cure.RECONNECT: _reconnect,
    Cure.SWITCH_ON: _switch_on,
    Cure.SYNC: _sync,
    Cure.WATCH: _watch,
    Cure.REVIEW: _review,
    Cure.REJECTED: _rejected,
    Cure.CONNECTION: _see,
    Cure.SUPPORT: _support,
}
