"""Prompts: pictures to complete, as tokens, and which of their pixels are kept."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from pixace.drawing.painted import Painted
from pixace.errors import UsageError
from pixace.pictures.reading import is_url
from pixace.settings.paths import local_path
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import tokens_of
from pixace.wording import shown

PromptSource: TypeAlias = Path | str | Image.Image | Painted


@dataclasses.dataclass(frozen=True, eq=False)
class Prompt:
    """A picture to complete.

    Attributes:
      name: what a recipe calls it, or itself where it was painted; None for a picture without a
        name.
      tokens: int32 (L,), all of it.
      kept: bool (L,), which of its pixels are kept; the others are drawn.

    Raises:
      ValueError: there are not as many of the one as of the other.
    """

    name: str | Painted | None
    tokens: np.ndarray
    kept: np.ndarray

    def __post_init__(self) -> None:
        if self.tokens.ndim != 1 or self.kept.shape != self.tokens.shape:
            raise ValueError(f"tokens {self.tokens.shape} and kept {self.kept.shape} of a prompt")


def listed(sources: PromptSource | Sequence[PromptSource] | None) -> list[PromptSource]:
    """Returns prompts as a list: of none, of one on its own, or of several."""
    if sources is None:
        return []
    alone: Any = sources
    return list(sources) if isinstance(sources, list | tuple) else [alone]


def open_prompts(
    sources: Sequence[PromptSource],
    pictures: PictureSettings,
    kept: np.ndarray,
    *,
    allow_private_urls: bool = False,
) -> tuple[Prompt, ...]:
    """Reads prompts, which are checked so, and makes tokens of them: once, and without trax.

    Args:
      sources: files, URLs and pictures, or tokens that were painted.
      pictures: what they are to the model that completes them.
      kept: bool (L,), which pixels to keep of each.
      allow_private_urls: fetch also from this machine and its own network.

    Raises:
      UsageError: a source that is no picture and names none.
      ImageError: a prompt that cannot be fetched or read.
    """
    sources = [local_prompt("prompts", source) for source in sources]
    tokens = (
        source.sequence(pictures, codec_of(pictures).n_tokens)
        if isinstance(source, Painted)
        else tokens_of(source, pictures, allow_private_urls=allow_private_urls)
        for source in sources
    )
    return tuple(
        Prompt(name_of(source), row, kept) for source, row in zip(sources, tokens, strict=True)
    )


def local_prompt(flag: str, source: PromptSource) -> PromptSource:
    """Returns a picture, a painting or an address as it is, and a file as the system calls it.

    Args:
      flag: which named it.
      source: what was named.

    Raises:
      UsageError: it is no picture and names none.
    """
    if isinstance(source, Image.Image | Painted) or (
        isinstance(source, str | Path) and is_url(source)
    ):
        return source
    return local_path(flag, source)


def name_of(source: PromptSource) -> str | Painted | None:
    """Returns what a recipe calls a prompt: a file or an address as named, without passwords."""
    if isinstance(source, Image.Image):
        return None
    if isinstance(source, Painted):
        return source
    name = os.fspath(source)
    return shown(name) if is_url(name) else name


def kept_of_all(prompts: Sequence[Prompt], n_pixels: int) -> np.ndarray:
    """Returns which pixels the prompts keep, bool (L,): none where there is no prompt.

    Args:
      prompts: what to complete.
      n_pixels: L of the model.

    Raises:
      UsageError: they are not of L pixels, or do not all keep the same ones.
    """
    for prompt in prompts:
        if len(prompt.tokens) != n_pixels:
            raise UsageError(f"a prompt of {len(prompt.tokens)} pixels for a model of {n_pixels}")
    kept = prompts[0].kept if prompts else np.zeros(n_pixels, bool)
    if any((prompt.kept != kept).any() for prompt in prompts):
        raise UsageError("all prompts must keep the same pixels")
    return kept
