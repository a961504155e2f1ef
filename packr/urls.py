"""Every address of Packr."""

from csp.decorators import csp_update
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

from packr.workspaces.api_errors import Missing
from syncs.monitoring.health import healthz, readyz

handler500 = "packr.workspaces.api_errors.broken"

# As YAML, or as JSON for who asks for it.
schema = SpectacularAPIView.as_view(content_negotiation_class=DefaultContentNegotiation)
# Swagger sets styles of its own.
docs = csp_update({"style-src": ["'self'", "'unsafe-inline'"]})(
    SpectacularSwaggerSplitView.as_view(url_name="api_schema")
)

api = [
    path("", include("integrations.api")),
    path("", include("packr.warehouse.api")),
    path("", include("syncs.api")),
    path("schema/", schema, name="api_schema"),
    path("docs/", docs, name="api_docs"),
    re_path("", Missing.as_view(), name="api_missing"),
]

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
    path("", include("packr.workspaces.urls")),
    path("", include("packr.warehouse.urls")),
    path("settings/integrations/", include("integrations.urls")),
    path("", include("syncs.urls")),
    path("help/", include("packr.help.urls")),
    path("api/v1/", include(api)),
]
