"""A guard on the socket itself: where it connects, how much it reads, and for how long."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pixace.errors import DownloadError
from pixace.web.addresses import is_any, is_public
from pixace.web.answer import RetryableError
from pixace.web.guard import Guard, guarded_session, too_much
from pixace.web.limits import Limits
from pixace.web.request import ask
from tests.tools.download_server import FILE, Server

LIMITS = Limits(connect_seconds=1, idle_seconds=0.3, answer_seconds=2, total_seconds=5, redirects=3)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read(guard: Guard, sock: socket.socket, n_bytes: int) -> int:
    return guard.receive(sock, bytearray(n_bytes))


# --- where to ---------------------------------------------------------------------------------


def test_an_allowed_address_is_connected_to(server: Server) -> None:
    asked: list[str] = []

    def allowed(address: str) -> bool:
        asked.append(address)
        return True

    with Guard(allowed, LIMITS, 100).connect("127.0.0.1", server.server_port) as sock:
        assert sock.getpeername() == ("127.0.0.1", server.server_port)
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "2130706433", "0x7f.1"])
def test_what_is_not_allowed_is_not_connected_to(server: Server, host: str) -> None:
    with pytest.raises(DownloadError, match="is private .* unless --allow_private_urls is given"):
        Guard(is_public, LIMITS, 100).connect(host, server.server_port)


def test_a_name_that_cannot_be_looked_up_is_the_machines_to_tell() -> None:
    with pytest.raises(OSError, match=r"."):
        Guard(is_any, LIMITS, 100).connect("no-such-host.invalid", 80)


def test_of_several_addresses_the_first_that_answers_is_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(host: str, port: int, **_: object) -> list[tuple]:
        kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*kind, (address, port)) for address in ("127.0.0.9", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with Guard(is_any, LIMITS, 100).connect("two.example", server.server_port) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"
    only_dead = Guard(lambda address: address == "127.0.0.9", LIMITS, 100)
    with pytest.raises(ConnectionRefusedError):
        only_dead.connect("two.example", server.server_port)


def test_who_accepts_nobody_is_given_up() -> None:
    """A queue that is full: the system answers nobody who connects."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with contextlib.ExitStack() as waiting:
            for _ in range(5):
                sock = waiting.enter_context(socket.socket())
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    sock.connect(full.getsockname())
            limits = dataclasses.replace(LIMITS, connect_seconds=0.2)
            with pytest.raises(RetryableError, match=r"no connection within 0\.2 s"):
                Guard(is_any, limits, 100).connect(*full.getsockname())


# --- how much, and how long -------------------------------------------------------------------


def test_bytes_are_counted_over_all_connections(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    guard = Guard(is_any, LIMITS, 2_000_000)
    guard.bytes_left = 10
    theirs.sendall(b"0123456789")
    assert read(guard, ours, 6) == 6
    assert read(guard, ours, 6) == 4
    theirs.sendall(b"x")
    with pytest.raises(DownloadError, match="more than 2 MB, too much for an image"):
        read(guard, ours, 6)


def test_silence_ends_the_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TimeoutError):
        read(Guard(is_any, LIMITS, 100), pair[0], 1)


def test_bytes_that_drip_end_with_the_time(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    limits = dataclasses.replace(LIMITS, idle_seconds=5, total_seconds=0.5)
    guard, over = Guard(is_any, limits, 10**6), threading.Event()

    def drip() -> None:
        while not over.wait(0.01):
            theirs.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(DownloadError, match=r"not complete after 0\.5 s"):
            any(read(guard, ours, 1) == 0 for _ in range(10**6))
    finally:
        over.set()
        thread.join()
    with pytest.raises(DownloadError, match="not complete"):
        guard.connect("127.0.0.1", 9)


def test_the_error_of_too_much_names_the_limit() -> None:
    assert str(too_much(2_500_000)) == "more than 2.5 MB, too much for an image"


# --- whole sessions ---------------------------------------------------------------------------


def test_a_session_reads_an_answer_under_guard(server: Server) -> None:
    guard = Guard(is_any, LIMITS, 10**6)
    with guarded_session(guard) as session:
        answer = ask(session, f"{server.url}/f", {}, LIMITS, guard.deadline)
        assert b"".join(answer.body()) == FILE
    assert len(FILE) < 10**6 - guard.bytes_left < len(FILE) + 1000, "headers count, too"


def test_headers_alone_can_be_too_much(server: Server) -> None:
    server.play = lambda h: h.reply(b"", X_Long="a" * 60_000)
    guard = Guard(is_any, LIMITS, 10_000)
    with guarded_session(guard) as session, pytest.raises((DownloadError, RetryableError)) as error:
        ask(session, f"{server.url}/f", {}, LIMITS, guard.deadline)
    assert "more than 0.01 MB" in str(error.value)


def test_a_session_sends_no_credentials_and_asks_no_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    guard = Guard(is_any, LIMITS, 10**6)
    with guarded_session(guard) as session:
        ask(session, f"{server.url}/f", {}, LIMITS, guard.deadline).close()
        with pytest.raises(DownloadError, match="holds a user name or password"):
            ask(session, server.url.replace("//", "//me:secret@"), {}, LIMITS, guard.deadline)
    ((_, headers),) = server.asked
    assert "Authorization" not in headers


def test_each_fetch_has_a_deadline_of_its_own() -> None:
    first = Guard(is_any, LIMITS, 100)
    time.sleep(0.01)
    assert Guard(is_any, LIMITS, 100).deadline > first.deadline
