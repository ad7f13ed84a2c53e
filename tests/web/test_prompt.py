"""Prompts from the web, from real servers here that lie, drip, flood and point astray."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import re
import socket
import ssl
import struct
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.reading import is_url, open_image
from pixace.web.addresses import is_any, is_public
from pixace.web.prompt import LIMITS, MAX_BYTES, fetch
from pixace.wording import shown_url
from tests.tools.patience import PATIENCE
from tests.tools.places import FIXTURES

pytestmark = pytest.mark.fault

TLS = FIXTURES / "tls"
FAST = dataclasses.replace(
    LIMITS, connect_seconds=0.5, idle_seconds=0.3, answer_seconds=0.6, total_seconds=0.6
)
ENOUGH = 1_000_000  # bytes

_buffer = io.BytesIO()
Image.new("RGB", (8, 8), (1, 2, 3)).save(_buffer, "PNG")
PNG = _buffer.getvalue()


def reply(body: bytes = PNG, *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    """Returns an answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close"]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return reply(b"", f"Location: {location}", status=status)


CHUNKED = reply(b"", "Content-Type: image/png", "Transfer-Encoding: chunked", length=False)


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


class Server:
    """Plays an answer to everybody who connects, and notes what they asked.

    Args:
      play: what to send, or what to do with a connection whose request has been read.
      context: for TLS.
      host, port: where to listen; `::` is everywhere.
    """

    def __init__(
        self,
        play: bytes | Callable[[Server, socket.socket], object],
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.play = play
        self.context = context
        self.requests: list[str] = []
        self.connections = 0
        self.sent = 0
        self.closing = threading.Event()
        everywhere = host == "::"
        self.listening = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if everywhere else socket.AF_INET,
            dualstack_ipv6=everywhere,
        )
        self.port = self.listening.getsockname()[1]
        self.url = f"http{'s' if context else ''}://{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Clients that leave early are what these tests are about.
        with contextlib.suppress(OSError), connection:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (data := connection.recv(4096)):
                        return
                    request += data
                self.requests.append(request.decode())
                if isinstance(self.play, bytes):
                    connection.sendall(self.play)
                else:
                    self.play(self, connection)

    def path(self) -> str:
        """Returns what was asked for last."""
        return self.requests[-1].split()[1]

    def flood(self, connection: socket.socket, data: bytes) -> None:
        """Sends the same again and again, a thousand times what is allowed, or until it is cut."""
        data *= max(1, 100_000 // len(data))
        while self.sent < 1000 * ENOUGH and not self.closing.is_set():
            connection.sendall(data)
            self.sent += len(data)

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """Sends byte after byte, slowly, but without any pause that is too long."""
        for byte in data:
            connection.sendall(bytes([byte]))
            if self.closing.wait(0.02):
                return

    def wait(self, connection: socket.socket) -> None:
        """Sends nothing until the test is over."""
        self.closing.wait(60)


def flood(start: bytes, again: bytes) -> Callable[[Server, socket.socket], None]:
    def play(server: Server, connection: socket.socket) -> None:
        connection.sendall(start)
        server.flood(connection, again)

    return play


def drip(start: bytes, slow: bytes) -> Callable[[Server, socket.socket], None]:
    """After a minute all is said, and a client without limits has an image."""

    def play(server: Server, connection: socket.socket) -> None:
        connection.sendall(start)
        server.drip(connection, slow)

    return play


def silence(start: bytes) -> Callable[[Server, socket.socket], None]:
    def play(server: Server, connection: socket.socket) -> None:
        connection.sendall(start)
        server.wait(connection)

    return play


def reset(_server: Server, connection: socket.socket) -> None:
    connection.sendall(reply()[:-10])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hops(server: Server, connection: socket.socket) -> None:
    """Each path /N leads to /N-1, and /0 is the image."""
    left = int(server.path().strip("/"))
    connection.sendall(redirect(f"/{left - 1}") if left else reply())


def refusal(url: str, **options: object) -> str:
    """Fetches what must not come; returns the message, one line that begins with the address."""
    with pytest.raises(ImageError) as caught:
        fetch(url, **{"max_bytes": ENOUGH, **options})
    message = str(caught.value)
    assert message.startswith(f"{shown_url(url)}: ")
    assert message.isprintable(), "one line, nothing that a terminal would obey"
    return message.removeprefix(f"{shown_url(url)}: ")


@pytest.fixture
def attempts() -> list[str]:
    """The addresses that this process tries to connect to, told by Python itself."""
    _connects.clear()
    return _connects


_connects: list[str] = []


def _audit(event: str, args: tuple) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        _connects.append(str(args[1][0]))


sys.addaudithook(_audit)


# --- what arrives -------------------------------------------------------------------------------

GOOD = {
    "plain": reply(),
    "with a type": reply(PNG, "content-type: IMAGE/PNG; charset=x"),
    "with a wrong type": reply(PNG, "Content-Type: text/plain"),
    "the identity encoding": reply(PNG, "Content-Encoding: identity"),
    "without a length": reply(length=False),
    "chunked": CHUNKED + chunk(PNG[:30]) + chunk(PNG[30:], b';a="b"') + b"0\r\nX: y\r\n\r\n",
    "after provisional answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + reply(),
    "by HTTP/1.0": reply().replace(b"1.1", b"1.0"),
    "with bare line feeds": reply(b"").replace(b"\r\n", b"\n").replace(b": 0", b": 70") + PNG[:70],
    "more than announced": reply(PNG, length=False).replace(
        b"close", b"close\r\nContent-Length: 70"
    ),
    "three redirects": hops,
    "pieces": lambda server, connection: [
        connection.sendall(part) or time.sleep(0.05) for part in (reply()[:9], reply()[9:])
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_a_good_server_sends_arrives(name):
    with Server(GOOD[name]) as server:
        assert PNG.startswith(fetch(f"{server.url}/3", allowed=is_any).body)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_redirects_are_followed_to_other_servers(status):
    with Server(reply()) as there, Server(redirect(f"{there.url}/x", f"{status} Go")) as here:
        assert fetch(here.url, allowed=is_any).body == PNG
        assert f"Host: 127.0.0.1:{there.port}\r\n" in there.requests[0]


def test_an_image_becomes_pixels():
    with Server(reply()) as server:
        img = open_image(f"{server.url}/a.png", allow_private_urls=True)
    assert img.getcolors() == [(64, (1, 2, 3))]


def test_the_request_says_little():
    with Server(reply()) as server:
        fetch(f"{server.url}/a/../b%20c?d=e#f", allowed=is_any)
    first, *headers = server.requests[0].split("\r\n")[:-2]
    assert first == "GET /b%20c?d=e HTTP/1.1"
    names = {line.split(":")[0] for line in headers}
    assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
    assert "Accept-Encoding: identity" in headers


# --- what does not ------------------------------------------------------------------------------

BOMB = gzip.compress(bytes(200 * ENOUGH), 9)  # 200 KB
HTML = b"<!DOCTYPE html><title>Sign in,\n\x1b[31mplease</title><p>to see this image"

REFUSED = {
    **{
        f"status {status}": (reply(PNG, status=status), f"the server answered {status}")
        for status in (
            *("204 No Content", "206 Partial Content", "300 Multiple Choices", "304 Not Modified"),
            *("400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"),
            *("429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"),
        )
    },
    "a status in red": (reply(status="500 \x1b[31mred\x9b"), r"the server answered 500 \[31mred"),
    "a status without words": (reply(status="418"), "the server answered 418"),
    "a status that is none": (reply(status="2000 OK"), "2000"),
    "another protocol": (reply(status="101 Switching Protocols"), "answered 101"),
    "no HTTP": (b"220 smtp.example ESMTP\r\n\r\n", "220|BadStatus"),
    "zeros": (bytes(2000), "."),
    "nothing": (b"", "closed|abort"),
    "half a status": (b"HTTP/1.1 20", "."),
    "half the headers": (b"HTTP/1.1 200 OK\r\nContent-Le", "the server sent nothing"),
    "a page": (reply(HTML, "Content-Type: text/html"), r"page titled 'Sign in, \[31mplease' came"),
    "a page called image": (reply(HTML, "Content-Type: image/png"), "a web page titled 'Sign in"),
    "a page without title": (reply(b"<html>"), "a web page came, not an image; give the address"),
    "an image called page": (reply(PNG, "Content-Type: text/html; x=y"), "a web page came"),
    "an empty body": (reply(b""), "the server sent nothing"),
    "no chunks": (CHUNKED + b"0\r\n\r\n", "the server sent nothing"),
    "a body cut short": (reply()[:-9], r"cut .*9 more expected"),
    "a chunk cut short": (CHUNKED + chunk(PNG)[:-9], "cut"),
    "chunks without an end": (CHUNKED + chunk(PNG), "cut"),
    "chunks of nonsense": (CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", "cut"),
    "chunks of negative size": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", "cut|nothing"),
    "a connection reset": (reset, "cut|reset"),
    "two lengths": (reply(PNG, "Content-Length: 7"), "makes no sense: .*multiple unmatching"),
    "gzip": (reply(gzip.compress(PNG), "Content-Encoding: gzip"), "'gzip' encoding though"),
    "deflate": (reply(zlib.compress(PNG), "Content-Encoding: DEFLATE"), "'deflate' encoding"),
    "two encodings": (reply(BOMB, "Content-Encoding: gzip, gzip"), "'gzip, gzip' encoding"),
    "a gzip bomb": (reply(BOMB, "Content-Encoding: gzip"), "'gzip' encoding"),
    "a gzip bomb in chunks": (
        CHUNKED.replace(b"chunked", b"chunked\r\nContent-Encoding: x-gzip") + chunk(BOMB),
        "'x-gzip' encoding",
    ),
    "too large, announced": (reply(PNG, "Content-Length: 1000000000000000", length=False), "1 MB"),
    "too large, in one body": (flood(reply(b"", length=False), PNG), "more than 1 MB, too much"),
    "too large, in chunks": (flood(CHUNKED, chunk(PNG)), "more than 1 MB"),
    "endless headers": (flood(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), "more than 100 headers"),
    "one endless header": (flood(b"HTTP/1.1 200 OK\r\nX: ", b"y"), "got more than 65536 bytes"),
    "an endless status": (flood(b"HTTP/1.1 200 ", b"OK"), "got more than 65536 bytes|LineTooLong"),
    "provisional answers for ever": (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "1 MB"),
    "an endless size of a chunk": (flood(CHUNKED, b"0"), "cut|MB"),
    "endless words on a chunk": (flood(CHUNKED + b"5;", b"x"), "cut|MB"),
    "empty words on chunks": (flood(CHUNKED, chunk(b"x", b";" + b"y" * 4000)), "more than 1 MB"),
    "endless trailers": (flood(CHUNKED + chunk(PNG) + b"0\r\n", b"X: y\r\n"), "more than 1 MB"),
    "an endless trailer": (flood(CHUNKED + chunk(PNG) + b"0\r\nX: ", b"y"), "cut|MB"),
    "an endless page": (flood(reply(HTML, length=False), HTML), "a web page titled 'Sign in"),
    "an endless redirect": (flood(redirect("/"), PNG), "more than 3 redirects"),
    "four redirects": (hops, "more than 3 redirects"),
    "a redirect to itself": (redirect("/4"), "more than 3 redirects"),
    "a redirect to nowhere": (reply(b"", status="302 Found"), "redirected to nowhere"),
    **{
        f"a redirect to {target!r}": (redirect(target), "which pixace does not follow")
        for target in (
            *("file:///etc/passwd", "ftp://127.0.0.1/a.png", "gopher://127.0.0.1:70/1", "data:,x"),
            *("javascript:x", "HTTP:/\\127.0.0.1", "http://[::bad/", "http://a:x/"),
            *("unix:///run/x", "http+unix://%2Frun%2Fx/", "jar:http://a!/b", "http://a b/"),
        )
    },
    "a redirect with a password": (redirect("http://me:secret@127.0.0.1/"), "does not send"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_refused(tally, name):
    play, words = REFUSED[name]
    with Server(play) as server:
        message = refusal(f"{server.url}/4", allowed=is_any)
        assert server.sent < 100 * ENOUGH, "the client has hung up"
    assert re.search(words, message), message
    assert "secret" not in message
    tally.add("servers of prompts that lie, cut, flood or point astray", 1)


# Each of these goes on for a minute.
SLOW = {
    "silence": Server.wait,
    "silence after the status": silence(b"HTTP/1.1 200 OK\r\n"),
    "silence after the headers": silence(reply()[: -len(PNG)]),
    "silence before the last byte": silence(reply()[:-1]),
    "silence in a chunk": silence(CHUNKED + chunk(PNG)[:-9]),
    "silence after the chunks": silence(CHUNKED + chunk(PNG)),
    "headers that drip": drip(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 3000 + b"\r\n\r\n" + PNG),
    "a status that drips": drip(b"HTTP/1.1 200 ", b"O" * 3000 + b"\r\n\r\n" + PNG),
    "a body that drips": drip(reply(length=False), bytes(3000)),
    "chunks that drip": drip(CHUNKED, chunk(b"x") * 500),
    "the size of a chunk that drips": drip(CHUNKED, b"0" * 3000),
    "trailers that drip": drip(CHUNKED + chunk(PNG) + b"0\r\n", b"X: y\r\n" * 500),
    "provisional answers that drip": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 120 + reply()),
    "redirects that drip": drip(b"", redirect("/") * 20),
}


def test_slow_servers_are_given_up(tally):
    def tell(name: str) -> str:
        with Server(SLOW[name]) as server:
            return refusal(server.url, allowed=is_any, limits=FAST)

    with ThreadPoolExecutor(len(SLOW)) as pool:
        messages = dict(zip(SLOW, pool.map(tell, SLOW), strict=True))
    told = "nothing came for 0.3 s|not (complete|finished)|no complete answer|not answer in time"
    assert [name for name in SLOW if not re.fullmatch(f".*({told}).*", messages[name])] == []
    assert no_thread_is_left()
    tally.add("servers of prompts that are silent or drip", len(SLOW))


def no_thread_is_left() -> bool:
    """Says whether all threads of downloads end; it waits for them."""
    deadline = time.monotonic() + PATIENCE
    while any(thread.name == "pixace-download" for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_server_that_is_not_there_is_told():
    with Server(reply()) as server:
        pass
    assert "refused" in refusal(server.url, allowed=is_any)


def test_a_server_that_accepts_nobody_is_given_up():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(address)
        limits = dataclasses.replace(FAST, connect_seconds=0.2)
        message = refusal(f"http://127.0.0.1:{address[1]}/", allowed=is_any, limits=limits)
        for each in waiting:
            each.close()
    assert message == "no connection within 0.2 s"


def test_a_name_that_takes_for_ever_to_look_up_is_given_up(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60) and [])
    assert "no complete answer within" in refusal("http://slow.example/", limits=FAST)
    over.set()


def test_a_picture_of_too_many_pixels_is_refused():
    image = io.BytesIO()
    Image.new("1", (9000, 9000)).save(image, "PNG")
    with Server(reply(image.getvalue())) as server:
        url = f"{server.url}/a.png"
        with pytest.raises(ImageError, match="9000x9000 pixels are more than the 50 million") as e:
            open_image(url, allow_private_urls=True)
    assert str(e.value).startswith(f"{url}: ")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("application/pdf; \x1b=1", "; the server calls it application/pdf"),
        ("", ""),
        ("image/png", ""),
    ],
)
def test_what_the_server_calls_it_is_told_if_it_is_no_image(kind, told):
    with Server(reply(b"%XYZ-1.7", f"Content-Type: {kind}")) as server:
        message = "not an image of a known kind"
        with pytest.raises(ImageError, match=rf": {message} \([a-z, ]*\){told}$"):
            open_image(server.url, allow_private_urls=True)


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "http://[", "http://a b/x.png", "http://127.0.0.1:99999/", "HTTP://.x/"),
        *("http://127.0.0.1:0/", "http://127.0.0.1:-1/", "http://127.0.0.1:x/", "http:///x.png"),
        *("http://\\127.0.0.1/", "http://127.0.0.1\\@a/", "http://a\n.example/", "http://a\0/"),
        *("http://[::1", "http://::1]/", "http://[v1.x]/", f"http://{'a' * 64}.example/"),
        *(f"http://{'a.' * 200}example/", "http://a..b/", "http://%/", "http://\ud800/"),
    ],
)
def test_what_is_no_address_is_told(tally, attempts, url):
    assert is_url(url)
    assert re.search("not an address|Name or service|No address|failure in name", refusal(url))
    assert attempts == []
    tally.add("prompts that are no addresses", 1)


