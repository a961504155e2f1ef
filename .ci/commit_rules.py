"""Refuse long commit subjects and paths of one machine.

commit_rules.py message FILE   the commit-msg hook: one message
commit_rules.py                `make check`: the files of this checkout, and the commits made since this rule exists
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_SUBJECT_LENGTH = 72
# Bracketed letters keep this file from matching itself.
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:[r]oot|[h]ome/\w+|[U]sers/\w+|[w]ork|[f]arm)/|(?<![\w.-])/[t]mp/\w")
BINARY = {".png", ".ico", ".woff2", ".gz"}


def message_faults(message: str) -> Iterator[str]:
    """Yield what is wrong with a commit message."""
    subject = message.split("\n", 1)[0]
    if len(subject) > MAX_SUBJECT_LENGTH:
        yield f"{len(subject)} characters in the subject, at most {MAX_SUBJECT_LENGTH}: {subject}"
    if found := MACHINE_PATH.search(message):
        yield f"the path {found[0]!r} of one machine in the message of: {subject}"


def tree_faults() -> Iterator[str]:
    """Yield the lines of tracked files that name a path of one machine."""
    for name in _git("ls-files").splitlines():
        path = Path(name)
        if path.suffix in BINARY or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := MACHINE_PATH.search(line):
                yield f"{name}:{number}: the path {found[0]!r} of one machine"


def history_faults() -> Iterator[str]:
    """Yield what is wrong with the messages of commits made after this file was added."""
    added = _git("log", "--diff-filter=A", "--format=%H", "--", ".ci/commit_rules.py").split()
    if added:
        for message in _git("log", "--no-merges", "--format=%B%x00", f"{added[-1]}..HEAD").split("\0"):
            yield from message_faults(message.strip())


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def main() -> int:
    if sys.argv[1:2] == ["message"]:
        faults = list(message_faults(Path(sys.argv[2]).read_text(encoding="utf-8")))
    else:
        faults = [*tree_faults(), *history_faults()]
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
