"""The rules for commit messages and files."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / ".ci" / "commit_rules.py"
HOME = "/ho" + "me/dana/"  # in two parts, or this file would break the rule


def check_message(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run the commit-msg hook on a message."""
    file = folder / "message"
    file.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, SCRIPT, "message", file], capture_output=True, text=True)


def test_good_message_passes(tmp_path: Path) -> None:
    done = check_message(tmp_path, f"syncs: {'x' * 65}\n\nWhy, in a body {'that may be long ' * 10}\n")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "fault"),
    [("syncs: " + "x" * 66, "73 characters"), (f"syncs: Fix\n\nSeen in {HOME}packr", "of one machine")],
)
def test_long_subject_and_machine_path_are_refused(tmp_path: Path, message: str, fault: str) -> None:
    done = check_message(tmp_path, message)
    assert done.returncode == 1
    assert fault in done.stderr


def test_tracked_file_with_machine_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("commit_rules", SCRIPT)
    assert spec
    assert spec.loader
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "notes.md").write_text(f"fine\nlogs are in {HOME}logs\n", encoding="utf-8")
    subprocess.run(["git", "-C", tmp_path, "add", "notes.md"], check=True)
    monkeypatch.chdir(tmp_path)
    assert [fault.split(": ")[0] for fault in rules.tree_faults()] == ["notes.md:2"]