def test_addresses_are_spelt_in_one_line():
    assert "\u202e" not in refusal("http://127.0.0.1/\u202egnp.exe\x9b31m")
    assert not is_url("ftp://127.0.0.1/x.png")
    assert not is_url(Path("http.png"))


# --- where nobody may connect to ----------------------------------------------------------------

# The resolver of most machines knows each of these as this machine.
THIS_MACHINE = [
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "0.0.0.0", "0", "0.0"),
    *("2130706433", "0x7f000001", "0X7F000001", "017700000001", "0x7f.0.0.1", "0177.0.0.1"),
    *("0177.0.0x1", "127.0x1", "127.000.000.001", "0x7f.1", "00000000177.1", "localhost"),
    *(
        "LOCALHOST",
        "localhost.",
        "１２７.０.０.１",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "ｌｏｃａｌｈｏｓｔ",
    ),
    *("%31%32%37.0.0.1", "lo%63alhost", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::0001]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0.0.0.0]"),
]
# And these are other machines of its network, or ways into it.
ITS_NETWORK = [
    *("10.0.0.1", "10.1", "167772161", "0xa000001", "012.0.0.1", "172.16.0.1", "192.168.0.1"),
    *("192.168.257", "0xc0a80001", "169.254.169.254", "2852039166", "0251.0376.0251.0376"),
    *("100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[fc00::1]"),
    *("[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[ff0e::1]", "[::ffff:10.0.0.1]", "[::7f00:1]"),
    *("[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[64:ff9b:1::10.0.0.1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[2001:0:7f00:1::]"),
    *("[2001::f5ff:fffe]", "[2001:db8::1]", "[100::1]", "[5f00::1]", "[::ffff:a9fe:a9fe]"),
]
PRIVATE = "is private .* unless --allow_private_urls is given$"
# Some of the spellings no resolver needs to understand.
UNKNOWN = "not an address|Name or service|No address|failure in name|not supported"


