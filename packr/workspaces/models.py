"""Tenants: workspaces, the people in them and their brands."""

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


known_timezones = cache(available_timezones)  # which opens hundreds of files


def known_timezone(name: str) -> None:
    if name not in known_timezones():
        raise ValidationError(f"“{name}” is no time zone. Use a name such as Europe/Berlin or America/New_York.")


class Workspace(models.Model):  # type: ignore[django-manager-missing]
    """A tenant. Its admins' rights are object permissions held by the `admins` group."""

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
    """Guardian's permissions as direct foreign keys: they go when the workspace goes."""

    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)


class WorkspaceGroupObjectPermission(GroupObjectPermissionBase):  # type: ignore[misc]
    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)


class Membership(models.Model):
    """A person in a workspace. Saved through `services.set_role`, which keeps the groups in step."""

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
    """What a token may be used for; its person's rights bound it anyway."""

    READ = "read", "Read"
    SYNC = "sync", "Start and cancel syncs"
    MANAGE = "manage", "Switch types of data on and off"
    ACT = "act", "Send changes to the WMS"


class Token(models.Model):
    """Lets a program act as a person, within its scopes, until it is revoked. Kept as a digest: nobody can read it."""

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
