"""Metrics of SKUs, derived from the mirror after a run for the SKUs that its changes affect.

Each entity has steps (`pipeline.STEPS`). A step finds the SKUs that the changes since its last run affect
(`affected_skus`), in order and in portions, so that it can stop after any portion and continue there. The metrics of
these SKUs are then computed from the whole mirror (`compute`), so the result does not depend on the portions.
"""
