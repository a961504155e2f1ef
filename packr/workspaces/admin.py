"""Admin of workspaces, their people and brands; user accounts, API tokens and the audit log."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest

from packr.admin import ModelAdmin, ModelForm, ReadOnlyAdmin, TabularInline, time_column

from . import services, tokens
from .models import Brand, Membership, Role, Token, Workspace


class MembershipForm(ModelForm):
    """A person's role and bills permission. The person can't be changed: another person is another membership."""

    bills = forms.BooleanField(label="Sees bills", required=False, help_text="Admins always see them.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["user"].disabled = True
            self.fields["bills"].initial = services.views_bills(self.instance)


class MembershipInline(TabularInline):
    model = Membership
    form = MembershipForm
    fields = ["user", "role", "bills"]
    autocomplete_fields = ["user"]
    extra = 0
    verbose_name_plural = "people"


class BrandInline(TabularInline):
    model = Brand
    prepopulated_fields = {"slug": ["name"]}
    extra = 0
    can_delete = False
    show_change_link = True


@admin.register(Workspace)
class WorkspaceAdmin(ModelAdmin):
    list_display = ["name", "slug", "timezone", "people", "created_at"]
    ordering = ["slug"]
    search_fields = ["name", "slug"]
    search_help_text = "Name or slug of a workspace"
    fieldsets = [
        (None, {"fields": ["name", "slug"]}),
        (
            "Time",
            {
                "fields": ["timezone"],
                "description": "A name such as Europe/Berlin. Daily syncs follow a change immediately; a full refresh "
                "that is already planned keeps its time, and the next one follows.",
            },
        ),
    ]
    inlines = [BrandInline, MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request).annotate(people=Count("memberships"))
        return queryset

    @admin.display(ordering="people")
    def people(self, workspace: Any) -> int:
        return int(workspace.people)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Keep the slug, which names the workspace in commands."""
        return ["slug"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, Sequence[str]]:
        return {} if obj else {"slug": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: deleting a workspace would delete all of its data."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        saved = services.save_workspace(obj.slug, name=obj.name, timezone=obj.timezone)
        for field in Workspace._meta.concrete_fields:
            setattr(obj, field.attname, getattr(saved, field.attname))
        obj._state.adding = False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save memberships through the services, which also maintain the groups that hold the permissions."""
        if formset.model is not Membership:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        for membership in formset.deleted_objects:
            services.remove_member(membership)
        for membership in [*formset.new_objects, *(changed for changed, _ in formset.changed_objects)]:
            services.set_role(form.instance, membership.user, Role(membership.role))
        for row in formset.forms:
            if row.has_changed() and not row.cleaned_data.get("DELETE"):
                kept = Membership.objects.get(workspace=form.instance, user=row.cleaned_data["user"])
                services.show_bills(kept, row.cleaned_data["bills"])


@admin.register(Brand)
class BrandAdmin(ModelAdmin):
    list_display = ["name", "slug", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name", "slug", "workspace__name", "workspace__slug"]
    search_help_text = "Name or slug of a brand or its workspace"
    autocomplete_fields = ["workspace"]
    fields = ["workspace", "name", "slug"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Keep a brand in its workspace, since its mappings are there."""
        return ["workspace"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, Sequence[str]]:
        return {} if obj else {"slug": ["name"]}


class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """User accounts: superusers edit them, support can look them up, without the password hash."""

    LOOK_UP = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "last_login", "date_joined")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if request.user.is_superuser else self.LOOK_UP

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


admin.site.unregister(get_user_model())
admin.site.register(get_user_model(), PersonAdmin)


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    """API tokens: whose they are and when they were used, never the secret. `manage.py token` creates them."""

    list_display = ["name", "user", "scope_words", "created", "used", "revoked"]
    list_select_related = ["user"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["user__username", "ending"]
    search_help_text = "Person, or the last four characters of the token"
    show_full_result_count = False
    actions = ["revoke"]
    fields = ["name", "user", "scope_words", "created_exactly", "used_exactly", "revoked_exactly"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may revoke tokens."""
        return request.user.has_perm("workspaces.change_token")

    @admin.display(description="token", ordering="ending")
    def name(self, token: Token) -> str:
        return f"…{token.ending}"

    @admin.display(description="scopes")
    def scope_words(self, token: Token) -> str:
        return ", ".join(token.scopes)

    created = time_column("created_at", "created")
    used = time_column("last_used_at", "last used")
    revoked = time_column("revoked_at", "revoked")
    created_exactly = time_column("created_at", "created", exactly=True)
    used_exactly = time_column("last_used_at", "last used", exactly=True)
    revoked_exactly = time_column("revoked_at", "revoked", exactly=True)

    @admin.action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        for token in queryset.filter(revoked_at=None):
            self.log_change(request, token, "Revoked.")
        self.message_user(request, f"{tokens.revoke(queryset)} revoked.", messages.SUCCESS)


@admin.register(LogEntry)
class AuditAdmin(ReadOnlyAdmin):
    """The audit log of the admin: who changed what, when and why."""

    list_display = ["action_time", "user", "content_type", "object_repr", "change"]
    list_display_links = ["action_time", "object_repr"]
    list_select_related = ["user", "content_type"]
    list_filter = ["action_flag", ("content_type", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["object_repr", "change_message", "user__username"]
    search_help_text = "Object, person, or text of the change"
    date_hierarchy = "action_time"
    show_full_result_count = False
    fields = ["action_time", "user", "content_type", "object_id", "object_repr", "change"]

    @admin.display(description="what changed")
    def change(self, entry: LogEntry) -> str:
        return entry.get_change_message()
