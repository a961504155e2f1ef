"""Syncs by program: the same services and the same rights as the buttons on the pages."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.urls import path, reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.entities import GROUPS, Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.api_errors import Conflict, Error
from packr.workspaces.models import MANAGE_CONNECTIONS, TRIGGER_SYNC, Scope

from . import permissions
from .entity_switches import set_enabled
from .models import ENTITIES, EntitySchedule, Mode, Reread, State, SyncRun, Trigger
from .runs import enqueue, lifecycle
from .runs.cadence import is_read_with
from .status.freshness import EntityState, Freshness, sync_state
from .status.serializers import COUNTS, serialize_state

MODES = [(mode.value, str(mode.label)) for mode in (Mode.INCREMENTAL, Mode.FULL)]
NOT_YOURS = (
    "Only “enabled” can be changed here. How often and how data is read is support’s to change: contact support, "
    "and say what you need."
)
UNMOVED = "This sync is outside the schedule, whose next runs stay as they were."
MOVED = "What was planned next begins now instead ({}); after that the schedule goes on as it was."


def choice(noun: str, choices: Iterable[tuple[str, str]], **more: Any) -> Any:
    """A field that takes one of some names, and says which they are."""
    named = dict(choices)
    known = ", ".join(named)
    words: Any = {"invalid_choice": f"There is no {noun} “{{input}}”. Packr knows: {known}."}
    return serializers.ChoiceField(choices=list(named.items()), error_messages=words, **more)


# --- What is sent ---------------------------------------------------------------------------------
class SyncAsked(serializers.Serializer[Any]):
    """What to sync: an entity or a group, and how."""

    entity = choice("entity", ENTITIES, required=False)
    group = choice("group", [(name, name) for name in GROUPS], required=False)
    mode = choice("mode", MODES, default=Mode.INCREMENTAL.value)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if ("entity" in asked) == ("group" in asked):
            raise serializers.ValidationError({"entity": ["Name either an entity or a group."]})
        return asked


class ScheduleChange(serializers.Serializer[Any]):
    """Whether an entity is synced by itself."""

    enabled = serializers.BooleanField()


class RunsAsked(serializers.Serializer[Any]):
    """Which runs to list."""

    connection = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    entity = choice("entity", ENTITIES, required=False)
    state = choice("state", State.choices, required=False)


# --- What is answered -----------------------------------------------------------------------------
class RunStarted(serializers.Serializer[Any]):
    """A run that answers a request. `attached`: it was under way already."""

    id = serializers.IntegerField()
    entity = serializers.ChoiceField(choices=ENTITIES)
    mode = serializers.ChoiceField(choices=Mode.choices)
    state = serializers.ChoiceField(choices=State.choices)
    url = serializers.URLField()
    attached = serializers.BooleanField()


class ScheduleNote(serializers.Serializer[Any]):
    """What a sync by hand means for the schedule."""

    unchanged = serializers.BooleanField()
    message = serializers.CharField()
    next_runs = serializers.DictField(child=serializers.DateTimeField(allow_null=True))


class SyncStarted(serializers.Serializer[Any]):
    runs = RunStarted(many=True)
    schedule = ScheduleNote()


class LatestRun(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=State.choices)
    mode = serializers.ChoiceField(choices=Mode.choices)
    trigger = serializers.ChoiceField(choices=Trigger.choices)
    started = serializers.DateTimeField(allow_null=True)
    completed = serializers.DateTimeField(allow_null=True)
    seen = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    stale = serializers.IntegerField()
    rejected = serializers.IntegerField()
    removed = serializers.IntegerField()


class StateRow(serializers.Serializer[Any]):
    """How fresh an entity is, and what its latest run did."""

    entity = serializers.ChoiceField(choices=ENTITIES)
    state = serializers.ChoiceField(choices=Freshness.choices)
    as_of = serializers.DateTimeField(allow_null=True)
    cadence_seconds = serializers.IntegerField()
    next_run = serializers.DateTimeField(allow_null=True)
    run = LatestRun(allow_null=True)


class ScheduleRow(serializers.ModelSerializer[EntitySchedule]):
    """How often and how an entity is read."""

    entity = serializers.ChoiceField(choices=ENTITIES, read_only=True)
    reread = serializers.ChoiceField(choices=Reread.choices, read_only=True)
    cadence_seconds = serializers.SerializerMethodField()
    next_run = serializers.DateTimeField(source="next_due_at", read_only=True)

    class Meta:
        model = EntitySchedule
        fields = [
            "connection",
            "entity",
            "enabled",
            "off_reason",
            "paused_until",
            "every_seconds",
            "daily_at",
            "cadence_seconds",
            "mode",
            "reread",
            "next_run",
            "as_of",
        ]
        read_only_fields = fields

    def get_cadence_seconds(self, schedule: EntitySchedule) -> int:
        return int(schedule.cadence.total_seconds())


class RunRow(serializers.ModelSerializer[SyncRun]):
    """One attempt to bring one entity of one connection up to date, and what came of it."""

    entity = serializers.ChoiceField(choices=ENTITIES, read_only=True)
    mode = serializers.ChoiceField(choices=Mode.choices, read_only=True)
    requested_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    cancelled_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    due = serializers.DateTimeField(source="due_at", read_only=True)
    started = serializers.DateTimeField(source="started_at", read_only=True)
    completed = serializers.DateTimeField(source="completed_at", read_only=True)
    url = serializers.HyperlinkedIdentityField(view_name="api_run")

    class Meta:
        model = SyncRun
        fields = [
            "id",
            "url",
            "connection",
            "entity",
            "mode",
            "trigger",
            "state",
            "requested_by",
            "cancelled_by",
            "due",
            "started",
            "completed",
            "pages",
            *COUNTS,
            "held",
            "failure",
            "message",
            "then_full",
            "followed_by",
        ]
        read_only_fields = fields


# --- Doors ----------------------------------------------------------------------------------------
class Sync(APIView):
    scope = Scope.SYNC

    @extend_schema(
        summary="Start a sync now",
        description="For admins. A sync of what is being synced already starts nothing: the answer is that run, "
        "`attached`. Follow a run at its `url`.",
        request=SyncAsked,
        responses={202: SyncStarted, 400: Error, 401: Error, 403: Error, 404: Error},
    )
    def post(self, request: Request, pk: int) -> Response:
        connection = _connection(request, pk, TRIGGER_SYNC)
        form = SyncAsked(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        before = _planned(connection, request)
        requested = _request(request, connection, asked)
        runs = [_started(request, one) for one in requested]
        return Response({"runs": runs, "schedule": _note(connection, request, requested, before)}, status=202)


def _request(request: Request, connection: Connection, asked: dict[str, Any]) -> list[enqueue.QueuedRun]:
    named = "group" if "group" in asked else "entity"
    try:
        wanted = (
            enqueue.entities_of_group(connection, asked["group"], GROUPS[asked["group"]])
            if named == "group"
            else [Entity(asked["entity"])]
        )
        return enqueue.request_runs(
            connection, wanted, mode=Mode(asked["mode"]), trigger=Trigger.API, person=request.user
        )
    except enqueue.RunRefused as refused:
        raise serializers.ValidationError({named: [str(refused)]}) from None


def _started(request: Request, requested: enqueue.QueuedRun) -> dict[str, Any]:
    run = requested.run
    return {
        "id": run.pk,
        "entity": run.entity,
        "mode": run.mode,
        "state": run.state,
        "url": request.build_absolute_uri(reverse("api_run", args=[run.pk])),
        "attached": requested.attached,
    }


def _planned(connection: Connection, request: Request) -> dict[Entity, EntityState]:
    return {
        state.entity: state
        for state in sync_state(connection, bills=permissions.may_see_bills(request.user, connection))
    }


def _note(
    connection: Connection, request: Request, requested: list[enqueue.QueuedRun], before: dict[Entity, EntityState]
) -> dict[str, Any]:
    """What the request means for the schedule: a run that stood planned is taken for it, everything else stays."""
    after = _planned(connection, request)
    ours = [entity for entity in (Entity(one.run.entity) for one in requested) if entity in after]
    moved = [entity for entity in ours if before[entity].next_run != after[entity].next_run]
    words = ", ".join(entity.label.lower() for entity in moved)
    return {
        "unchanged": not moved,
        "message": MOVED.format(words) if moved else UNMOVED,
        "next_runs": {entity.value: serialize_state(after[entity])["next_run"] for entity in ours},
    }


class SyncStateOf(APIView):
    @extend_schema(
        summary="How fresh each entity of a connection is",
        responses={200: StateRow(many=True), 401: Error, 404: Error},
    )
    def get(self, request: Request, pk: int) -> Response:
        connection = _connection(request, pk)
        return Response([serialize_state(state) for state in _planned(connection, request).values()])


class Schedule(APIView):
    scope = Scope.MANAGE

    @extend_schema(summary="The cadence of one entity", responses={200: ScheduleRow, 401: Error, 404: Error})
    def get(self, request: Request, pk: int, entity: str) -> Response:
        return Response(ScheduleRow(_schedule(request, pk, entity)).data)

    @extend_schema(
        summary="Switch an entity on or off",
        description="For admins. What is switched on is synced at once; what is switched off keeps its data. How often "
        "and how data is read is support’s to change.",
        request=ScheduleChange,
        responses={200: ScheduleRow, 400: Error, 401: Error, 403: Error, 404: Error},
    )
    def patch(self, request: Request, pk: int, entity: str) -> Response:
        schedule = _schedule(request, pk, entity, MANAGE_CONNECTIONS)
        if isinstance(request.data, dict) and set(request.data) - set(ScheduleChange().fields):
            raise PermissionDenied(NOT_YOURS)
        form = ScheduleChange(data=request.data)
        form.is_valid(raise_exception=True)
        if is_read_with(schedule):
            parent = schedule.connection.connector.read_with[Entity(entity)]
            message = f"{Entity(entity).label} arrive with {parent.label.lower()}. Switch those on or off instead."
            raise serializers.ValidationError({"enabled": [message]})
        set_enabled(schedule.connection, Entity(entity), form.validated_data["enabled"], person=request.user)
        return Response(ScheduleRow(_schedule(request, pk, entity)).data)


class Runs(generics.ListAPIView[SyncRun]):
    serializer_class = RunRow

    @extend_schema(
        summary="Runs, the newest first",
        parameters=[
            OpenApiParameter("connection", int),
            OpenApiParameter("entity", str, enum=[name for name, _ in ENTITIES]),
            OpenApiParameter("state", str, enum=State.values),
        ],
        responses={200: RunRow(many=True), 400: Error, 401: Error},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[SyncRun]:
        form = RunsAsked(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        return _runs(self.request).filter(**form.validated_data)


class Run(APIView):
    @extend_schema(summary="One run", responses={200: RunRow, 401: Error, 404: Error})
    def get(self, request: Request, pk: int) -> Response:
        return Response(RunRow(_run(request, pk), context={"request": request}).data)


class Cancel(APIView):
    scope = Scope.SYNC

    @extend_schema(
        summary="Cancel a run",
        description="For admins. One that waits ends at once, one that works after its page; what it wrote stays.",
        request=None,
        responses={200: RunRow, 401: Error, 403: Error, 404: Error, 409: Error},
    )
    def post(self, request: Request, pk: int) -> Response:
        run = _run(request, pk)
        access.get(request.user, Connection, run.connection_id, TRIGGER_SYNC)
        if not lifecycle.cancel(run, person=request.user):
            raise Conflict("This run had ended already, so there was nothing to cancel.")
        return Response(RunRow(_run(request, pk), context={"request": request}).data)


def _connection(request: Request, pk: int, permission: str = "") -> Connection:
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, permission)


def _schedule(request: Request, pk: int, entity: str, permission: str = "") -> EntitySchedule:
    connection = _connection(request, pk, permission)
    hidden = entity == Entity.BILLS and not permissions.may_see_bills(request.user, connection)
    found = None if hidden else connection.schedules.filter(entity=entity).first()
    if found is None:
        raise Http404(f"{connection.name} has no “{entity}” to schedule.")
    found.connection = connection
    return found


def _runs(request: Request) -> QuerySet[SyncRun]:
    return permissions.visible_runs(request.user).select_related("requested_by", "cancelled_by")


def _run(request: Request, pk: int) -> SyncRun:
    found = _runs(request).filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such run.")
    return found


urlpatterns = [
    path("connections/<int:pk>/sync/", Sync.as_view(), name="api_sync"),
    path("connections/<int:pk>/sync-state/", SyncStateOf.as_view(), name="api_sync_state"),
    path("connections/<int:pk>/schedules/<slug:entity>/", Schedule.as_view(), name="api_schedule"),
    path("runs/", Runs.as_view(), name="api_runs"),
    path("runs/<int:pk>/", Run.as_view(), name="api_run"),
    path("runs/<int:pk>/cancel/", Cancel.as_view(), name="api_cancel"),
]
