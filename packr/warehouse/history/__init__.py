"""The history of mirrored records: which values changed, from what to what, when and why.

A connection's first sync records no history, so it costs nothing there. A value without an entry is as it was first
read; its first entry also holds the value before.
"""
