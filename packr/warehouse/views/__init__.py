"""The pages of the warehouse."""
