"""Tenants: workspaces, their people and brands, and API tokens."""

from functools import cache
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

TRIGGER_SYNC = "trigger_sync"
MANAGE_CONNECTIONS = "manage_connections"
ACT = "act"
VIEW_BILLS = "view_bills"
ADMIN_PERMISSIONS = (TRIGGER_SYNC, MANAGE_CONNECTIONS, ACT, VIEW_BILLS)


class Role(models.TextChoices):
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"


known_timezones = cache(available_timezones)  # it opens hundreds of files


def known_timezone(name: str) -> None:
    if name not in known_timezones():
        raise ValidationError(f"“{name}” is not a time zone. Use a name such as Europe/Berlin or America/New_York.")


class Workspace(models.Model):  # type: ignore[django-manager-missing]
    """A tenant. The group `admins` holds its admins' rights as object permissions."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC", validators=[known_timezone])
    admins = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="+", editable=False)
    members = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="+", editable=False)
    low_stock_days = models.PositiveSmallIntegerField(
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="A SKU is low on stock when what is available lasts for fewer days than this.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        permissions = [
            (TRIGGER_SYNC, "Can start and cancel syncs"),
            (MANAGE_CONNECTIONS, "Can connect and disconnect a WMS"),
            (ACT, "Can send changes to the WMS"),
            (VIEW_BILLS, "Can see the WMS's bills"),
        ]

    def __str__(self) -> str:
        return self.name


class WorkspaceUserObjectPermission(UserObjectPermissionBase):  # type: ignore[misc]  # guardian has no types
    """Guardian's permissions with a direct foreign key, so that they are deleted with the workspace."""

    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)


class WorkspaceGroupObjectPermission(GroupObjectPermissionBase):  # type: ignore[misc]
    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)


class Membership(models.Model):
    """A person in a workspace. Save it with `services.set_role`, which also maintains the groups."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership")]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}"


class Brand(models.Model):
    """A merchant's label inside a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="brands")
    name = models.CharField(max_length=200)
    slug = models.SlugField()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="one_brand_slug")]

    def __str__(self) -> str:
        return self.name


class Scope(models.TextChoices):
    """What a token may be used for, within its user's permissions."""

    READ = "read", "Read"
    SYNC = "sync", "Start and cancel syncs"
    MANAGE = "manage", "Switch types of data on and off"
    ACT = "act", "Send changes to the WMS"


class Token(models.Model):
    """Lets a program act as a user, within its scopes, until revoked. Only a digest of the secret is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    ending = models.CharField(max_length=4, editable=False)
    scopes = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"…{self.ending} of {self.user}"
