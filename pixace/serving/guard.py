"""Who may ask: this machine's own page alone, whatever other pages its browser has open.

A page of another site can send requests to 127.0.0.1, and one whose name leads there (DNS
rebinding) can read the answers, too. So a request must name this server as its host, come from the
page itself, and know the token, which stands in the fragment of the address that the user opens:
browsers send fragments to nobody.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable

from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Request

OWN_HEADER = "X-Pixace-Token"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
MAX_BODY = 1_000_000  # bytes

# Of every answer, whatever it is.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets through what the page of this server asks, and nothing else.

    Args:
      hosts: names under which the server may be asked, besides those of this machine.
      is_open: whether any address of a machine, by its numbers, is such a name.

    Attributes:
      token: what the page has to know.
    """

    def __init__(self, hosts: Iterable[str] = (), is_open: bool = False) -> None:
        self.token = secrets.token_urlsafe(24)
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        self._is_open = is_open

    def check_host(self, request: Request) -> None:
        """Checks that a request names this server, at whatever port: a tunnel has its own.

        Raises:
          BadRequest: it names another one.
        """
        host = request.headers.get("Host", "")
        name = _without_port(host).lower()
        if name not in self._hosts and not (self._is_open and _is_address(name)):
            raise BadRequest("this server is not called so; open the address that it has printed")

    def check_page(self, request: Request) -> None:
        """Checks that a request comes from the page of this server.

        Raises:
          Forbidden: it comes from another page, or does not know the token.
        """
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        own = f"http://{request.headers.get('Host', '')}"
        if (origin is not None and origin != own) or site != "same-origin":
            raise Forbidden("this is asked from another page")
        token = request.headers.get(OWN_HEADER, "")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Forbidden("the token is missing or an old one; open the address printed anew")


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
