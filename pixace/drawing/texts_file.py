"""A file of texts to draw, one in each line."""

from __future__ import annotations

from pathlib import Path

from pixace.errors import UsageError
from pixace.settings.paths import local_path
from pixace.system.reading import read_small
from pixace.wording import shown

_MAX_BYTES = 1 << 16


def read_texts(path: Path | str) -> tuple[str, ...]:
    """Reads texts to draw; empty lines are none.

    Raises:
      UsageError: the file cannot be read, is no text in UTF-8, or holds no line.
    """
    path = local_path("texts", path)
    try:
        lines = read_small(Path(path), _MAX_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"texts {shown(path)}: no text in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"texts {shown(path)}: cannot read: {reason}") from None
    texts = tuple(line for line in lines if line.strip())
    if not texts:
        raise UsageError(f"texts {shown(path)}: no text in it; write one in each line")
    return texts
