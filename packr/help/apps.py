from django.apps import AppConfig


class HelpConfig(AppConfig):
    name = "packr.help"
    label = "help"
    verbose_name = "Help"
