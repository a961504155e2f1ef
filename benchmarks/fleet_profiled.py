"""`manage.py qcluster` whose workers write a CPU profile, `profile-PID` in the data folder, for pstats.

Each thread is profiled separately by its own CPU time, so waiting costs nothing.
"""

import cProfile
import os
import pstats
import sys
import threading
import time
from pathlib import Path

import django
from django.core.management import execute_from_command_line


def main() -> None:
    django.setup()
    from syncs import tasks
    from syncs.engine.worker_pool import WorkerPool

    work, run = tasks.work, WorkerPool._run
    profiles: list[cProfile.Profile] = []
    lock = threading.Lock()

    def profiled(crew: WorkerPool) -> None:
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.runcall(run, crew)
        finally:
            with lock:
                profiles.append(profile)

    def kept() -> None:
        work()
        file = Path(os.environ["PACKR_DATA_DIR"]) / f"profile-{os.getpid()}"
        if profiles:
            pstats.Stats(*profiles).dump_stats(file)

    WorkerPool._run, tasks.work = profiled, kept  # type: ignore[assignment,method-assign]
    execute_from_command_line([sys.argv[0], "qcluster"])


if __name__ == "__main__":
    main()
