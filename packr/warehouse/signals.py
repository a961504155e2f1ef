"""Signals by which the warehouse asks apps that it can't import; receivers return the answers."""

from django.dispatch import Signal

# Requests the age of an entity's mirror. Arguments: `connection`, `entity`. Answer: `stock.data_age.Age`.
age_requested = Signal()

# Requests the addresses of the pages of sync runs. Argument: `run_ids`. Answer: a dict of addresses by run id.
run_urls_requested = Signal()

# Requests the run that wrote a record. Arguments: `row`, `moment`. Answer: `history.run_links.RunLink` or None.
writing_run_requested = Signal()
