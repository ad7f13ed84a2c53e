"""Fetching one file, over HTTP or from this machine: whole and verified, or not at all."""

from pixace.downloads.installing import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_BYTES,
    Limits,
    fetch,
    install_file,
)

__all__ = ["DEFAULT_LIMITS", "DEFAULT_MAX_BYTES", "Limits", "fetch", "install_file"]
