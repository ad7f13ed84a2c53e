"""One request over HTTP that cannot hang, wander off or surprise.

`requests` alone is not enough: it has no time-out by default, its time-out is per read (a byte a
second outlives it, in the headers too), and it follows redirects to anywhere. What comes of the
body is the business of `pixace.web.answer`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from pixace.errors import DownloadError
from pixace.web.answer import Answer, RetryableError
from pixace.web.limits import Limits, check_url
from pixace.wording import first_cause, shown_url

if TYPE_CHECKING:
    import requests

_log = logging.getLogger(__name__)

_REDIRECTS = (301, 302, 303, 307, 308)


def new_session() -> requests.Session:
    """Returns a session that leaves redirects to `ask` alone."""
    import requests

    class Session(requests.Session):
        # Even when told not to follow a redirect, requests reads and decompresses all of its body,
        # however long, and stumbles over a Location that it cannot parse.
        def get_redirect_target(self, resp: requests.Response) -> None:
            return None

    return Session()


def ask(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    limits: Limits,
    deadline: float,
) -> Answer:
    """Sends a GET request and follows its redirects.

    Raises:
      RetryableError: no answer; another attempt may help.
      DownloadError: an address that cannot be used, or too many redirects.
    """
    check_url(url)
    for _ in range(limits.redirects + 1):
        _log.debug("asking for %s", shown_url(url))
        response = _ask_once(session, url, headers, limits, deadline)
        _log.debug("the server answered %d", response.status_code)
        if response.status_code not in _REDIRECTS:
            return Answer(response, limits, deadline)
        location = response.headers.get("Location", "")
        response.close()
        url = _redirected(url, location)
    raise DownloadError(
        f"{shown_url(url)}: more than {limits.redirects} redirects; check the address"
    )


def _redirected(url: str, location: str) -> str:
    """Returns the address that a redirect leads to."""
    if not location:
        raise DownloadError(f"{shown_url(url)}: redirected to nowhere; check the address")
    try:
        target = urljoin(url, location)
        check_url(target)
    except (ValueError, DownloadError):
        raise DownloadError(
            f"{shown_url(url)}: redirected to {shown_url(location)}, which pixace does not follow; "
            "check the address"
        ) from None
    if url.startswith("https:") and not target.startswith("https:"):
        raise DownloadError(
            f"{shown_url(url)}: redirected to {shown_url(target)}, which is not encrypted; if you "
            "trust it, give that address itself"
        )
    return target


def _ask_once(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    limits: Limits,
    deadline: float,
) -> requests.Response:
    """Sends one request and waits a bounded time for all of the answer's headers."""
    outcome: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            response = session.get(
                url,
                headers=dict(headers),
                stream=True,
                allow_redirects=False,
                timeout=(limits.connect_seconds, limits.idle_seconds),
            )
        except Exception as error:  # handed to the caller below
            outcome.put(error)
        else:
            outcome.put(response)
            if abandoned.is_set():
                response.close()

    # In a thread, because nothing else ends a name look-up or headers that drip for ever.
    threading.Thread(target=work, name="pixace-download", daemon=True).start()
    seconds = max(0.01, min(limits.answer_seconds, deadline - time.monotonic()))
    try:
        result = outcome.get(timeout=seconds)
    except queue.Empty:
        abandoned.set()
        raise RetryableError(f"no complete answer within {seconds:.0f} s") from None
    if isinstance(result, Exception):
        raise _judged(result, url) from result
    return result


def _judged(error: Exception, url: str) -> Exception:
    """Tells apart what another attempt can mend and what it cannot."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return DownloadError(
            f"{shown_url(url)}: the encrypted connection failed: {first_cause(error)}; check the "
            "address and this machine's clock and certificates"
        )
    if isinstance(error, requests.exceptions.Timeout):
        return RetryableError("the server does not answer in time")
    if isinstance(error, requests.exceptions.InvalidHeader):
        return DownloadError(f"{shown_url(url)}: the answer makes no sense: {first_cause(error)}")
    if isinstance(error, ValueError):  # requests' family of unusable addresses, and bad IDNA
        return DownloadError(f"{shown_url(url)}: not an address that can be used; check it")
    if isinstance(error, requests.exceptions.RequestException | OSError):
        return RetryableError(first_cause(error))
    return error
