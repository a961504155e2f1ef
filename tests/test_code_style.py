"""The rules for names, module sizes and prose that a linter doesn't know."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_MODULE_LINES = 350
APPS = ("packr", "integrations", "syncs")
# Names that say nothing where they are used.
BARRED_FUNCTIONS = {"read", "key", "note", "ask", "tell", "told"}
# Django finds these by their name.
FRAMEWORK_CLASSES = {"Command"}
# Phrases of a voice that reads as translated, with what to write instead.
STOCK_PHRASES = {
    r"anew": "again",
    r"by itself|by themselves": "automatically",
    r"by hand": "manually",
    r"mend(s|ed|ing)?": "fix",
    r"at once": "immediately, or at the same time",
    r"what became of": "the outcome of",
    r"(is|was|are|were) told( of)?": "is notified of",
    r"goes on|go on": "continues",
    r"so many": "at most N",
    r"put(s|ting)? over": "override",
    r"at (a person|somebody|an admin)['’]s word": "requested by",
    r"take(s|n)? over its": "accept",
    r"has in hands?": "is working on",
}


def product_modules() -> list[Path]:
    """Return the modules of the product, without migrations."""
    return [path for app in APPS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts]


def public_classes(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def domain_nouns() -> set[str]:
    """Return the names of the records, which a model and a connector's payload may share."""
    return {name for path in (ROOT / "integrations/records").glob("*.py") for name in public_classes(path)}


def test_modules_are_found() -> None:
    assert len(product_modules()) > 200


def test_no_two_public_classes_share_a_name() -> None:
    modules = defaultdict(list)
    benchmarks = [path for path in sorted((ROOT / "benchmarks").rglob("*.py")) if "contestants" not in path.parts]
    for path in [*product_modules(), *benchmarks]:
        for name in public_classes(path):
            modules[name].append(str(path.relative_to(ROOT)))
    shared = {name: paths for name, paths in modules.items() if len(paths) > 1}
    assert {name: paths for name, paths in shared.items() if name not in domain_nouns() | FRAMEWORK_CLASSES} == {}


def test_public_functions_say_what_they_do() -> None:
    found = []
    for path in product_modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in BARRED_FUNCTIONS:
                found.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert found == []


def test_no_module_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in product_modules()}
    assert {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > MAX_MODULE_LINES} == {}


def prose_files() -> list[Path]:
    """Return the templates, documents and modules whose prose people read."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("templates/**/*.*")]
    return sorted([*documents, *product_modules()])


@pytest.mark.parametrize("phrase", STOCK_PHRASES)
def test_prose_has_no_stock_phrases(phrase: str) -> None:
    pattern = re.compile(rf"\b({phrase})\b", re.IGNORECASE)
    found = []
    for path in prose_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == [], f"write “{STOCK_PHRASES[phrase]}”"


def test_stock_phrases_are_looked_for_in_every_kind_of_file() -> None:
    assert {path.suffix for path in prose_files()} >= {".md", ".html", ".py"}
