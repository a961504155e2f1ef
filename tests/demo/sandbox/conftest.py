"""A sandbox in this process and a simple client for it."""

import http.client
import json
from urllib.parse import quote, urlencode

import pytest

from packr.demo.sandbox.server import Sandbox

HEADERS = {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-1"}


class Reply:
    """The response to a request."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.raw = response.read()

    @property
    def json(self):
        return json.loads(self.raw)


class Client:
    """Sends requests to one sandbox over one kept-alive connection."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.port = int(sandbox.url.rsplit(":", 1)[1])
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def call(self, method, path, body=None, headers=None, **query):
        target = path + ("?" + urlencode(query, quote_via=quote) if query else "")
        data = None if body is None else json.dumps(body)
        try:
            self.connection.request(method, target, data, HEADERS if headers is None else headers)
            return Reply(self.connection.getresponse())
        except Exception:
            self.connection.close()
            raise

    def get(self, path, **query):
        return self.call("GET", path, **query)

    def write(self, method, path, body=None, key=None, token="sandbox-1"):
        extra = {"Idempotency-Key": key} if key else {}
        extra["x-trackstar-access-token"] = token
        return self.call(method, path, body, HEADERS | {"Content-Type": "application/json"} | extra)

    def pages(self, path, **query):
        """Return all pages of a listing."""
        token, pages = None, []
        while len(pages) < 500:
            page = self.get(path, **query, **({"page_token": token} if token else {}))
            assert page.status == 200, page.raw
            pages.append(page.json)
            token = page.json["next_token"]
            if token is None:
                return pages
        raise AssertionError("endless paging")

    def rows(self, path, **query):
        return [row for page in self.pages(path, **query) for row in page["data"]]

    def control(self, name, expect=200, **body):
        reply = self.call("POST", f"/_control/{name}", body, {})
        assert reply.status == expect, reply.raw
        return reply.json

    def fault(self, name, **params):
        return self.control("fault", fault=name, **params)

    def change(self, entity, expect=200, account="sandbox-1", **body):
        return self.control("change", expect, account=account, entity=entity, **body).get("record")

    def log(self):
        return self.call("GET", "/_control/requests", headers={}).json


@pytest.fixture(scope="session")
def shared():
    """Return a paused sandbox with 300 orders and no rate limit, for tests that only read."""
    with Sandbox(orders=300, still=True, limit=False) as sandbox:
        client = Client(sandbox)
        yield client
        client.connection.close()


@pytest.fixture
def reading(shared):
    shared.control("fault", clear=True)
    return shared


@pytest.fixture
def wms():
    """Return a separate paused sandbox with 60 orders."""
    with Sandbox(orders=60, still=True, limit=False) as sandbox:
        client = Client(sandbox)
        yield client
        client.connection.close()


@pytest.fixture
def limited():
    """Return a paused sandbox with Trackstar's rate limits."""
    with Sandbox(orders=5, still=True) as sandbox:
        client = Client(sandbox)
        yield client
        client.connection.close()
