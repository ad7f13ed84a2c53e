"""Exact likelihoods: how well a model predicts pictures, in nats and in bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax
from pixace.backend.types import Array, ArrayTree, Layer
from pixace.dataset.batches import Batch, padded_batches
from pixace.dataset.cache import TokenRows
from pixace.models.conditioning import model_input
from pixace.models.heads import split_model


class Likelihood(NamedTuple):
    """The mean negative log-likelihood of some pictures under a model.

    Attributes:
      nats_per_pixel: -ln p of one token.
      n_images: pictures counted.
    """

    nats_per_pixel: float
    n_images: int

    @property
    def bits_per_pixel(self) -> float:
        """-log2 p of one token."""
        return self.nats_per_pixel / math.log(2)

    @property
    def bits_per_subpixel(self) -> float:
        """Bits per dimension, as papers on RGB pictures count: a third of a pixel's bits."""
        return self.bits_per_pixel / 3


class Scorer:
    """Computes log-likelihoods with a model in mode eval; compiled once, used often.

    Args:
      model: a trax layer in mode eval, from tokens (B, L) to logits (B, L, V); see `split_model`.
        With a model that knows words, a picture without captions is one without words.
    """

    def __init__(self, model: Layer) -> None:
        body, head = split_model(model)

        def nats(
            tokens: Array, captions: Array | None, weights: ArrayTree, state: ArrayTree
        ) -> Array:
            *of_body, of_head = weights
            key = jax.random.PRNGKey(0)
            read = model_input(body, tokens, captions)
            features, _ = body.pure_fn(read, tuple(of_body), state[:-1], key)
            return head.nats(of_head, features, tokens)

        self._state = model.state
        self._compiled = jax.jit(nats)

    def token_nats(self, weights: ArrayTree, batch: Batch) -> np.ndarray:
        """Returns -ln p of every token of a batch, float64 (B, L), whatever it counts.

        Args:
          weights: the model's weights.
          batch: B pictures.
        """
        nats = self._compiled(batch.tokens, batch.captions, weights, self._state)
        return np.asarray(nats, np.float64)

    def mean_nats(self, weights: ArrayTree, batch: Batch) -> np.ndarray:
        """Returns -ln p of each picture of a batch, the weighted mean of its tokens, float64 (B,).

        Args:
          weights: the model's weights.
          batch: B pictures, in each of which something counts.
        """
        return np.average(self.token_nats(weights, batch), axis=1, weights=batch.weights)

    def pixel_nats(
        self,
        weights: ArrayTree,
        tokens: TokenRows,
        batch_size: int,
        captions: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields -ln p of every pixel, batch after batch.

        Args:
          weights: the model's weights.
          tokens: unsigned integers (N, L).
          batch_size: pictures per pass.
          captions: int32 (N, P); None tells the model no words.

        Yields:
          float64 (B, L); the last one may have fewer rows.
        """
        for batch, count in padded_batches(tokens, batch_size, captions):
            yield self.token_nats(weights, batch)[:count]

    def image_nats(
        self,
        weights: ArrayTree,
        tokens: TokenRows,
        batch_size: int,
        captions: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns -ln p of each picture, per pixel, float64 (N,); see `pixel_nats`."""
        batches = padded_batches(tokens, batch_size, captions)
        return np.concatenate([self.mean_nats(weights, batch)[:n] for batch, n in batches])

    def likelihood(
        self,
        weights: ArrayTree,
        tokens: TokenRows,
        batch_size: int,
        stop: Callable[[], bool] = lambda: False,
        captions: np.ndarray | None = None,
    ) -> Likelihood | None:
        """Returns the mean over pictures.

        Args:
          weights: the model's weights.
          tokens: unsigned integers (N, L).
          batch_size: pictures per pass.
          stop: asked before each pass; once it says yes, the result is None.
          captions: see `pixel_nats`.
        """
        nats: list[float] = []
        for start in range(0, len(tokens), batch_size):
            if stop():
                return None
            rows = slice(start, start + batch_size)
            words = None if captions is None else captions[rows]
            nats += [*self.image_nats(weights, tokens[rows], batch_size, words)]
        return Likelihood(float(np.mean(nats)), len(nats))