@pytest.fixture(scope="module")
def everywhere() -> Iterator[Server]:
    """Listens to whatever arrives at this machine, at any of its addresses."""
    with Server(reply(), host="::") as server:
        yield server


@pytest.mark.parametrize("host", THIS_MACHINE + ITS_NETWORK)
def test_no_spelling_of_a_private_address_is_connected_to(tally, everywhere, attempts, host):
    message = refusal(f"http://{host}:{everywhere.port}/a.png")
    assert re.search(PRIVATE if host in THIS_MACHINE[:4] else f"{PRIVATE}|{UNKNOWN}", message)
    assert attempts == []
    assert everywhere.connections == 0
    tally.add("spellings of private addresses", 1)


def test_most_spellings_reach_this_machine_if_they_may():
    """Without this, the test above would show nothing."""
    with Server(reply(), host="::") as server:
        for host in THIS_MACHINE:
            with contextlib.suppress(ImageError):
                fetch(f"http://{host}:{server.port}/", allowed=is_any, limits=FAST)
        assert server.connections >= 25


def test_the_message_says_what_to_do():
    url = "http://localhost:1/a.png"
    with pytest.raises(ImageError) as caught:
        open_image(url)
    assert str(caught.value) == (
        f"{url}: the address of localhost is private (of a machine or its own network), where "
        "pixace fetches nothing unless --allow_private_urls is given"
    )


