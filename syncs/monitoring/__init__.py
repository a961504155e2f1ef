"""Monitoring of the syncs: the watchdog, its repairs and incidents, retention, and health checks."""
