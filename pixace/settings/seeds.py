"""Seeds that are words."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import MAX_SEED
from pixace.wording import quoted

_log = logging.getLogger(__name__)

_NUMBER = re.compile(
    r"\s*[+-]?(0o[0-7]+|0x[0-9a-f]+|[_.]*[0-9][0-9_.]*(e[+-]?[0-9]+)?)\s*", re.A | re.I
)


def seed_of(value: Any) -> Any:
    """Returns the number that words stand for, and says it; anything else as it is.

    It is the SHA-512 of their UTF-8 bytes, the first being the highest, modulo 2**31.

    Args:
      value: a text, of which digits are the number that they spell; or no text.

    Raises:
      UsageError: a text of nothing, of no proper letters, or of digits that are no whole number.
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise UsageError("seed must be a number or words, and is empty")
    if match := _NUMBER.fullmatch(value):
        has_base = match[1][:2].lower() in ("0x", "0o")
        try:
            return int(value, 0 if has_base else 10)
        except ValueError:  # such as 1.5 and 1e3, or digits without end
            raise UsageError(f"seed is {quoted(value)}, neither a whole number nor words") from None
    try:
        spelt = value.encode("utf-8", "surrogateescape")  # as it was typed, in whatever encoding
    except UnicodeEncodeError:  # another lone surrogate, which only a caller can say
        raise UsageError(f"seed is {quoted(value)}, which is no proper text") from None
    seed = int.from_bytes(hashlib.sha512(spelt).digest()) % (MAX_SEED + 1)
    _log.info("seed %s is %d", quoted(value), seed)
    return seed