def only_the_second(address: str) -> bool:
    """A rule under which one address of this machine stands for the internet."""
    return address == "127.0.0.2" or is_public(address)


@pytest.mark.parametrize("n_hops", [1, 2, 3])
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"),
        *("10.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "１２７.0.0.1"),
    ],
)
def test_redirects_lead_to_no_private_address(tally, everywhere, attempts, host, n_hops):
    def play(server: Server, connection: socket.socket) -> None:
        left = int(server.path().strip("/"))
        target = f"http://{host}:{everywhere.port}/" if left == 1 else f"/{left - 1}"
        connection.sendall(redirect(target))

    with Server(play, host="127.0.0.2") as server:
        message = refusal(f"{server.url}/{n_hops}", allowed=only_the_second)
        assert len(server.requests) == n_hops
    assert re.search(f"{PRIVATE}|{UNKNOWN}", message)
    assert set(attempts) == {"127.0.0.2"}
    assert everywhere.connections == 0
    tally.add("redirects to private addresses", 1)


# --- names, whose addresses others choose -------------------------------------------------------


@pytest.fixture
def names(monkeypatch) -> dict[str, list[list[str]]]:
    """Names and what the resolver says of them, look-up after look-up; the last answer stays."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in known:
            return real(host, port, *args, **kwargs)
        answers = known[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [each for text in addresses for each in real(text, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def test_a_name_is_looked_up_once(names, attempts):
    names["rebinding.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    with Server(reply(), host="127.0.0.2") as there, Server(reply(), port=there.port) as forbidden:
        url = f"http://rebinding.example:{there.port}/"
        assert fetch(url, allowed=only_the_second).body == PNG
        assert forbidden.connections == 0
    assert f"Host: rebinding.example:{there.port}\r\n" in there.requests[0]
    assert names["rebinding.example"] == [["127.0.0.1"]], "the second answer was not asked for"
    assert attempts == ["127.0.0.2"]


def test_each_hop_is_looked_up_and_judged_anew(names, attempts):
    names["rebinding.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    with (
        Server(redirect("/again"), host="127.0.0.2") as there,
        Server(reply(), port=there.port) as forbidden,
    ):
        url = f"http://rebinding.example:{there.port}/"
        assert re.search(PRIVATE, refusal(url, allowed=only_the_second))
        assert forbidden.connections == 0
    assert attempts == ["127.0.0.2"]


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["::1"], ["10.0.0.1", "fd00::1"], ["0.0.0.0", "127.0.0.1", "::"]),
        *(["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["169.254.169.254"]),
    ],
)
@pytest.mark.parametrize("name", ["internal.example", "internal.example."])
def test_names_of_private_addresses_are_refused(everywhere, names, attempts, name, addresses):
    names[name] = [addresses]
    message = refusal(f"http://{name}:{everywhere.port}/")
    assert re.search(f"^the address of {name} {PRIVATE}", message)
    assert not any(address in message for address in addresses), "a look into the network"
    assert attempts == []
    assert everywhere.connections == 0


def test_of_several_addresses_only_those_allowed_are_tried(names, attempts):
    with Server(reply(), host="127.0.0.2") as there, Server(reply(), port=there.port) as forbidden:
        names["mixed.example"] = [["127.0.0.1", "::1", "127.0.0.2", "10.0.0.1"]]
        url = f"http://mixed.example:{there.port}/"
        assert fetch(url, allowed=only_the_second).body == PNG
        assert forbidden.connections == 0
    assert attempts == ["127.0.0.2"]


def test_the_next_address_is_tried_if_one_does_not_answer(names, attempts):
    with Server(reply(), host="127.0.0.2") as there:
        names["two.example"] = [["127.0.0.1", "127.0.0.2"]]
        assert fetch(f"http://two.example:{there.port}/", allowed=is_any).body == PNG
    assert attempts == ["127.0.0.1", "127.0.0.2"]


# --- credentials and proxies --------------------------------------------------------------------


@pytest.mark.parametrize("userinfo", ["me:secret", "me", ":secret", "me:secret%40", "a@b"])
def test_credentials_are_neither_sent_nor_shown(tally, userinfo):
    with Server(reply()) as server:
        message = refusal(f"http://{userinfo}@127.0.0.1:{server.port}/", allowed=is_any)
        assert "holds a user name or password, which pixace does not send" in message
        assert server.connections == 0
    tally.add("addresses with credentials", 1)


@pytest.mark.parametrize("password", ["se/cret", "se#cret", "se?cret", "se@cret", "se cret"])
def test_passwords_that_break_an_address_are_not_shown(password):
    with pytest.raises(ImageError) as caught:
        fetch(f"http://me:{password}@127.0.0.1/x.png")
    assert "cret" not in str(caught.value)


def test_those_of_netrc_are_not_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Server(reply()) as server:
        fetch(server.url, allowed=is_any)
        assert "uthorization" not in server.requests[0]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_is_asked(monkeypatch, variable):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server(reply(b"through the proxy")) as proxy, Server(reply()) as server:
        monkeypatch.setenv(variable, proxy.url)
        assert fetch(server.url, allowed=is_any).body == PNG
        assert re.search(PRIVATE, refusal(server.url))
        assert proxy.connections == 0


# --- encrypted ----------------------------------------------------------------------------------


@pytest.fixture
def encrypted(names, monkeypatch) -> Iterator[Callable[[object], Server]]:
    """Makes servers whose certificate is for prompts.example, and known to this process."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(TLS / "authority.pem"))
    names["prompts.example"] = names["other.example"] = [["127.0.0.1"]]
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "prompts.example.pem")
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with contextlib.ExitStack() as stack:

        def serve(play):
            server = stack.enter_context(Server(play, context))
            server.url = f"https://prompts.example:{server.port}"
            server.asked_for = asked
            return server

        yield serve


