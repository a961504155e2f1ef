"""What a load balancer or a monitor asks: does this process answer, and does Packr do its work?"""

from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..process import heartbeats

NO_DATABASE = "The database does not answer. Check that it runs and that DATABASE_URL is right."
NOT_MIGRATED = "The database is older than this version of Packr. Run manage.py migrate."
NO_WORKER = "No worker process was alive within the last minute, so nothing is synced. Start manage.py qcluster."

_migrated = False


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all; asks nothing else."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when people are served well and syncs are worked off; else 503 and a sentence that says what is missing."""
    try:
        missing = _missing()
    except DatabaseError:
        missing = NO_DATABASE
    answer: dict[str, Any] = {"ready": not missing}
    return JsonResponse({**answer, "message": missing} if missing else answer, status=503 if missing else 200)


def _missing() -> str:
    if not _is_migrated():
        return NOT_MIGRATED
    return "" if heartbeats.is_any_alive(timezone.now()) else NO_WORKER


def _is_migrated() -> bool:
    """Whether every migration of this code was applied. Asked until it is so: what was applied stays applied."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated
