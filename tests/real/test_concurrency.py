"""Many people at the same time, over HTTP, against gunicorn."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest
import requests

from tests.kit.processes import PASSWORD, Packr, Sandbox, until
from tests.real.steps import connect

pytestmark = pytest.mark.real

CALLERS = 20
RUNS = "SELECT id, state FROM syncs_syncrun WHERE entity = 'orders'"


@pytest.fixture
def connection(packr: Packr, small: Sandbox) -> str:
    return connect(packr, small, "--no-first-sync")


class Browser:
    """A person's browser, with its cookies and the form token."""

    def __init__(self, url: str, person: str | None = None) -> None:
        self.url = url
        self._session = requests.Session()
        # The server may close a kept-alive connection just before the next form is sent.
        self._session.headers["Connection"] = "close"
        if person:
            self._session.get(f"{url}/accounts/login/", timeout=30).raise_for_status()
            answer = self.post("/accounts/login/", username=person, password=PASSWORD)
            assert answer.status_code == 302, f"{person} could not sign in"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.close()

    def post(self, path: str, *, accept: str = "text/html", **form: str) -> requests.Response:
        form["csrfmiddlewaretoken"] = self._session.cookies.get("csrftoken", "")
        return self._session.post(self.url + path, form, headers={"Accept": accept}, allow_redirects=False, timeout=30)


def trigger(browser: Browser, connection: str) -> requests.Response:
    return browser.post(f"/settings/integrations/{connection}/sync/", accept="application/json", entity="orders")


def burst(browsers: list[Browser], connection: str) -> list[dict[str, Any]]:
    """Trigger the orders in all browsers at the same moment. Return the run of each response."""
    together = threading.Barrier(len(browsers))

    def one(browser: Browser) -> requests.Response:
        together.wait()
        return trigger(browser, connection)

    with ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(one, browsers))
    assert [answer.status_code for answer in answers] == [202] * len(browsers)
    runs = [answer.json()["runs"] for answer in answers]
    assert all(len(found) == 1 for found in runs)
    return [found[0] for found in runs]


def test_twenty_simultaneous_requests_get_the_same_run(packr: Packr, small: Sandbox, connection: str) -> None:
    url = packr.serve()
    with ThreadPoolExecutor(CALLERS) as pool:
        browsers = list(pool.map(lambda _: Browser(url, "anna"), range(CALLERS)))
    runs = burst(browsers, connection)
    ((run, state),) = packr.rows(RUNS)
    assert state == "queued"
    assert {answer["id"] for answer in runs} == {run}
    assert [answer["attached"] for answer in runs].count(False) == 1

    small.fault(fault="latency", ms=700, path="/wms/orders")
    packr.start("qcluster")
    until(lambda: packr.rows(f"{RUNS} AND state = 'running'"), "a worker works on the run", 30)
    runs = burst(browsers, connection)
    assert {(answer["id"], answer["attached"]) for answer in runs} == {(run, True)}
    until(lambda: packr.rows(f"{RUNS} AND id = {run} AND state = 'succeeded'"), "the run succeeded", 60)
    for browser in browsers:
        browser.__exit__()


@pytest.mark.parametrize("packr", ["sqlite"], indirect=True)
def test_only_an_admin_starts_a_sync(packr: Packr, connection: str) -> None:
    url = packr.serve()
    with Browser(url, "max") as member:
        assert trigger(member, connection).status_code == 403
    with Browser(url) as stranger:
        # There is no token without a session, so use that of the sign-in page.
        stranger._session.get(f"{url}/accounts/login/", timeout=30)
        answer = trigger(stranger, connection)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/?next=/settings/integrations/")
    assert packr.rows("SELECT id FROM syncs_syncrun") == []


@pytest.mark.parametrize(("packr", "person"), [("sqlite", "anna"), ("postgres", "max")], indirect=["packr"])
def test_refresh_sends_one_request_and_starts_no_run(
    packr: Packr, small: Sandbox, connection: str, person: str
) -> None:
    url = packr.serve()
    last = small.last()
    with Browser(url, person) as browser:
        assert browser.post(f"/settings/integrations/{connection}/refresh/").status_code == 302
    assert len(small.requests(after=last)) == 1
    assert packr.rows("SELECT id FROM syncs_syncrun") == []