def test_a_certificate_is_checked_against_the_name(encrypted):
    server = encrypted(reply())
    assert fetch(server.url, allowed=is_any).body == PNG
    assert server.asked_for == ["prompts.example"]
    assert f"Host: prompts.example:{server.port}\r\n" in server.requests[0]
    for host in ("other.example", "127.0.0.1", "localhost"):
        message = refusal(f"https://{host}:{server.port}/", allowed=is_any)
        assert "the encrypted connection failed: " in message and "certificate" in message
    assert len(server.requests) == 1


def test_a_certificate_of_nobody_known_is_refused(encrypted, monkeypatch):
    server = encrypted(reply())
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "the encrypted connection failed: " in refusal(server.url, allowed=is_any)
    assert server.requests == []


def test_private_addresses_are_refused_before_any_handshake(encrypted):
    server = encrypted(reply())
    assert re.search(PRIVATE, refusal(server.url))
    assert server.connections == 0


def test_limits_hold_for_encrypted_answers(encrypted):
    assert "1 MB" in refusal(encrypted(REFUSED["too large, in chunks"][0]).url, allowed=is_any)
    for name in ("a body that drips", "silence after the headers"):
        message = refusal(encrypted(SLOW[name]).url, allowed=is_any, limits=FAST)
        # On a busy machine, the handshake alone may take most of the time.
        assert re.search("nothing came for 0.3 s|not (complete|finished)", message)


