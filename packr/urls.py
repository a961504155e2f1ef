"""Every address of Packr."""

from django.contrib import admin
from django.urls import include, path

from syncs.health import healthz, readyz

handler500 = "packr.workspaces.views.broken"
urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
    path("", include("packr.workspaces.urls")),
    path("", include("packr.warehouse.urls")),
    path("settings/integrations/", include("integrations.urls")),
    path("", include("syncs.urls")),
]
