"""News that travels upwards, to apps that `integrations` does not know."""

from django.dispatch import Signal

# Sent inside the transaction. `connection`; `first_sync`: whether the first runs should start now.
connection_made = Signal()
# Sent inside the transaction. `connection`; `person`: the user who did it, or None.
connection_ended = Signal()
# Sent inside the transaction. `connection`, its border moved back already; `until`: where it was before; `person`.
lookback_raised = Signal()
