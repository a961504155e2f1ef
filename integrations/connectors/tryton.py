"""Tryton."""

from ..connector import Connector, Credential


class Tryton(Connector):
    slug, label = "tryton", "Tryton"
    credentials = (
        Credential("database", "Database", secret=False),
        Credential("login", "Login", secret=False),
        Credential("password", "Password"),
    )
    identity = ("database", "login")
    resources = {}
