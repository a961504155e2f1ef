"""The sync status on every page, loaded before the page is rendered: template tags only format it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from integrations.models import Connection, Status
from packr.workspaces.context_processors import current
from packr.workspaces.request_context import RequestContext
from packr.workspaces.views import by_htmx

from .diagnosis.facts import load_history
from .models import SyncRequest, SyncRun
from .status.entity_state import EntityState, worst
from .status.freshness import BEHIND, Freshness
from .status.page_status import PageStatus, page_status
from .sync_requests import recent_requests, requests_to_decide

MAX_UPCOMING = 3
INTEGRATIONS_PAGES = ("integrations", "refresh")


@dataclass(frozen=True, slots=True)
class SyncWidget:
    """The sync widget: the worst freshness of the visible data, what runs, comes next and needs attention.

    The summary shows `about` and its as-of time `at`. `stopped`: since when no worker runs, None while one does.
    """

    status: PageStatus
    freshness: Freshness
    about: str
    at: datetime | None
    last_update: datetime | None
    stopped: datetime | None
    running: list[EntityState]
    behind: list[EntityState]
    upcoming: list[EntityState]
    pending_reviews: list[SyncRun]
    requests: list[SyncRequest]

    @property
    def runnable(self) -> list[Connection]:
        """The connections that can sync: those whose login the WMS accepts."""
        return [one for one in self.status.live if one.status != Status.NEEDS_ATTENTION]

    @property
    def attention(self) -> int:
        """The number of things that need attention."""
        groups = (self.behind, self.status.troubled, self.pending_reviews, self.requests)
        return sum(len(group) for group in groups) + bool(self.stopped)


def sync_widget(request: HttpRequest) -> dict[str, Any]:
    """Return the `widget`, and load what else the page shows of the syncs.

    A fragment that htmx fetches seldom shows it, so there it is loaded on first use.
    """
    context: RequestContext | None = current(request).get("place")
    if context is None:
        return {}
    url_name = request.resolver_match.url_name if request.resolver_match else ""
    if by_htmx(request) and url_name not in INTEGRATIONS_PAGES:
        return {"widget": SimpleLazyObject(lambda: _widget(context))}
    widget = _widget(context)
    has_banner = bool(widget.status.live and (widget.behind or widget.status.troubled or widget.stopped))
    if has_banner:
        context.shared(load_history)
    if url_name in INTEGRATIONS_PAGES:
        _ = widget.status.rows
    if not context.may_sync and (has_banner or url_name in (*INTEGRATIONS_PAGES, "why")):
        recent_requests(context)
    return {"widget": widget}


def _widget(context: RequestContext) -> SyncWidget:
    status = page_status(context)
    states = status.all_states
    own = [state for state in states if state.read_with is None]
    last_update = max((state.as_of for state in states if state.as_of), default=None)
    freshness = worst(states) if states else Freshness.NEVER
    behind = [state for state in own if state.freshness in BEHIND]
    worst_behind = [
        (state.as_of, state.entity.label) for state in behind if state.freshness == freshness and state.as_of
    ]
    at, about = min(worst_behind, default=(last_update, "Updated"))
    return SyncWidget(
        status=status,
        freshness=freshness,
        about=about,
        at=at,
        last_update=last_update,
        stopped=status.signs_of_life.no_worker_since(timezone.now()) if status.live else None,
        running=[state for state in own if state.run and state.run.is_active],
        behind=behind,
        upcoming=_upcoming(own),
        pending_reviews=[state.run_to_review for state in own if state.run_to_review],
        requests=requests_to_decide(context),
    )


def _upcoming(states: list[EntityState]) -> list[EntityState]:
    """Return the next due states, soonest first."""
    moment = timezone.now()
    due = [(state.expected_run, state) for state in states if state.expected_run and state.expected_run > moment]
    return [state for _, state in sorted(due, key=lambda pair: pair[0])[:MAX_UPCOMING]]
