"""The remedies: what a person can do about a finding, and where the button leads with their permissions."""

from urllib.parse import urlencode

from django.urls import reverse

from packr.workspaces.request_context import RequestContext

from .causes import CallToAction, Finding, StaleCause


def connect(finding: Finding, context: RequestContext) -> CallToAction:
    if not context.may_manage:
        advice = "An admin of this workspace can connect it."
        return CallToAction(advice, "See who can connect it", reverse("integrations"))
    if finding.connection:
        url = reverse("reconnect", args=[finding.connection.pk])
        return CallToAction("Connect it again to resume syncing.", "Connect again", url)
    return CallToAction("Connect your WMS.", "Connect your WMS", reverse("catalogue"))


def open_mapping(finding: Finding, context: RequestContext) -> CallToAction:
    if not context.may_manage:
        verb = "link it" if finding.cause == StaleCause.UNMAPPED else "change the mapping"
        return CallToAction(f"An admin can {verb}.", "Open mapping", reverse("brands"))
    url = reverse("brand", args=[context.brand.pk]) if context.brand else reverse("brands")
    return CallToAction("Link the brand’s own account.", "Open mapping", url)


def reconnect(finding: Finding, context: RequestContext) -> CallToAction:
    if not context.may_manage or not finding.connection:
        return CallToAction("A workspace admin can reconnect.", "See the connection", _status_url(finding))
    url = reverse("reconnect", args=[finding.connection.pk])
    return CallToAction("Reconnect with a working login.", "Reconnect", url)


def switch_on(finding: Finding, context: RequestContext) -> CallToAction:
    if not context.may_manage or not finding.connection:
        advice = "A workspace admin can change it in Sync Settings."
        return CallToAction(advice, "See the connection", _status_url(finding))
    url = reverse("sync_settings", args=[finding.connection.pk])
    return CallToAction("Change it in Sync Settings.", "Open Sync Settings", url)


def sync_now(finding: Finding, context: RequestContext) -> CallToAction:
    if not context.may_sync or not finding.connection:
        return CallToAction("An admin can sync it now.", "Ask an admin", "", asks_admin=True)
    return CallToAction("You can sync it now.", "Sync now", _sync_url(finding, entity=finding.entity))


def watch(finding: Finding, context: RequestContext) -> CallToAction:
    advice = "You don’t need to do anything."
    if not context.may_sync or not finding.state or not finding.state.run:
        return CallToAction(advice, "See the sync state", _status_url(finding))
    return CallToAction(advice, "Watch it", _sync_url(finding, run=finding.state.run.pk))


def review(finding: Finding, context: RequestContext) -> CallToAction:
    if not context.may_sync or not finding.state or not finding.state.run_to_review:
        advice = "An admin can release or reject the removals."
        return CallToAction(advice, "See the sync state", _status_url(finding))
    url = reverse("held", args=[finding.state.connection.pk, finding.state.run_to_review.pk])
    return CallToAction("Review the list, then release or reject the removals.", "See the list", url)


def see_rejected(finding: Finding, context: RequestContext) -> CallToAction:
    if not finding.state:
        return contact_support(finding, context)
    url = reverse("entity", args=[finding.state.connection.pk, finding.state.schedule.entity])
    return CallToAction("See which records, and why.", "See the records", f"{url}#rejected")


def see_connection(finding: Finding, context: RequestContext) -> CallToAction:
    advice = "See the state of the connection. Refresh checks it again."
    return CallToAction(advice, "See the connection", _status_url(finding))


def contact_support(finding: Finding, context: RequestContext) -> CallToAction:
    url = f"{reverse('help_contact')}?{urlencode({'entity': finding.entity})}"
    return CallToAction("If it lasts, contact support. Packr fills in what it found.", "Contact support", url)


def _sync_url(finding: Finding, **query: object) -> str:
    assert finding.connection is not None
    return f"{reverse('sync_window', args=[finding.connection.pk])}?{urlencode(query)}"


def _status_url(finding: Finding) -> str:
    connection = finding.connection
    anchor = f"#connection-{connection.pk}" if connection and connection.is_live else ""
    return reverse("integrations") + anchor
