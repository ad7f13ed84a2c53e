"""Drawing tokens from a model, one after another, through trax's own stream.

`trax.supervised.decoding.autoregressive_sample_stream` feeds a model in mode predict with what it
chose before. What is chosen is decided here by one more trax layer behind the model, `Choose`,
which adds the random noise to the logits itself; the stream, at temperature 0, then takes the
largest. So everything random comes from JAX keys (trax would draw from NumPy's global generator,
and clip the noise), each picture has a key of its own, and a change of temperature compiles
nothing anew.

Nothing here knows a file, a picture, or a particular model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pixace.config import check_sampling
from pixace.tokens import PAD_ID
from pixace.trax_compat import jax, jnp, trax

_EXCLUDED = -1e9  # finite: trax takes a log-softmax of what it gets, and infinities would make NaNs


class Choose(trax.layers.Layer):
    """Turns logits into scores whose largest entry is a sample from the softmax.

    Gumbel-max: `argmax(logits / T + noise)` is distributed as `softmax(logits / T)` (Maddison et
    al., 2014, https://arxiv.org/abs/1411.0030). Logits outside the top-k, then outside the top-p
    nucleus at that temperature (Holtzman et al., 2019, https://arxiv.org/abs/1904.09751), are
    excluded. At temperature 0 the logits pass unchanged, so that the likeliest is taken.

    Input float32 (B, T, V); output float32 (B, 1, V), for the last position only. The state holds
    keys uint32 (B, 2), temperatures float32 (B, 1) and the number of choices made so far.
    """

    def __init__(self, top_k: int = 0, top_p: float = 1.0) -> None:
        super().__init__()
        self._top_k = top_k
        self._top_p = top_p

    def init_weights_and_state(self, input_signature: Any) -> None:
        """Starts with temperature 1 and the keys of seed 0."""
        batch_size = input_signature.shape[0]
        self.state = choice_state(_keys(0, range(batch_size)), np.ones(batch_size))

    def forward(self, logits: Any) -> Any:
        """Returns the scores of the last position, and counts the choice."""
        keys, temperatures, position = self.state
        logits = logits[:, -1, :]
        hot = temperatures > 0
        # Below the largest, and bounded: a tiny temperature must not reach what is excluded.
        below = logits - logits.max(axis=-1, keepdims=True)
        scores = jnp.maximum(below / jnp.where(hot, temperatures, 1.0), _EXCLUDED / 10)
        scores = keep_top_p(keep_top_k(scores, self._top_k), self._top_p)
        fold = jax.vmap(jax.random.fold_in, in_axes=(0, None))
        noise = jax.vmap(lambda key: jax.random.gumbel(key, logits.shape[-1:]))(
            fold(keys, position)
        )
        self.state = (keys, temperatures, position + 1)
        return jnp.where(hot, scores + noise, scores)[:, None, :]


def keep_top_k(logits: Any, k: int) -> Any:
    """Excludes all but the k largest logits of each row, and their equals; 0 excludes none."""
    if not 0 < k < logits.shape[-1]:
        return logits
    smallest_kept = jax.lax.top_k(logits, k)[0][..., -1:]
    return jnp.where(logits < smallest_kept, _EXCLUDED, logits)


def keep_top_p(logits: Any, p: float) -> Any:
    """Excludes all but the fewest largest logits whose probabilities sum to p; 1 excludes none."""
    if p >= 1:
        return logits
    order = jnp.argsort(-logits, axis=-1)
    ordered = jax.nn.softmax(jnp.take_along_axis(logits, order, axis=-1), axis=-1)
    before = jnp.cumsum(ordered, axis=-1) - ordered  # what the larger ones already sum to
    kept_in_order = (before < p).at[..., 0].set(True)
    kept = jnp.take_along_axis(kept_in_order, jnp.argsort(order, axis=-1), axis=-1)
    return jnp.where(kept, logits, _EXCLUDED)


def choice_state(keys: Any, temperatures: Any) -> tuple[Any, Any, Any]:
    """Returns the state of a `Choose` layer before its first choice."""
    column = jnp.asarray(temperatures, jnp.float32).reshape(-1, 1)
    return jnp.asarray(keys, jnp.uint32), column, jnp.zeros((), jnp.int32)


class Sampler:
    """A model in mode predict, ready to draw batches of one size; compiled once, used often.

    Args:
      model: an initialised trax layer in mode predict, from tokens (B, T) to logits (B, T, V).
      batch_size: B.
      top_k: draw only from the k likeliest tokens; 0 means all.
      top_p: draw only from the fewest tokens that hold this share of the probability.

    Raises:
      UsageError: top_k or top_p out of range.
    """

    def __init__(self, model: Any, batch_size: int, top_k: int = 0, top_p: float = 1.0) -> None:
        check_sampling(top_k=top_k, top_p=top_p)
        self.batch_size = batch_size
        self._model = model
        self._empty_memory = model.state
        self._choose = Choose(top_k, top_p)
        self._choose.state = choice_state(_keys(0, range(batch_size)), np.ones(batch_size))
        # One device: the cache in the model's state is not split along the batch.
        self._compiled = trax.layers.Accelerate(
            trax.layers.Serial(model, self._choose), n_devices=1
        )

    def set_weights(self, weights: Any) -> None:
        """Replaces the model's weights by others of the same shapes."""
        self._model.weights = weights
        self._compiled.replicate_weights(self._compiled.sublayer.weights)

    def stream(
        self,
        prompt: np.ndarray | None = None,
        *,
        temperatures: Sequence[float] | np.ndarray,
        seed: int,
        picture_ids: Sequence[int] | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields the next token of every row, for ever.

        Args:
          prompt: int32 tokens (B, T) that come first; None or T = 0 draws from the beginning.
          temperatures: one number of 0 or more for each of the B rows.
          seed: of the noise.
          picture_ids: distinguishes the rows' noise; row numbers unless given.

        Yields:
          int32 tokens (B,).
        """
        ids = range(self.batch_size) if picture_ids is None else picture_ids
        self._model.state = self._empty_memory
        self._choose.state = choice_state(_keys(seed, ids), temperatures)
        self._compiled.replicate_state(self._compiled.sublayer.state)
        stream = trax.supervised.decoding.autoregressive_sample_stream(
            self._compiled,
            prompt if prompt is not None and prompt.shape[1] else None,
            batch_size=self.batch_size,
            temperature=0.0,
            start_id=PAD_ID,
            accelerate=False,  # it is already, and keeps its compiled code between streams
        )
        for tokens in stream:
            yield np.asarray(tokens, np.int32)


def complete(
    sampler: Sampler,
    prompt: np.ndarray | None,
    length: int,
    *,
    temperatures: Sequence[float] | np.ndarray,
    seed: int,
    picture_ids: Sequence[int] | None = None,
) -> Iterator[np.ndarray]:
    """Extends prompts to `length` tokens, yielding the sequences so far after each token.

    Args:
      sampler: draws B rows.
      prompt: int32 tokens (B, T), T <= length, or None.
      length: tokens of a whole picture.
      temperatures: one number for each row.
      seed: of the noise.
      picture_ids: see `Sampler.stream`.

    Yields:
      int32 tokens (B, t) for t = T .. length; the first is the prompt itself.
    """
    rows = np.zeros((sampler.batch_size, length), np.int32)
    done = 0
    if prompt is not None:
        done = prompt.shape[1]
        rows[:, :done] = prompt
    yield rows[:, :done]
    if done == length:
        return
    stream = sampler.stream(prompt, temperatures=temperatures, seed=seed, picture_ids=picture_ids)
    for position, tokens in zip(range(done, length), stream, strict=False):
        rows[:, position] = tokens
        yield rows[:, : position + 1]


def _keys(seed: int, ids: Sequence[int] | range) -> np.ndarray:
    """Returns one JAX key per picture, uint32 (B, 2), that depends on the seed and its id alone."""
    base = jax.random.PRNGKey(seed)
    return np.stack([np.asarray(jax.random.fold_in(base, picture)) for picture in ids])
