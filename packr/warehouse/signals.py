"""Signals by which the warehouse asks apps that it can't import; receivers return the answers."""

from django.dispatch import Signal

# Requests the age of an entity's mirror. Arguments: `connection`, `entity`. Answer: `stock.data_age.Age`.
age_requested = Signal()
