"""The README's first command: a demo with data and people who can sign in, which stops cleanly and can be resumed."""

import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from integrations.connectors.trackstar import Trackstar
from tests.kit.processes import ROOT, Process, environment

pytestmark = pytest.mark.real

PASSWORD = "packr-demo"
DEMO = [sys.executable, str(ROOT / "manage.py"), "demo", "--port"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def demo(folder: Path, tmp_path: Path) -> Iterator["Demo"]:
    port = free_port()
    env = {"PACKR_DATA_DIR": str(folder)}
    with Process([*DEMO, str(port)], environment(**env), tmp_path / "demo.log") as process:
        yield Demo(process, f"http://localhost:{port}", folder)


class Demo:
    def __init__(self, process: Process, url: str, folder: Path) -> None:
        self.process, self.url, self.folder = process, url, folder

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.folder / "packr.sqlite3") as database:
            return database.execute(sql).fetchall()

    def signed_in(self, name: str) -> requests.Session:
        browser = requests.Session()
        browser.get(f"{self.url}/accounts/login/", timeout=10)
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post(f"{self.url}/accounts/login/", form, timeout=10).raise_for_status()
        return browser


def test_demo_shows_data_stops_cleanly_and_resumes(demo: Demo, tmp_path: Path) -> None:
    """First runs load orders and inventory automatically. A restart keeps connection, history and data."""
    said = demo.process.waits_for(f"Packr is ready at {demo.url}", 120)
    assert PASSWORD in demo.process.said()
    assert said
    firsts = demo.rows("SELECT entity, state FROM syncs_syncrun WHERE \"trigger\" = 'first'")
    assert {state for _, state in firsts} == {"succeeded"}
    assert {entity for entity, _ in firsts} == {entity.value for entity in Trackstar.resources}
    assert len(firsts) == len(Trackstar.resources)
    for name, may_sync in (("admin", True), ("member", False)):
        browser = demo.signed_in(name)
        assert "#NB-" in browser.get(f"{demo.url}/orders/", timeout=10).text
        page = browser.get(f"{demo.url}/settings/integrations/", timeout=10).text
        assert "WMS Connected" in page
        assert ("Manual sync</" in page) == may_sync
    assert demo.signed_in("support").get(f"{demo.url}/admin/", timeout=10).status_code == 200
    assert demo.rows("SELECT count(*) FROM integrations_brandmapping") == [(2,)]
    demo.process.signal(signal.SIGINT)
    assert demo.process.ends(60) == 0
    assert "Packr has stopped." in demo.process.said()

    before = demo.rows("SELECT count(*) FROM warehouse_order")
    runs = demo.rows("SELECT count(*) FROM syncs_syncrun WHERE \"trigger\" = 'first'")
    port = free_port()
    env = environment(PACKR_DATA_DIR=str(demo.folder))
    with Process([*DEMO, str(port)], env, tmp_path / "again.log") as process:
        process.waits_for("Packr is ready", 120)
        process.signal(signal.SIGINT)
        assert process.ends(60) == 0
    assert demo.rows("SELECT count(*) FROM integrations_connection") == [(1,)]
    assert demo.rows("SELECT count(*) FROM syncs_syncrun WHERE \"trigger\" = 'first'") == runs
    assert demo.rows("SELECT count(*) FROM warehouse_order WHERE removed_at IS NOT NULL") == [(0,)]
    assert demo.rows("SELECT count(*) FROM warehouse_order") >= before
