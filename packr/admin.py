"""The admin's own frame: its name and the order people look for things in."""

from django.contrib import admin


class PackrAdminSite(admin.AdminSite):
    site_header = "Packr support"
    site_title = "Packr support"
    index_title = "Connections, schedules and runs"
