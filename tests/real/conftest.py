"""Databases to start from, shared by the tests of one process."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.processes import BIG, DATABASES, Packr, Sandbox, Templates, sandbox


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    templates = Templates(tmp_path_factory.mktemp("templates"))
    yield templates
    templates.drop()


@pytest.fixture(params=DATABASES)
def packr(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[Packr]:
    """A fresh Packr, on each database."""
    with templates.packr(request.param, tmp_path / "packr") as packr:
        yield packr


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with an order list that takes a while."""
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--orders", str(BIG), "--still", "--no-limit") as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """A test that failed shows what the processes said."""
    report = yield
    packr = item.funcargs.get("packr")
    if packr and report.when == "call" and report.failed:
        report.sections += [(f"log of {name}", said) for name, said in packr.logs().items()]
    return report


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says something in the summary at the end, whether the test passes or not."""
    return lambda text: record_property("told", text)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            told = [text for name, text in report.user_properties if name == "told" and report.when == "call"]
            if told:
                terminalreporter.write_sep("-", f"{report.nodeid.rpartition('/')[2]}, {report.duration:.0f} s")
                terminalreporter.write_line("\n".join(told))
