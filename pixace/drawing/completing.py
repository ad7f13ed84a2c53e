"""Pictures under way: a prompt, and one pixel after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pixace.drawing.guidance import Guide
from pixace.drawing.particles import FREE, Known
from pixace.drawing.pull import Pull
from pixace.drawing.sampler import Sampler
from pixace.drawing.symmetry import DRAWN


class PartialDrawing(NamedTuple):
    """Pictures under way.

    Attributes:
      tokens: int32 (B, t), all pixels so far, those of the prompt included.
      log_likelihood: float64 (B,), ln p of those pixels that were drawn, given those before them,
        under the model itself (temperature 1, all colours); of each row in turn, (B * R,), where a
        picture is R rows of the model.
      of_known: the same of those that were known, but for the prompt.
      log_probs: float32 (B, R, t), ln p of each pixel, and 0 of those of the prompt and of copies.
      log_weights: see `NextPixels`.
    """

    tokens: np.ndarray
    log_likelihood: np.ndarray
    of_known: np.ndarray
    log_probs: np.ndarray
    log_weights: np.ndarray | None = None


def complete(
    sampler: Sampler,
    prompt: np.ndarray | None,
    length: int,
    *,
    temperatures: Sequence[float] | np.ndarray,
    seed: int,
    picture_ids: np.typing.ArrayLike | None = None,
    guide: Guide | None = None,
    known: Known | None = None,
    copied: np.ndarray | None = None,
    pull: Pull | None = None,
) -> Iterator[PartialDrawing]:
    """Extends prompts to `length` tokens, yielding the pictures so far after each token.

    Args:
      sampler: draws B rows.
      prompt: int32 tokens (B, T), T <= length, or None.
      length: tokens of a whole picture.
      temperatures: one number for each row.
      seed: of the noise.
      picture_ids: see `Sampler.stream`.
      guide: see `Sampler.stream`.
      known: pixels after the prompt that are not drawn; None draws all of them.
      copied: from which place each pixel takes its token, int32 (L,), or DRAWN; None copies none.
        The likelihood of what was drawn is without copies.
      pull: towards which colours pixels are drawn; None draws as the model does.

    Yields:
      Pictures of t = T .. length tokens; the first are the prompts themselves.
    """
    tokens = np.zeros((sampler.batch_size, length), np.int32)
    nats = np.zeros((2, sampler.batch_size, sampler.n_rows))  # of drawn ones and of known ones
    log_probs = np.zeros((*nats.shape[1:], length), np.float32)
    done = 0 if prompt is None else prompt.shape[1]
    if prompt is not None:
        tokens[:, :done] = prompt
    drawn, of_known = nats.reshape(2, -1)
    yield PartialDrawing(tokens[:, :done], drawn, of_known, log_probs[..., :done])
    if done == length:
        return
    steps = sampler.steps(prompt, temperatures, seed, picture_ids, guide, known, copied, pull)
    for position, pixels in zip(range(done, length), steps, strict=False):
        tokens[:, position] = pixels.tokens
        more = np.zeros_like(nats)
        is_known = np.zeros(len(tokens), int)
        if known is not None:
            is_known = (known.tokens[:, position] != FREE).astype(int)
        if copied is None or copied[position] == DRAWN:
            log_probs[..., position] = pixels.log_probs.reshape(nats.shape[1:])
            more[is_known, np.arange(len(tokens))] = log_probs[..., position]
        nats = nats + more
        if pixels.parents is not None and (pixels.parents != np.arange(len(tokens))).any():
            tokens, nats = tokens[pixels.parents], nats[:, pixels.parents]
            log_probs = log_probs[pixels.parents]
        drawn, of_known = nats.reshape(2, -1)
        done = position + 1
        yield PartialDrawing(
            tokens[:, :done], drawn, of_known, log_probs[..., :done], pixels.log_weights
        )
