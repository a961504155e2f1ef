"""Processing steps: what is worked out from the mirror after a run, for what changed alone.

A step belongs to an entity (`pipeline.STEPS`). It finds the SKUs that the entity's changes since the last time touch
(`affected_skus`), in portions and in order, so that it can be broken off at any time and goes on where it stood; and
the metrics of these SKUs are worked out anew, whole, from the mirror (`compute`). Worked out piece by piece or all at
once, they are the same.
"""
