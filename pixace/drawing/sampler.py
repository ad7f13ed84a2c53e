"""Drawing tokens from a model, one after another.

A `Sampler` is to any trax model in mode predict what trax's `autoregressive_sample_stream` is,
with the whole step compiled: many pixels a call, the model's memory updated in place, and no more
of it read than the pixels drawn so far need. Everything random comes from one JAX key per picture.

Nothing here knows a file, a picture, or a particular model.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree, Key, Layer
from pixace.drawing.choice import choose, keep_top
from pixace.drawing.copying import next_places, tokens_so_far, with_copies
from pixace.drawing.guidance import Guide, guided
from pixace.drawing.noise import picture_keys, pixel_noise
from pixace.drawing.particles import FREE, Given, Known, known_next, weighed
from pixace.drawing.pull import Pull
from pixace.models.conditioning import no_captions, padded, prefix_length_of, read_captions
from pixace.models.layers.block_matrices import decoding_weights
from pixace.models.layers.cached_attention import caches_in
from pixace.models.memory import in_place_of, resized
from pixace.settings.checks import MAX_SEED, check_sampling, require_int
from pixace.tokens.vocabulary import PAD_ID

_PIXELS_PER_CALL = 32  # few enough to be watched live
PROMPT_PER_CALL = 1024  # pixels read at once, which bounds the memory that attention takes
# Lengths of memory on the way to the full one; for each that is used, the step is compiled. None
# between the first two: XLA's product of a query with so many keys stays on one core (JAX 0.12), so
# that 512 take as long as 1024.
_CACHE_LENGTHS = (256, 768, 1536, 3072)


class _Start(NamedTuple):
    """What the next pixels are drawn after.

    Attributes:
      memory: the model's.
      last: token of each row, int32 (B * R, 1).
      so_far: all tokens of the pictures, int32 (B, L); None where none is copied.
    """

    memory: ArrayTree
    last: Array
    so_far: Array | None


class NextPixels(NamedTuple):
    """The next pixel of each of B pictures.

    Attributes:
      tokens: int32 (B,).
      log_probs: float32 (B * R,), their ln p under the model.
      parents: int32 (B,), in whose place each picture is from here on, with this pixel and all
        before it; None where all is drawn.
      log_weights: float32 (B / K, K), ln of the particles' weights; None where all is drawn.
    """

    tokens: np.ndarray
    log_probs: np.ndarray
    parents: np.ndarray | None = None
    log_weights: np.ndarray | None = None


class Sampler:
    """A model in mode predict, ready to draw batches of one size; compiled once, used often.

    Args:
      model: an initialised trax layer in mode predict, from tokens (B, T) to logits (B, T, V). It
        belongs to the sampler from here on.
      batch_size: B, pictures.
      top_k: draw only from the k likeliest tokens; 0 means all.
      top_p: draw only from the fewest tokens that hold this share of the probability.
      n_rows: R, rows of the model for each picture; see `Guide`.
      n_particles: K, pictures of the batch that are one, where some of its pixels are known.

    Raises:
      UsageError: top_k or top_p out of range.
    """

    def __init__(
        self,
        model: Layer,
        batch_size: int,
        top_k: int = 0,
        top_p: float = 1.0,
        n_rows: int = 1,
        n_particles: int = 1,
    ) -> None:
        check_sampling(top_k=top_k, top_p=top_p)
        self.batch_size, self.n_rows, self.n_particles = batch_size, n_rows, n_particles
        self._model = model
        self._prefix_length = prefix_length_of(model)
        self._filter = functools.partial(keep_top, k=top_k, p=top_p)
        self._full_length = min(
            (cache.length for cache in caches_in(model.state)), default=np.iinfo(np.int32).max
        )
        shorter = (length for length in _CACHE_LENGTHS if length < self._full_length)
        self._cache_lengths = [*shorter, self._full_length]
        self._empty_memory = resized(model.state, self._cache_lengths[0])
        model.state = self._empty_memory
        self.set_weights(model.weights)
        self._tell = jax.jit(self._read_captions, donate_argnums=1)
        self._read = jax.jit(self._read_prompt, donate_argnums=1)
        self._draw = jax.jit(self._draw_pixels, donate_argnums=1)
        self._grow = jax.jit(resized, static_argnums=1)

    def set_weights(self, weights: ArrayTree) -> None:
        """Replaces the model's weights by others of the same shapes, for streams under way, too."""
        self._weights = decoding_weights(self._model, weights, self.batch_size * self.n_rows)
        self._model.weights = self._weights

    def stream(
        self,
        prompt: np.ndarray | None = None,
        *,
        temperatures: Sequence[float] | np.ndarray,
        seed: int,
        picture_ids: np.typing.ArrayLike | None = None,
        guide: Guide | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields the next token of every row, until the model's memory is full.

        Args:
          prompt: int32 tokens (B, T) that come first; None or T = 0 draws from the beginning.
          temperatures: one number of 0 or more for each of the B rows.
          seed: of the noise.
          picture_ids: integers (B,) or (B, n) that tell the rows' noise apart; row numbers unless
            given. A row's noise depends on the seed, its id and the pixel's position alone.
          guide: the words, of a model that knows words; None says nothing.

        Yields:
          int32 tokens (B,).

        Raises:
          UsageError: a temperature or the seed out of range.
          ValueError: a prompt longer than the model's memory, or not B temperatures.
        """
        for pixels in self.steps(prompt, temperatures, seed, picture_ids, guide):
            yield pixels.tokens

    def steps(
        self,
        prompt: np.ndarray | None,
        temperatures: Sequence[float] | np.ndarray,
        seed: int,
        picture_ids: np.typing.ArrayLike | None,
        guide: Guide | None = None,
        known: Known | None = None,
        copied: np.ndarray | None = None,
        pull: Pull | None = None,
    ) -> Iterator[NextPixels]:
        """As `stream`, but yields more of each pixel, takes what is known as it comes, and pulls.

        What pulls changes what is drawn, and not how likely it is said to be. Of a picture some
        pixels may be copies, see `symmetry.copied_places`; `copied` says which.
        """
        check_sampling(np.ravel(temperatures).tolist())
        require_int("seed", seed, 0, MAX_SEED)
        if len(temperatures) != self.batch_size:
            raise ValueError(f"{len(temperatures)} temperatures for {self.batch_size} rows")
        if prompt is not None and prompt.shape[1] > self._full_length:
            raise ValueError(f"a prompt of {prompt.shape[1]}, the model holds {self._full_length}")
        begin = np.full((self.batch_size, 1), PAD_ID, np.int32)
        fed = begin if prompt is None else np.concatenate([begin, prompt], axis=1)
        fed = np.repeat(fed, self.n_rows, axis=0)
        done = fed.shape[1] - 1
        ids = np.arange(self.batch_size) if picture_ids is None else np.asarray(picture_ids)
        keys = picture_keys(seed, ids.reshape(self.batch_size, -1))
        temperature = jnp.asarray(temperatures, jnp.float32).reshape(-1, 1)
        mix = None if guide is None or self.n_rows == 1 else jnp.asarray(guide.weights)
        memory, room = self._memory_after(fed[:, :-1], guide)
        last = jnp.asarray(fed[:, -1:])
        so_far = None if copied is None else tokens_so_far(prompt, self.batch_size, len(copied))
        log_weights = jnp.zeros((self.batch_size // self.n_particles, self.n_particles))
        while done < self._full_length:
            if done == room:
                room = self._room_for(done + 1)
                memory = self._grow(memory, room)
            count = min(_PIXELS_PER_CALL, room - done)
            given = None
            if known is not None:
                given = known_next(known, done, _PIXELS_PER_CALL, log_weights)
            places = None if copied is None else next_places(copied, done, _PIXELS_PER_CALL)
            costs = None if pull is None else pull.next_costs(done, _PIXELS_PER_CALL)
            start = _Start(memory, last, so_far)
            (memory, last, so_far), drawn = self._draw(
                self._weights, start, keys, temperature, done, count, mix, given, places, costs
            )
            parts = [np.asarray(part)[:count] for part in drawn]
            yield from itertools.starmap(NextPixels, zip(*parts, strict=True))
            if known is not None:
                log_weights = drawn[-1][count - 1]
            done += count

    def _memory_after(self, tokens: np.ndarray, guide: Guide | None) -> tuple[ArrayTree, int]:
        """Returns the memory after captions and tokens (B * R, T), and how many it has room for."""
        done, room = tokens.shape[1], self._cache_lengths[0]
        memory = jax.tree.map(jnp.copy, self._empty_memory)
        if self._prefix_length is not None:
            length, n_rows = self._prefix_length, len(tokens)
            captions = no_captions(n_rows, length)
            if guide is not None:
                captions = padded(jnp.asarray(guide.captions.reshape(n_rows, -1)), length)
            memory = self._tell(self._weights, memory, captions)
        if done:
            room = self._room_for(done)
            memory = self._grow(memory, room)
        for first in range(0, done, PROMPT_PER_CALL):
            piece = tokens[:, first : first + PROMPT_PER_CALL]
            memory = self._read(self._weights, memory, piece)
        return memory, room

    def _room_for(self, n_tokens: int) -> int:
        """Returns the shortest length of memory that holds `n_tokens`."""
        return next(length for length in self._cache_lengths if length >= n_tokens)

    def _forward(
        self, weights: ArrayTree, memory: ArrayTree, tokens: Array
    ) -> tuple[Array, ArrayTree]:
        """Returns the model's logits (B, T, V) for the next T tokens, and its new memory."""
        return self._model.pure_fn(tokens, weights, memory, jax.random.PRNGKey(0))

    def _read_captions(self, weights: ArrayTree, memory: ArrayTree, captions: Array) -> ArrayTree:
        """Returns the memory of what is to be drawn, int32 (B * R, P), before any token."""
        return read_captions(self._model, weights, memory, captions)

    def _read_prompt(self, weights: ArrayTree, memory: ArrayTree, tokens: Array) -> ArrayTree:
        """Returns the memory after all tokens (B, T) at once."""
        return self._forward(weights, memory, tokens)[1]

    def _choice(
        self,
        logits: Array,
        temperature: Array,
        noise: Array,
        mix: Array | None,
        cost: Array | None,
    ) -> Array:
        """Returns a token for each picture, int32 (B,), from the logits (B * R, V) of its rows."""
        if mix is not None:
            logits = guided(logits.reshape(*mix.shape, -1), mix)
        if cost is not None:
            logits = logits - cost
        return choose(logits, temperature, noise, self._filter)

    def _draw_pixels(
        self,
        weights: ArrayTree,
        start: _Start,
        keys: Key,
        temperature: Array,
        done: Array,
        count: Array,
        mix: Array | None,
        given: Given | None,
        places: Array | None,
        costs: Array | None,
    ) -> tuple[_Start, list[Array]]:
        """Draws `count` pixels one after another.

        Args:
          weights: of the model.
          start: its memory, and what has been drawn.
          keys: uint32 (B, 2), one per picture.
          temperature: float32 (B, 1).
          done: pixels there already.
          count: up to `_PIXELS_PER_CALL`.
          mix: the guide's weights, float32 (B, R); None where R is 1.
          given: what is known of these pixels; None where all is drawn.
          places: from which place of the picture each is copied, int32 (_PIXELS_PER_CALL,), or
            DRAWN; None where none is.
          costs: what to take from their logits before one is drawn, float32 (_PIXELS_PER_CALL, V);
            None where nothing pulls.

        Returns:
          What `start` is for the next call, and what `NextPixels` has of each pixel, of all of
          which the first `count` of _PIXELS_PER_CALL are set.
        """
        noise = pixel_noise(keys, done + jnp.arange(_PIXELS_PER_CALL))

        def draw(i: Array, carry: ArrayTree) -> ArrayTree:
            (memory, last, so_far), log_weights, drawn = carry
            logits, memory = self._forward(weights, memory, last)
            logits = logits[:, -1]
            cost = None if costs is None else costs[i]
            choice = self._choice(logits, temperature, noise[i], mix, cost)
            if given is not None:
                choice = jnp.where(given.tokens[i] == FREE, choice, given.tokens[i])
            if places is not None:
                choice, so_far = with_copies(choice, so_far, done + i, places[i])
            fed = (choice if mix is None else jnp.repeat(choice, self.n_rows))[:, None]
            chosen = jnp.take_along_axis(logits, fed, axis=-1)[:, 0]
            pixels: tuple[Array, ...] = choice, chosen - jax.nn.logsumexp(logits, axis=-1)
            if given is not None:
                parents, log_weights = weighed(log_weights, pixels[1], noise[i], given, i)
                memory = in_place_of(memory, parents, self.n_rows)
                so_far = jax.tree.map(lambda tokens: tokens[parents], so_far)
                pixels = (*pixels, parents, log_weights)
            drawn = [all_.at[i].set(one) for all_, one in zip(drawn, pixels, strict=True)]
            return _Start(memory, fed, so_far), log_weights, drawn

        log_weights = None if given is None else given.log_weights
        drawn = self._unset(len(start.last), log_weights)
        start, _, drawn = jax.lax.fori_loop(0, count, draw, (start, log_weights, drawn))
        return start, drawn

    def _unset(self, n_model_rows: int, log_weights: Array | None) -> list[Array]:
        """Returns what `NextPixels` has of each of _PIXELS_PER_CALL pixels, before any is drawn."""
        n_pixels = _PIXELS_PER_CALL
        tokens = jnp.zeros((n_pixels, self.batch_size), jnp.int32)
        pixels = [tokens, jnp.zeros((n_pixels, n_model_rows), jnp.float32)]
        if log_weights is not None:
            pixels += [tokens, jnp.zeros((n_pixels, *log_weights.shape), jnp.float32)]
        return pixels
