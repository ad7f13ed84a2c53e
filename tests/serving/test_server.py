"""The life of the server: its port, its threads, who goes, and its end."""

import contextlib
import http.client
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from pixace.errors import CheckpointError, UsageError
from pixace.serving.guard import HEADERS
from pixace.serving.server import PageServer
from tests.serving.conftest import Page
from tests.tools.patience import PATIENCE

LONG = {"n_pictures": 16, "best_of": 64}


def n_serving() -> int:
    """Returns how many threads of this process serve a request."""
    names = [thread.name for thread in threading.enumerate()]
    return sum("process_request_thread" in name for name in names)


def test_a_taken_port_and_the_next_one(page, weights_dir, caplog) -> None:
    taken = page.place[1]
    caplog.set_level(logging.INFO)
    with PageServer("transformer", weights_dir, port=taken) as other:
        assert f":{taken}/" not in other.address
    assert f"port {taken} is taken: this is " in caplog.text


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"port": 70_000}, UsageError, "port"),
        (
            {"host": "no.such.host.invalid"},
            UsageError,
            "cannot listen at host no.such.host.invalid",
        ),
        ({"host": "203.0.113.1"}, UsageError, "cannot listen at host 203.0.113.1"),
        ({"model_name": "none"}, CheckpointError, "no such model"),
    ],
)
def test_what_cannot_be_served_is_told(weights_dir, options, kind, message) -> None:
    with pytest.raises(kind, match=message):
        PageServer(**{"model_name": "transformer", "weights_dir": weights_dir, **options})


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000, b"431"),
        (b"GET / HTTP/1.1" + b"\r\nX: 1" * 500, b"431"),
    ],
)
def test_what_is_no_request_gets_no_page(page, lines: bytes, status: bytes) -> None:
    with socket.create_connection(page.place, PATIENCE) as connection:
        connection.sendall(lines + b"\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status) and body == b""
    assert all(f"{name}: {value}".encode() in head for name, value in HEADERS.items())


def test_who_goes_stops_the_drawing(page) -> None:
    before = {*page.server.studio.drawings}
    connection = page.connected()
    order = {"model": "transformer", **LONG}
    connection.request("POST", "/draw", json.dumps(order), page.headers)
    response = connection.getresponse()
    while b"pixels" not in response.readline():
        pass
    response.close()
    connection.close()
    assert page.draw().status == 200, "the next one has its turn"
    new = {*page.server.studio.drawings} - before
    assert len(new) == 1, "the other one was not drawn to its end"


def test_a_hundred_at_once(page) -> None:
    """Few threads serve them, few drawings wait, and all are answered."""
    answers, most = [], []

    def ask(number: int) -> None:
        answer = page.draw() if number % 2 else page.ask("/models")
        answers.append((number % 2, answer.status))
        most.append(n_serving())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(answers) == 100 and max(most) <= 24
    assert {status for is_drawing, status in answers if not is_drawing} == {200}
    assert {status for is_drawing, status in answers if is_drawing} == {200, 503}


def test_connections_that_say_nothing_have_no_more_threads(weights_dir) -> None:
    while n_serving():
        time.sleep(0.02)  # those of other tests end
    with PageServer("transformer", weights_dir) as server, contextlib.ExitStack() as open_ones:
        place = "127.0.0.1", int(server.address.split(":")[2].partition("/")[0])
        for _ in range(40):
            open_ones.enter_context(socket.create_connection(place, timeout=PATIENCE))
        counts = [0]
        while not counts[-1] or len(set(counts[-25:])) > 1 or len(counts) < 25:
            time.sleep(0.02)  # until none has come for half a second
            counts.append(n_serving())
        assert counts[-1] == 24


def test_the_end_of_its_context_ends_a_drawing(weights_dir) -> None:
    with PageServer("transformer", weights_dir) as server:
        own = Page(server)
        connection = own.connected()
        order = {"model": "transformer", **LONG}
        connection.request("POST", "/draw", json.dumps(order), own.headers)
        response = connection.getresponse()
        while b"pixels" not in response.readline():
            pass
    with contextlib.closing(connection), contextlib.suppress(http.client.IncompleteRead):
        assert b'"drawn"' not in response.read()


def test_a_signal_ends_it_while_it_draws(weights_dir) -> None:
    """The address is all that is printed, and the exit status is that of a stopped command."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pixace", "serve", "--model_name=transformer", "--port=0"),
            "--host=0.0.0.0",
            f"--weights_dir={weights_dir}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        host, _, token = address.removeprefix("http://").partition("/#token=")
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        headers = {"X-Pixace-Token": token}
        order = json.dumps({"model": "transformer", **LONG})
        connection.request("POST", "/draw", order, headers)
        response = connection.getresponse()
        while b"pixels" not in response.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + signal.SIGINT
    assert out == ""
    assert errors.splitlines()[-1] == "pixace: stopped"
    assert "Traceback" not in errors
    assert errors.startswith("warning: at 0.0.0.0 other machines can reach this page")
