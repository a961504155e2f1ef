"""Stock checks: whether an order can be filled, from which warehouse, and how old the numbers are."""
