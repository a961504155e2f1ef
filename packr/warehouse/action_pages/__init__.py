"""The pages on which people change something at the WMS, and those that tell what became of it."""
