"""What the processes of a cluster share: heartbeats, wake-ups, shutdown, and the tick every minute."""
