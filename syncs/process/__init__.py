"""What the processes of a cluster tell each other: signs of life, wake-ups, the end, and the minute's tick."""
