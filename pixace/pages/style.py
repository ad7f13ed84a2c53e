"""The one look of the project's pages: the report's, and that of drawing in a browser."""

from __future__ import annotations

from importlib import resources


def style() -> str:
    """Returns the style sheet of all pages: plain CSS, which names no other file and no host."""
    return resources.files("pixace.pages").joinpath("style.css").read_text("utf-8")
