"""Interpreter settings for worker processes."""

import gc
import sys

# A worker runs its lanes as threads. A thread that waits for the interpreter after a database answer gets it within
# this time, while another one decodes a page. With Python's default of 5 ms a first load takes a tenth longer.
THREAD_SWITCH_SECONDS = 0.001
GC_THRESHOLD = 10_000


def tune_worker() -> None:
    """Tune this process and those it forks. Call once, after everything is imported and before the first fork."""
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    # Imported objects live as long as the process. Searching them for garbage again and again took a tenth of a first
    # load and paused all threads for 80 ms each time.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
