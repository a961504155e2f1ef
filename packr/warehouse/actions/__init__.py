"""Actions: changes that people send to their WMS through Packr, from the offer to the confirmation.

Pages and the API send them with `act`, or with `prepare` and `send` to look at the values in between.
"""

from .availability import available_actions, fields
from .reconciliation import is_any_due, prune, settle
from .service import KeyTaken, act, prepare, send
from .status import ActionStatus, Mark, mark_of, marks
from .validation import Invalid

__all__ = [
    "ActionStatus",
    "Invalid",
    "KeyTaken",
    "Mark",
    "act",
    "available_actions",
    "fields",
    "is_any_due",
    "mark_of",
    "marks",
    "prepare",
    "prune",
    "send",
    "settle",
]
