"""Signals to the apps above `integrations`. Each is sent inside the transaction that makes the change."""

from django.dispatch import Signal

# `connection` was stored. `first_sync`: whether the first runs start now; `off`: the entities that are not synced, each
# with its services.OffReason.
connection_made = Signal()
# `connection` works again, with new credentials from `person`. `other_account`: whether they belong to another account
# than before.
connection_resumed = Signal()
# `connection` was disconnected by `person` (None: not by a person).
connection_ended = Signal()
# `connection`, whose row is locked, is about to be deleted with all its data.
connection_deleted = Signal()
# `connection` reads further back: its border was moved. `until`: where the border was before; `person` moved it.
lookback_raised = Signal()
# Requests how many records of a connection an app keeps. `connection`. Answer: dict of Entity to count.
record_counts_requested = Signal()
