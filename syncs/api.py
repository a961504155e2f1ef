"""The API of syncs: the same forms, services and permissions as the pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view, inline_serializer
from rest_framework import generics, serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.bill_access import may_view_bills, view_permission
from integrations.entities import GROUPS, Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.api_errors import Conflict, Error
from packr.workspaces.models import MANAGE_CONNECTIONS, TRIGGER_SYNC, Scope

from . import forms
from .entity_switches import set_enabled
from .models import ENTITIES, EntitySchedule, Mode, Reread, State, SyncRun, Trigger
from .runs import enqueue, lifecycle
from .runs.cadence import is_read_with
from .status.entity_state import EntityState, sync_state
from .status.freshness import Freshness
from .status.run_states import visible_runs
from .status.serializers import COUNTS, serialize_state

ENABLED_ONLY = (
    "You can change only “enabled” here. Contact support to change how often or in which mode this data is synced."
)
SCHEDULE_UNCHANGED = "This run does not change the schedule."
SCHEDULE_MOVED = "The next scheduled run starts now instead ({}). The schedule continues as before."


# --- Requests -------------------------------------------------------------------------------------
SYNC_FORM = inline_serializer(
    "SyncAsked",
    {
        "entity": serializers.ChoiceField(ENTITIES, required=False),
        "group": serializers.ChoiceField(list(GROUPS), required=False),
        "mode": serializers.ChoiceField(Mode.choices, default=Mode.INCREMENTAL.value),
        "from": serializers.DateField(required=False, help_text="First day, for mode “window” only."),
        "to": serializers.DateField(required=False, help_text="Last day, inclusive, for mode “window” only."),
    },
)


class ScheduleChange(serializers.Serializer[Any]):
    """Whether an entity is synced automatically."""

    enabled = serializers.BooleanField()


def _filter_choice(name: str, choices: Sequence[tuple[str, str]]) -> Any:
    known = ", ".join(value for value, _ in choices)
    messages: Any = {"invalid_choice": f"There is no {name} “{{input}}”. Choose one of {known}."}
    return serializers.ChoiceField(choices, required=False, error_messages=messages)


class RunsAsked(serializers.Serializer[Any]):
    """The filters of the list of runs."""

    connection = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    entity = _filter_choice("entity", ENTITIES)
    state = _filter_choice("state", State.choices)


# --- Responses ------------------------------------------------------------------------------------
class RunStarted(serializers.Serializer[Any]):
    """A run of a requested sync. `attached`: it was already active, so no second run was started."""

    id = serializers.IntegerField(source="run.pk")
    entity = serializers.ChoiceField(choices=ENTITIES, source="run.entity")
    mode = serializers.ChoiceField(choices=Mode.choices, source="run.mode")
    state = serializers.ChoiceField(choices=State.choices, source="run.state")
    url = serializers.HyperlinkedRelatedField[SyncRun](source="run", view_name="api_run", read_only=True)
    attached = serializers.BooleanField()


class ScheduleNote(serializers.Serializer[Any]):
    """The effect of a manual sync on the schedule."""

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
    """The freshness of an entity, and its latest run."""

    entity = serializers.ChoiceField(choices=ENTITIES)
    state = serializers.ChoiceField(choices=Freshness.choices)
    as_of = serializers.DateTimeField(allow_null=True)
    cadence_seconds = serializers.IntegerField()
    next_run = serializers.DateTimeField(allow_null=True)
    run = LatestRun(allow_null=True)


class ScheduleRow(serializers.ModelSerializer[EntitySchedule]):
    """The cadence and mode of an entity."""

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
    """One attempt to update one entity of one connection, and its result."""

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


# --- Views ----------------------------------------------------------------------------------------
class Sync(APIView):
    scope = Scope.SYNC

    @extend_schema(
        summary="Start a sync now",
        description="For admins. Send either an entity or a group. Mode `incremental` reads what changed, `full` reads "
        "everything. Mode `window` re-reads the records of a history entity that changed between two dates, both "
        "inclusive, in the workspace’s time zone; nothing is removed. If the entity is already being synced, no "
        "second run starts: the response contains the active run, marked `attached`. Follow a run at its `url`.",
        request=SYNC_FORM,
        responses={202: SyncStarted, 400: Error, 401: Error, 403: Error, 404: Error},
    )
    def post(self, request: Request, pk: int) -> Response:
        connection = _connection(request, pk, TRIGGER_SYNC)
        if not isinstance(request.data, Mapping):
            raise serializers.ValidationError({"entity": ["Send a JSON object."]})
        before = _states(connection, request)
        form = forms.parse(request.data, connection)
        queued = forms.submit(connection, form, trigger=Trigger.API, person=request.user)
        runs = RunStarted(queued, many=True, context={"request": request})
        return Response({"runs": runs.data, "schedule": _note(connection, request, queued, before)}, status=202)


def _states(connection: Connection, request: Request) -> dict[Entity, EntityState]:
    bills = may_view_bills(request.user, connection)
    return {state.entity: state for state in sync_state(connection, bills=bills)}


def _note(
    connection: Connection, request: Request, queued: list[enqueue.QueuedRun], before: dict[Entity, EntityState]
) -> dict[str, Any]:
    """Describe what the request changed in the schedule: a planned run that it starts now."""
    after = _states(connection, request)
    entities = [entity for entity in (Entity(queued_run.run.entity) for queued_run in queued) if entity in after]
    moved = [entity for entity in entities if before[entity].next_run != after[entity].next_run]
    names = ", ".join(entity.label.lower() for entity in moved)
    return {
        "unchanged": not moved,
        "message": SCHEDULE_MOVED.format(names) if moved else SCHEDULE_UNCHANGED,
        "next_runs": {entity.value: serialize_state(after[entity])["next_run"] for entity in entities},
    }


class SyncStateOf(APIView):
    @extend_schema(
        summary="The sync state of each entity of a connection",
        responses={200: StateRow(many=True), 401: Error, 404: Error},
    )
    def get(self, request: Request, pk: int) -> Response:
        connection = _connection(request, pk)
        return Response([serialize_state(state) for state in _states(connection, request).values()])


class Schedule(APIView):
    scope = Scope.MANAGE

    @extend_schema(summary="The cadence of one entity", responses={200: ScheduleRow, 401: Error, 404: Error})
    def get(self, request: Request, pk: int, entity: str) -> Response:
        return Response(ScheduleRow(_schedule(request, pk, entity)).data)

    @extend_schema(
        summary="Switch an entity on or off",
        description="For admins. Switching an entity on syncs it immediately; switching it off keeps its data. Only "
        "support can change the cadence and the mode.",
        request=ScheduleChange,
        responses={200: ScheduleRow, 400: Error, 401: Error, 403: Error, 404: Error},
    )
    def patch(self, request: Request, pk: int, entity: str) -> Response:
        schedule = _schedule(request, pk, entity, MANAGE_CONNECTIONS)
        if isinstance(request.data, dict) and set(request.data) - set(ScheduleChange().fields):
            raise PermissionDenied(ENABLED_ONLY)
        form = ScheduleChange(data=request.data)
        form.is_valid(raise_exception=True)
        if is_read_with(schedule):
            parent = schedule.connection.connector.read_with[Entity(entity)]
            message = (
                f"{Entity(entity).label} arrive with {parent.label.lower()}. Switch {parent.label.lower()} on or off."
            )
            raise serializers.ValidationError({"enabled": [message]})
        set_enabled(schedule.connection, Entity(entity), form.validated_data["enabled"], person=request.user)
        return Response(ScheduleRow(_schedule(request, pk, entity)).data)


@extend_schema_view(
    get=extend_schema(
        summary="Runs, newest first",
        parameters=[RunsAsked],
        responses={200: RunRow(many=True), 400: Error, 401: Error},
    )
)
class Runs(generics.ListAPIView[SyncRun]):
    serializer_class = RunRow

    def get_queryset(self) -> QuerySet[SyncRun]:
        form = RunsAsked(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        return _runs(self.request).filter(**form.validated_data)


@extend_schema_view(get=extend_schema(summary="One run", responses={200: RunRow, 401: Error, 404: Error}))
class Run(generics.RetrieveAPIView[SyncRun]):
    serializer_class = RunRow

    def get_queryset(self) -> QuerySet[SyncRun]:
        return _runs(self.request)


class Cancel(APIView):
    scope = Scope.SYNC

    @extend_schema(
        summary="Cancel a run",
        description="For admins. A queued run ends immediately, a running one after its current page. Its data stays.",
        request=None,
        responses={200: RunRow, 401: Error, 403: Error, 404: Error, 409: Error},
    )
    def post(self, request: Request, pk: int) -> Response:
        run = get_object_or_404(_runs(request), pk=pk)
        _connection(request, run.connection_id, TRIGGER_SYNC)
        if not lifecycle.cancel(run, person=request.user):
            raise Conflict("This run has already ended.")
        run = _runs(request).get(pk=pk)
        return Response(RunRow(run, context={"request": request}).data)


def _connection(request: Request, pk: int, permission: str = "") -> Connection:
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, permission)


def _schedule(request: Request, pk: int, entity: str, permission: str = "") -> EntitySchedule:
    connection = _connection(request, pk, permission)
    hidden = view_permission(entity) and not may_view_bills(request.user, connection)
    found = None if hidden else connection.schedules.filter(entity=entity).first()
    if found is None:
        raise Http404(f"{connection.name} has no schedule for “{entity}”.")
    found.connection = connection
    return found


def _runs(request: Request) -> QuerySet[SyncRun]:
    return visible_runs(request.user).select_related("requested_by", "cancelled_by")


urlpatterns = [
    path("connections/<int:pk>/sync/", Sync.as_view(), name="api_sync"),
    path("connections/<int:pk>/sync-state/", SyncStateOf.as_view(), name="api_sync_state"),
    path("connections/<int:pk>/schedules/<slug:entity>/", Schedule.as_view(), name="api_schedule"),
    path("runs/", Runs.as_view(), name="api_runs"),
    path("runs/<int:pk>/", Run.as_view(), name="api_run"),
    path("runs/<int:pk>/cancel/", Cancel.as_view(), name="api_cancel"),
]
