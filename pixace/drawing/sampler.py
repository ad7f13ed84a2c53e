"""Drawing tokens from a model, one after another.

A `Sampler` is to any trax model in mode predict what trax's `autoregressive_sample_stream` is,
with the whole step compiled: many pixels a call, the model's memory updated in place, and no more
of it read than the pixels drawn so far need. Everything random comes from one JAX key per picture.
Where a model can forget, pixels are guessed, and some at a time told by the model (`drafts`); else
it tells one after another (`one_by_one`). The pictures are the same.

Nothing here knows a file, a picture, or a particular model.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree, Key, Layer
from pixace.drawing.choice import choose, keep_top
from pixace.drawing.copying import next_copied, tokens_so_far
from pixace.drawing.drafts import SPAN, Draft, Guessing, Sources, drawn_ahead
from pixace.drawing.guidance import Guide, guided
from pixace.drawing.noise import picture_keys
from pixace.drawing.one_by_one import PIXELS_PER_CALL, NextPixels, Start, drawn_one_by_one
from pixace.drawing.particles import Given, Known, known_next
from pixace.drawing.pull import Pull
from pixace.models.conditioning import no_captions, padded, prefix_length_of, read_captions
from pixace.models.layers.block_matrices import decoding_weights
from pixace.models.layers.cached_attention import caches_in
from pixace.models.memory import at_place, can_go_back, resized
from pixace.settings.checks import MAX_SEED, check_sampling, require_int
from pixace.tokens.vocabulary import PAD_ID

PROMPT_PER_CALL = 1024  # pixels read at once, which bounds the memory that attention takes
# Lengths of memory on the way to the full one; for each that is used, the step is compiled. None
# between the first two: XLA's product of a query with so many keys stays on one core (JAX 0.12), so
# that 512 take as long as 1024.
_CACHE_LENGTHS = (256, 768, 1536, 3072)


class _Settings(NamedTuple):
    """What pixels are drawn with, the same for all.

    Attributes:
      keys: uint32 (B, 2), one per picture.
      temperature: float32 (B, 1).
      mix: the guide's weights, float32 (B, R); None where R is 1.
    """

    keys: Key
    temperature: Array
    mix: Array | None


class _Begun(NamedTuple):
    """Pictures begun.

    Attributes:
      memory: the model's, before the last of the tokens.
      room: how many pixels there is room for in it.
      tokens: int32 (B, T), the pixels so far, those of the prompt included.
    """

    memory: ArrayTree
    room: int
    tokens: np.ndarray


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
      length: L, of a picture; None for what the model's memory holds.
      guessing: how pixels are guessed, by a model that can forget; None guesses none.

    Attributes:
      n_calls: how often the model was called to draw.
      n_pixels: how many pixels were drawn by that, of one picture of each batch.

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
        length: int | None = None,
        guessing: Guessing | None = None,
    ) -> None:
        check_sampling(top_k=top_k, top_p=top_p)
        self.n_calls = self.n_pixels = 0
        self.batch_size, self.n_rows, self.n_particles = batch_size, n_rows, n_particles
        self._model = model
        self._prefix_length = prefix_length_of(model)
        self._filter = partial(keep_top, k=top_k, p=top_p)
        self._guessing = None
        if guessing is not None and n_particles == 1 and can_go_back(model.state):
            self._guessing = guessing
        endless = length or np.iinfo(np.int32).max
        self._full_length = min((cache.length for cache in caches_in(model.state)), default=endless)
        shorter = (length for length in _CACHE_LENGTHS if length < self._full_length)
        self._cache_lengths = [*shorter, self._full_length]
        self._empty_memory = resized(model.state, self._cache_lengths[0])
        model.state = self._empty_memory
        self.set_weights(model.weights)
        self._tell = jax.jit(self._read_captions, donate_argnums=1)
        self._read = jax.jit(self._read_prompt, donate_argnums=1)
        self._draw = jax.jit(self._draw_one_by_one, donate_argnums=1)
        self._draft = jax.jit(self._draw_ahead, donate_argnums=1)
        self._grow = jax.jit(resized, static_argnums=1)

    def set_weights(self, weights: ArrayTree) -> None:
        """Replaces the model's weights by others of the same shapes, for streams under way, too."""
        n_each = 1 if self._guessing is None else self._guessing.width
        n_rows = self.batch_size * self.n_rows * n_each
        self._weights = decoding_weights(self._model, weights, n_rows)
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
        ids = np.arange(self.batch_size) if picture_ids is None else np.asarray(picture_ids)
        settings = _Settings(
            picture_keys(seed, ids.reshape(self.batch_size, -1)),
            jnp.asarray(temperatures, jnp.float32).reshape(-1, 1),
            None if guide is None or self.n_rows == 1 else jnp.asarray(guide.weights),
        )
        tokens = np.zeros((self.batch_size, 0), np.int32) if prompt is None else prompt
        begun = _Begun(*self._memory_after(self._fed(tokens)[:, :-1], guide), tokens)
        if self._guessing is not None and known is None:
            sources = Sources.of(self._guessing, copied)
            begun = yield from self._ahead(begun, settings, sources, pull)
        yield from self._one_by_one(begun, settings, known, copied, pull)

    def _ahead(
        self, begun: _Begun, settings: _Settings, sources: Sources, pull: Pull | None
    ) -> Generator[NextPixels, None, _Begun]:
        """Draws by drafts, as long as that pays; for the rest, see `steps`.

        Returns:
          What one by one can go on from.
        """
        memory, room, tokens = begun
        first = done = tokens.shape[1]
        draft = Draft.after(tokens, memory, self.n_rows, self._full_length)
        n_calls = 0
        assert self._guessing is not None
        while done < self._full_length and self._guessing.pays(
            done - first, n_calls, self._full_length - first
        ):
            if done == room:
                room = self._room_for(done + 1)
                draft = draft._replace(memory=self._grow(draft.memory, room))
            costs = None if pull is None else pull.next_costs(done, SPAN)
            draft = self._draft(self._weights, draft, settings, room, sources, costs)
            n_more, n_calls = int(draft.n_calls) - n_calls, int(draft.n_calls)
            before, done = done, int(draft.drawn.min())
            parts = np.asarray(draft.tokens)[:, 1:].T, np.asarray(draft.log_probs).T
            yield from self._told(n_more, *(part[before:done] for part in parts))
        return _Begun(draft.memory, room, np.asarray(draft.tokens)[:, 1 : done + 1])

    def _one_by_one(
        self,
        begun: _Begun,
        settings: _Settings,
        known: Known | None,
        copied: np.ndarray | None,
        pull: Pull | None,
    ) -> Iterator[NextPixels]:
        """Draws one pixel a call; see `steps`."""
        memory, room, tokens = begun
        done = tokens.shape[1]
        so_far = None if copied is None else tokens_so_far(tokens, len(copied))
        start = Start(memory, jnp.asarray(self._fed(tokens)[:, -1:]), so_far)
        log_weights = jnp.zeros((self.batch_size // self.n_particles, self.n_particles))
        while done < self._full_length:
            if done == room:
                room = self._room_for(done + 1)
                start = start._replace(memory=self._grow(start.memory, room))
            count = min(PIXELS_PER_CALL, room - done)
            given = None
            if known is not None:
                given = known_next(known, done, PIXELS_PER_CALL, log_weights)
            places = None if copied is None else next_copied(copied, done, PIXELS_PER_CALL)
            costs = None if pull is None else pull.next_costs(done, PIXELS_PER_CALL)
            start, drawn = self._draw(
                self._weights, start, settings, done, count, given, places, costs
            )
            yield from self._told(count, *(np.asarray(part)[:count] for part in drawn))
            if known is not None:
                log_weights = drawn[-1][count - 1]
            done += count

    def _told(self, n_calls: int, *parts: np.ndarray) -> Iterator[NextPixels]:
        """Yields pixels that so many calls have told, of what `NextPixels` has of each."""
        self.n_calls += n_calls
        self.n_pixels += len(parts[0])
        return itertools.starmap(NextPixels, zip(*parts, strict=True))

    def _fed(self, tokens: np.ndarray) -> np.ndarray:
        """Returns what the model's rows read, int32 (B * R, 1 + T), for tokens (B, T)."""
        begin = np.full((self.batch_size, 1), PAD_ID, np.int32)
        return np.repeat(np.concatenate([begin, tokens], axis=1), self.n_rows, axis=0)

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
        self, settings: _Settings, logits: Array, noise: Array, cost: Array | None
    ) -> Array:
        """Returns a token for each picture, int32 (B,), from the logits (B * R, V) of its rows."""
        if settings.mix is not None:
            logits = guided(logits.reshape(*settings.mix.shape, -1), settings.mix)
        if cost is not None:
            logits = logits - cost
        return choose(logits, settings.temperature, noise, self._filter)

    def _draw_one_by_one(
        self,
        weights: ArrayTree,
        start: Start,
        settings: _Settings,
        done: Array,
        count: Array,
        given: Given | None,
        places: Array | None,
        costs: Array | None,
    ) -> tuple[Start, list[Array]]:
        """Draws `count` pixels; see `drawn_one_by_one`."""
        if self._guessing is not None:  # rows that are farther than others forget what is beyond
            start = start._replace(memory=at_place(start.memory, done))
        model = partial(self._forward, weights), partial(self._choice, settings)
        return drawn_one_by_one(start, settings.keys, done, count, given, places, costs, *model)

    def _draw_ahead(
        self,
        weights: ArrayTree,
        draft: Draft,
        settings: _Settings,
        room: Array,
        sources: Sources,
        costs: Array | None,
    ) -> Draft:
        """Draws some pixels; see `drawn_ahead`."""
        assert self._guessing is not None
        model = partial(self._forward, weights), partial(self._choice, settings)
        return drawn_ahead(draft, self._guessing.width, room, sources, settings.keys, costs, *model)
