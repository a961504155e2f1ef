"""A sandbox warehouse system with the Trackstar API, for demonstrations, development and tests.

Uses the standard library only. `server.Sandbox` runs it inside a process, `python -m packr.demo.sandbox` on its own.
"""
