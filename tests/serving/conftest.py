"""One server for all tests of the page, with the tiny models; it draws in this process."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pixace.serving.guard import OWN_HEADER
from pixace.serving.server import PageServer
from tests.tools.patience import PATIENCE


@dataclass
class Answer:
    """What came of a request; `lines` are those of a drawing."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def values(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def drawn(self):
        return self.lines[-1]["drawn"]


@dataclass
class Page:
    """Asks the server what the page asks.

    Attributes:
      server: whose page it is.
      headers: that the page sends.
    """

    server: PageServer
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.server.address)
        assert parts.hostname is not None and parts.port is not None
        self.place = parts.hostname, parts.port
        self.headers = {OWN_HEADER: parts.fragment.removeprefix("token=")}

    def connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.place, timeout=PATIENCE)

    def ask(self, path: str, values=None, *, method=None, headers=None, body=None) -> Answer:
        """Asks by GET where nothing is sent; headers beside or instead of the page's own."""
        connection = self.connected()
        if values is not None:
            body = json.dumps(values).encode()
        named = {**self.headers, **(headers or {})}
        named = {name: value for name, value in named.items() if value is not None}
        connection.request(method or ("GET" if body is None else "POST"), path, body, named)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def draw(self, **values) -> Answer:
        return self.ask("/draw", {"model": "transformer", "n_pictures": 2, "seed": 3, **values})


@pytest.fixture(scope="session")
def page(weights_dir: Path) -> Iterator[Page]:
    with PageServer("transformer", weights_dir) as server:
        yield Page(server)
