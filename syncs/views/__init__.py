"""The pages of syncs: the manual sync window, the state of every entity, runs, and what a person decides about them."""

from .connection import connection, entity
from .decisions import held, retry_rejected
from .history import history, workspace_history
from .runs import cancel, run
from .tables import state_table
from .widget import widget
from .window import confirm, window

__all__ = [
    "cancel",
    "confirm",
    "connection",
    "entity",
    "held",
    "history",
    "retry_rejected",
    "run",
    "state_table",
    "widget",
    "window",
    "workspace_history",
]
