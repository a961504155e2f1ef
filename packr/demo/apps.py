from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "packr.demo"
    label = "demo"
