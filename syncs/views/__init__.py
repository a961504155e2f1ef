"""The pages of syncs: manual sync, sync state, runs, history, reviews and sync settings."""

from .connection import connection, entity
from .diagnosis import approve, ask, decline, why
from .fragments import state_table, widget
from .history import history, workspace_history
from .manual_sync import confirm, window
from .reviews import held, retry_rejected
from .runs import cancel, run
from .settings import sync_settings

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
