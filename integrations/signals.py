"""News that travels upwards, to apps that `integrations` does not know."""

from django.dispatch import Signal

# Sent inside the transaction. `connection`; `first_sync`: whether the first runs should start now; `off`: the entities
# that are not wanted, each with why (services.Off).
connection_made = Signal()
# Sent inside the transaction: it works again, with new credentials. `connection`; `person`; `other_account`: whether
# they are those of another account than before.
connection_resumed = Signal()
# Sent inside the transaction. `connection`; `person`: the user who did it, or None.
connection_ended = Signal()
# Sent inside the transaction that deletes it, whose row is held: all there is of it goes. `connection`.
connection_deleted = Signal()
# Sent inside the transaction. `connection`, its border moved back already; `until`: where it was before; `person`.
lookback_raised = Signal()
# Requests how many records of a connection an app keeps. `connection`. Answer: dict of Entity to count.
record_counts_requested = Signal()
