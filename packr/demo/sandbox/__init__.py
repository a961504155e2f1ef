"""A warehouse system of our own that speaks the Trackstar API: for demonstrations, development and tests.

Standard library only. `server.Sandbox` runs it inside a process, `python -m packr.demo.sandbox` by itself.
"""