def test_redirects_lead_into_encryption_and_never_out_of_it(encrypted):
    server, plain = encrypted(reply()), Server(reply())
    with plain, Server(redirect(server.url)) as start:
        assert fetch(start.url, allowed=is_any).body == PNG
        message = refusal(encrypted(redirect(plain.url)).url, allowed=is_any)
        assert "which is not encrypted" in message
        assert plain.connections == 0


def test_no_library_warns_of_how_it_is_used(encrypted):
    """Python 3.13 did, on the user's terminal."""
    with Server(reply()) as plain, warnings.catch_warnings():
        warnings.simplefilter("error")
        for server in (plain, encrypted(reply())):
            assert fetch(server.url, allowed=is_any).body == PNG


def test_a_server_that_knows_no_tls_is_given_up():
    with Server(reply()) as server:  # it waits for a request, which no greeting of TLS is
        refusal(f"https://127.0.0.1:{server.port}/", allowed=is_any, limits=FAST)
        assert server.requests == []


# --- the limits themselves ----------------------------------------------------------------------


def test_the_limits_are_those_promised():
    assert (LIMITS.total_seconds, LIMITS.redirects, MAX_BYTES) == (20, 3, 20_000_000)
    assert LIMITS.answer_seconds >= LIMITS.total_seconds


def test_the_bytes_of_all_redirects_count():
    def play(server: Server, connection: socket.socket) -> None:
        left = int(server.path().strip("/"))
        padding = f"X: {'y' * 400}"
        answer = reply(b"", padding, f"Location: /{left - 1}", status="302 Found")
        connection.sendall(answer if left else reply(PNG, padding))

    with Server(play) as server:
        assert fetch(f"{server.url}/3", allowed=is_any, max_bytes=4000).body == PNG
        assert "too much" in refusal(f"{server.url}/3", allowed=is_any, max_bytes=1200)
