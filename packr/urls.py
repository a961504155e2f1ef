"""Every address of Packr."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("packr.workspaces.urls")),
    path("", include("packr.warehouse.urls")),
    path("settings/integrations/", include("integrations.urls")),
    path("", include("syncs.urls")),
]
