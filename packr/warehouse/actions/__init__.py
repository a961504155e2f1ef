"""Changes that people make at their WMS through Packr: offered, checked, sent at once, shown in the mirror, settled.

`act` is the one way in, for pages and the API alike.
"""

from .availability import available_actions, fields
from .reconciliation import is_any_due, prune, settle
from .service import KeyTaken, act
from .status import Mark, MarkState, mark_of, marks
from .validation import Invalid

__all__ = [
    "Invalid",
    "KeyTaken",
    "Mark",
    "MarkState",
    "act",
    "available_actions",
    "fields",
    "is_any_due",
    "mark_of",
    "marks",
    "prune",
    "settle",
]
