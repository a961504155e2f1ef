"""Template databases, shared by the tests of one process."""

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
    """Return a new Packr on each database, or on PostgreSQL with the test's Redis if the test uses `redis`."""
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
    """Return a sandbox with a long order list, without faults and with an empty request log."""
    big_world.reset()
    return big_world


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    options = ("--orders", str(SMALL), "--still", "--no-limit")
    with sandbox(tmp_path_factory.mktemp("sandbox"), *options) as running:
        yield running


@pytest.fixture
def small(small_world: Sandbox) -> Sandbox:
    """Return a sandbox with a short order list."""
    small_world.reset()
    return small_world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Add the output of the processes to the report of a failed test."""
    report = yield
    packr = item.funcargs.get("packr")
    if packr and report.when == "call" and report.failed:
        report.sections += [(f"log of {name}", said) for name, said in packr.logs().items()]
    return report


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return a function that adds a line to the summary of the test session, whether the test passes or fails."""
    return lambda text: record_property("told", text)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            told = [text for name, text in report.user_properties if name == "told" and report.when == "call"]
            if told:
                terminalreporter.write_sep("-", f"{report.nodeid.rpartition('/')[2]}, {report.duration:.0f} s")
                terminalreporter.write_line("\n".join(told))
