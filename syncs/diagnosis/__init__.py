"""Why data is not newer, and what leads out of it."""
