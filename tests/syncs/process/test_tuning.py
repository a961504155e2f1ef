"""Only worker processes change interpreter settings."""

import gc
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from syncs.process.tuning import GC_THRESHOLD, THREAD_SWITCH_SECONDS
from syncs.supervisor import Supervisor

PRINT_SETTINGS = "print(json.dumps([sys.getswitchinterval(), gc.get_threshold()[0], gc.get_freeze_count()]))"
WEB_PROCESS = f"import gc, json, sys, packr.wsgi; {PRINT_SETTINGS}"
COMMAND = f"import gc, json, sys, manage; sys.argv = ['manage.py', 'version']; manage.main(); {PRINT_SETTINGS}"


def printed_settings(program: str) -> Any:
    """Run the program in a process of its own and return the settings it prints last."""
    environment = os.environ | {"PACKR_DEBUG": "1"}
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def restored_settings() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.mark.parametrize("program", [WEB_PROCESS, COMMAND], ids=["web process", "manage.py command"])
def test_other_processes_keep_defaults(program: str) -> None:
    assert printed_settings(program) == printed_settings(f"import gc, json, sys; {PRINT_SETTINGS}")


def test_workers_forked_by_qcluster_are_tuned(monkeypatch: pytest.MonkeyPatch, restored_settings: None) -> None:
    fork = multiprocessing.get_context("fork")
    settings = fork.SimpleQueue()

    def run(supervisor: Supervisor) -> int:
        worker = fork.Process(
            target=lambda: settings.put((sys.getswitchinterval(), gc.get_threshold()[0], gc.get_freeze_count()))
        )
        worker.start()
        worker.join()
        return 0

    monkeypatch.setattr(Supervisor, "run", run)
    with pytest.raises(SystemExit):
        call_command("qcluster")
    interval, threshold, frozen = settings.get()
    assert (interval, threshold) == (pytest.approx(THREAD_SWITCH_SECONDS), GC_THRESHOLD)
    assert frozen > 50_000
