"""The documents: links lead to files, versions agree, and the prose is plain."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# A file named in backquotes, from the root of the project.
NAMED_FILE = re.compile(r"`((?:packr|integrations|syncs|tests|benchmarks|templates|docs|\.ci)/[\w./]+\.\w+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    missing += [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()]
    assert missing == []


PROMISE = re.compile(r"^\| ([PITBL]\d+) \|.*\| (`(tests/[\w/.]+)::(\w+)`|not yet: .+) \|$", re.MULTILINE)


def test_every_promise_names_a_test_that_exists() -> None:
    promises = PROMISE.findall((ROOT / "docs/promises.md").read_text(encoding="utf-8"))
    counts = {"P": 61, "I": 19, "T": 23, "B": 14, "L": 23}
    assert [name for name, *_ in promises] == [
        f"{page}{number + 1}" for page, n in counts.items() for number in range(n)
    ]
    missing = [
        f"{path}::{test}"
        for _, _, path, test in promises
        if path and f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_documents_are_found() -> None:
    assert len(DOCUMENTS) > 10


def test_changelog_settings_and_project_name_the_same_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+)\.(\d+)\.(\d+) ", changelog, re.MULTILINE)
    assert versions == sorted(versions, reverse=True), "newest first"
    assert ".".join(versions[0]) == settings.VERSION
    assert f'version = "{settings.VERSION}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
