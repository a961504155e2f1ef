"""Health checks for load balancers and monitors: does this process answer, and can Packr do its work?"""

from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..process import heartbeats

NO_DATABASE = "The database does not respond. Check that it is running and that DATABASE_URL is correct."
NOT_MIGRATED = "The database schema is older than this version of Packr. Run manage.py migrate."
NO_WORKER = "No worker process has been alive in the last minute, so nothing is synced. Start manage.py qcluster."

_migrated = False


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 while this process answers requests; checks nothing else."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 if the database is ready and a worker is alive, else 503 with the reason."""
    try:
        problem = _find_problem()
    except DatabaseError:
        problem = NO_DATABASE
    answer: dict[str, Any] = {"ready": not problem}
    return JsonResponse({**answer, "message": problem} if problem else answer, status=503 if problem else 200)


def _find_problem() -> str:
    if not _is_migrated():
        return NOT_MIGRATED
    return "" if heartbeats.is_any_alive(timezone.now()) else NO_WORKER


def _is_migrated() -> bool:
    """Return whether all migrations are applied. A True is remembered: migrations stay applied."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated
