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


def test_documents_are_found() -> None:
    assert len(DOCUMENTS) > 10


def test_changelog_settings_and_project_name_the_same_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+)\.(\d+)\.(\d+) ", changelog, re.MULTILINE)
    assert versions == sorted(versions, reverse=True), "newest first"
    assert ".".join(versions[0]) == settings.VERSION
    assert f'version = "{settings.VERSION}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
