"""Who may ask: every way in which another page, or another name, is told to go."""

import pytest
from werkzeug.exceptions import BadRequest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from pixace.serving.guard import HEADERS, MAX_BODY, OWN_HEADER, Guard

ORDER = {"model": "transformer"}


def asking(host: str) -> Request:
    return Request(EnvironBuilder(headers={"Host": host}).get_environ())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
@pytest.mark.parametrize("port", ["", ":8000", ":9"])
def test_names_of_this_machine_at_any_port(name: str, port: str) -> None:
    Guard().check_host(asking(name + port))


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "10.0.0.1:8000", "", "[::2]"]
)
def test_other_names_are_refused(host: str) -> None:
    with pytest.raises(BadRequest):
        Guard().check_host(asking(host))


def test_names_that_the_user_gave() -> None:
    Guard(["10.0.0.1"]).check_host(asking("10.0.0.1:8000"))
    Guard(is_open=True).check_host(asking("192.168.1.5:8000"))
    Guard(is_open=True).check_host(asking("[fd00::1]:8000"))
    with pytest.raises(BadRequest):  # a name may lead here from anywhere
        Guard(is_open=True).check_host(asking("evil.example:8000"))


def test_tokens_differ() -> None:
    assert Guard().token != Guard().token and len(Guard().token) >= 32


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({OWN_HEADER: None}, 403),
        ({OWN_HEADER: "x"}, 403),
        ({OWN_HEADER: "\xe4"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_what_is_asked_from_elsewhere(page, headers, status) -> None:
    for path in ("/draw", "/model", "/snap", "/film"):
        answer = page.ask(path, ORDER, headers=headers)
        assert answer.status == status
        assert HEADERS.items() <= answer.headers.items()
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_a_tunnel_has_a_port_of_its_own(page) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Host": "localhost:1", "Origin": "http://localhost:1"}
    assert page.ask("/model", ORDER, headers=own).status == 200


def test_a_method_or_a_body_that_is_none(page) -> None:
    for method in ("GET", "PUT", "OPTIONS", "HEAD"):
        answer = page.ask("/draw", method=method, headers={OWN_HEADER: None})
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert page.ask("/", body=b"{}").status == 405
    assert page.ask("/../secret").status == 404
    assert page.ask("/draw", body=bytes(2_000_000)).status == 413
    assert page.ask("/draw", body=bytes(MAX_BODY + 1)).status == 413


def test_the_page_itself_says_nothing_secret(page) -> None:
    answer = page.ask("/", headers={OWN_HEADER: None})
    assert answer.status == 200 and page.headers[OWN_HEADER].encode() not in answer.body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Server"].strip() == "pixace"
