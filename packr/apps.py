from django.contrib.admin.apps import AdminConfig


class PackrAdminConfig(AdminConfig):
    default_site = "packr.admin.PackrAdminSite"
