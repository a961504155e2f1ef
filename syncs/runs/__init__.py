"""The table of runs is the queue: planning runs, asking for them, taking them, ending them."""
