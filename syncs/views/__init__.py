"""The pages of syncs: the manual sync window, the state of every entity, runs, and what a person decides about them."""

from .advice import approve, ask, decline, why
from .connection import connection, entity
from .decisions import held, retry_rejected
from .history import history, workspace_history
from .runs import cancel, run
from .settings import sync_settings
from .tables import state_table
from .widget import widget
from .window import confirm, window

__all__ = [
    "approve",
    "ask",
    "cancel",
    "confirm",
    "connection",
    "decline",
    "entity",
    "held",
    "history",
    "retry_rejected",
    "run",
    "state_table",
    "sync_settings",
    "why",
    "widget",
    "window",
    "workspace_history",
]
