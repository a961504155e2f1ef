"""The table of runs, which is the queue: planning, requesting, claiming and ending runs."""
