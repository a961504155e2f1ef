"""Databases to start from, shared by the tests of one process."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.processes import BIG, DATABASES, SMALL, Packr, Sandbox, Templates, sandbox
from tests.servers import Redis


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    templates = Templates(tmp_path_factory.mktemp("templates"))
    yield templates
    templates.drop()


@pytest.fixture
def redis() -> Iterator[Redis]:
    """An empty Redis."""
    with Redis() as running:
        yield running


@pytest.fixture(params=DATABASES)
def packr(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[Packr]:
    """A fresh Packr, on each database; where a test asks for `redis`, on PostgreSQL and that test's Redis."""
    kind, broker = request.param, ""
    if kind == "redis":
        kind, broker = "postgres", request.getfixturevalue("redis").url
    with templates.packr(kind, tmp_path / "packr", broker) as packr:
        yield packr


@pytest.fixture(scope="session")
def big_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    options = ("--orders", str(BIG), "--still", "--no-limit")
    with sandbox(tmp_path_factory.mktemp("sandbox"), *options) as running:
        yield running


@pytest.fixture
def big(big_world: Sandbox) -> Sandbox:
    """A sandbox with an order list that takes a while; nothing is wrong with it yet, and nobody asked it anything."""
    big_world.reset()
    return big_world


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    options = ("--orders", str(SMALL), "--still", "--no-limit")
    with sandbox(tmp_path_factory.mktemp("sandbox"), *options) as running:
        yield running


@pytest.fixture
def small(small_world: Sandbox) -> Sandbox:
    """The same with some pages only."""
    small_world.reset()
    return small_world


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
