"""Questions to apps that the mirror does not know: what they answer comes back from `send`."""

from django.dispatch import Signal

# How old the mirror of an entity is. `connection`; `entity`. Answered with an `stock.ages.Age`.
age_asked = Signal()
