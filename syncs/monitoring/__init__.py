"""Looking after the syncs: what should have run, what is wrong, what is mended, and what is kept."""
