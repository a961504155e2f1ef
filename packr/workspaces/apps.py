from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "packr.workspaces"
    label = "workspaces"
