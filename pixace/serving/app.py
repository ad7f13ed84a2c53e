"""What is served: the page and its parts to everybody who names this server, the rest to the page.

GET  /          the page; beside it its scripts and styles
GET  /models    the names of the models, and which is chosen
POST /model     what the page has to know of one
POST /snap      the model's own colours of some pixels
POST /draw      a drawing, as lines of JSON while it is drawn
POST /collage   the collage of one of the last drawings
POST /film      its film
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Request, Response

from pixace.errors import PixaceError
from pixace.pages.style import style
from pixace.serving.events import Event, Studio
from pixace.serving.guard import HEADERS, MAX_BODY, Guard
from pixace.serving.orders import json_object, read_order, snapped
from pixace.serving.turns import QueueFullError
from pixace.wording import one_line

_log = logging.getLogger(__name__)

_SCRIPTS = ("page", "painting", "gallery", "server")
_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in _SCRIPTS},
}
_STYLE = "/style.css"
_OF_DRAWINGS = {"/collage": ("collage.png", "image/png"), "/film": ("film.gif", "image/gif")}
_METHODS = {
    **dict.fromkeys([*_FILES, _STYLE, "/models"], "GET"),
    **dict.fromkeys(["/model", "/snap", "/draw", *_OF_DRAWINGS], "POST"),
}


class App:
    """The page and what it asks for; a WSGI application.

    Args:
      studio: draws.
      guard: knows who may ask.
    """

    def __init__(self, studio: Studio, guard: Guard) -> None:
        self._studio, self._guard = studio, guard

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request."""
        request = Request(environ)
        request.max_content_length = MAX_BODY
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = _refusal(error.code or 500, error.description or error.name)
            if isinstance(error, MethodNotAllowed):
                response.headers["Allow"] = ", ".join(error.valid_methods or ())
        except QueueFullError as error:
            response = _refusal(503, str(error))
        except PixaceError as error:
            response = _refusal(400, str(error))
        response.headers.update(HEADERS)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        """Returns the answer.

        Raises:
          HTTPException: it is refused.
          PixaceError: what is asked for cannot be done.
        """
        self._guard.check_host(request)
        path = request.path
        if path not in _METHODS:
            raise NotFound("there is nothing of that name")
        if request.method != _METHODS[path]:
            raise MethodNotAllowed([_METHODS[path]], f"{path} is asked for by {_METHODS[path]}")
        if path == _STYLE:
            return Response(style(), mimetype="text/css")
        if path in _FILES:
            return _file(*_FILES[path])
        self._guard.check_page(request)
        models = self._studio.models
        if path == "/models":
            return _json({"models": models.names(), "chosen": models.chosen})
        values = json_object(request.get_data())
        if path == "/model":
            return _json(models.described(values.get("model")))
        if path == "/snap":
            return _json({"pixels": snapped(values, models)})
        if path in _OF_DRAWINGS:
            kind, mimetype = _OF_DRAWINGS[path]
            return Response(self._studio.file(values.get("id"), kind), mimetype=mimetype)
        events = self._studio.draw(read_order(values, models))
        return Response(_lines(next(events), events), mimetype="application/x-ndjson")


def _lines(first: Event, events: Iterator[Event]) -> Iterator[str]:
    """Yields events as lines, and in the place of a failure of ours that there is one."""
    yield _line(first)
    try:
        for event in events:
            yield _line(event)
    except Exception as error:  # the page would wait for ever
        _log.error("a drawing failed: %s", one_line(f"{type(error).__name__}: {error}"))
        _log.debug("a drawing failed", exc_info=True)
        yield _line({"error": "the drawing failed; the terminal says why"})


def _line(event: Event) -> str:
    return json.dumps(event, separators=(",", ":")) + "\n"


def _file(name: str, mimetype: str) -> Response:
    text = resources.files("pixace.serving").joinpath(name).read_text("utf-8")
    return Response(text, mimetype=mimetype)


def _json(values: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(values), status, mimetype="application/json")


def _refusal(status: int, reason: str) -> Response:
    return _json({"error": one_line(reason)}, status)
