"""“Why is this stale?”: the causes that keep data from being newer, and their remedies."""
