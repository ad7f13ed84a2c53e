"""Captions to tokens: the bytes of UTF-8, which every language has and which need no vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from pixace.wording import quoted

TEXT_PAD_ID = 0
N_TEXT_TOKENS = 1 + 256  # the pad, and byte b as b + 1


def normalised(caption: str) -> str:
    """Returns a caption as models know it: composed (NFC), case-folded, single-spaced.

    >>> normalised("  A Red\\tHEART ")
    'a red heart'
    """
    # Folding takes some letters apart again.
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", caption).casefold())
    return " ".join(folded.split())


def shortened(caption: str, length: int) -> str:
    """Returns as many whole words of a normalised caption as `length` bytes hold.

    Of a first word that is longer alone, as many letters.
    """
    if len(caption.encode()) <= length:
        return caption
    kept = caption.encode()[: length + 1].decode(errors="ignore")
    words, space, _ = kept.rpartition(" ")
    return words if space else caption.encode()[:length].decode(errors="ignore")


def cut_line(caption: str, length: int) -> str:
    """Says that a model reads `length` bytes of a normalised caption; empty if it has no more."""
    kept = shortened(caption, length)
    if kept == caption:
        return ""
    return f"the model reads {length} bytes of a text: {quoted(kept)}, and no more of it"


def text_tokens(captions: Sequence[str | None], length: int) -> np.ndarray:
    """Returns what a model reads of captions, which it brings to their normal form.

    Args:
      captions: N of them; None, or an empty one, is all pads: a picture without words.
      length: P, tokens of each; longer captions are cut at a word.

    Returns:
      int32 (N, P): bytes of UTF-8, each plus one, and pads behind them.
    """
    tokens = np.full((len(captions), length), TEXT_PAD_ID, np.int32)
    for row, caption in zip(tokens, captions, strict=True):
        text = shortened(normalised(caption or ""), length).encode()
        row[: len(text)] = np.frombuffer(text, np.uint8).astype(np.int32) + 1
    return tokens
