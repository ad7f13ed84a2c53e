"""What a model reads of a caption: vectors of its bytes, and layers over pixels that know them.

A layer that knows captions (`Captioned`) takes pixels and captions in modes train and eval. In mode
predict it takes pixels alone, and remembers the caption that it was told (`told`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.trax_internals import set_sublayers
from pixace.backend.types import Array, ArrayTree, Layer, Mode, Signature
from pixace.models.layers.cached_attention import KeyValueCache, caches_in, is_cache
from pixace.models.layers.grid_positions import waves

_VECTOR_SCALE = 0.3  # of the vector of a byte, beside that of its place, at first
_AROUND = 5  # bytes that are seen together, so that a caption is more than its letters


class CaptionVectors(trax.layers.base.Layer):
    """Maps captions, int32 (B, P), to the vectors of their bytes and places, (B, P, D).

    Pads have a vector, too: what they say is that nothing is said. Weights are the vectors of
    bytes, (N, D), and of places, (P, D), which start as sines and cosines.

    Args:
      n_bytes: N, how many different ones there are, the pad included.
      length: P.
      d_feature: D.
    """

    weights: ArrayTree

    def __init__(self, n_bytes: int, length: int, d_feature: int) -> None:
        super().__init__()
        self._n_bytes = n_bytes
        self._shape = length, d_feature

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes random vectors."""
        vectors = jax.random.normal(self.rng, (self._n_bytes, self._shape[1]))
        self.weights = _VECTOR_SCALE * vectors, jnp.asarray(waves(*self._shape))

    def forward(self, captions: Array) -> Array:
        """Looks up and adds."""
        vectors, places = self.weights
        sums = _looked_up(vectors, captions) + places.astype(jnp.float32)
        return sums.astype(places.dtype)


class CaptionMean(trax.layers.base.Layer):
    """Maps captions, int32 (B, P), to the mean of what their bytes say, (B, D).

    What a byte says depends on those beside it. Pads do not count; no caption is zero. Weights are
    the vectors of bytes, (N, D), and a matrix with a bias for some of them side by side.

    Args:
      n_bytes: N, how many different ones there are, the pad included.
      pad: which of them is the pad.
      d_feature: D.
    """

    weights: ArrayTree

    def __init__(self, n_bytes: int, pad: int, d_feature: int) -> None:
        super().__init__()
        self._n_bytes = n_bytes
        self._pad = pad
        self._d_feature = d_feature

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes random vectors."""
        of_vectors, of_matrix = jax.random.split(self.rng)
        vectors = jax.random.normal(of_vectors, (self._n_bytes, self._d_feature))
        shape = _AROUND * self._d_feature, self._d_feature
        matrix = trax.layers.GlorotUniformInitializer()(shape, of_matrix)
        self.weights = vectors, matrix, jnp.zeros(self._d_feature)

    def forward(self, captions: Array) -> Array:
        """Looks up, joins what is side by side, and takes the mean."""
        vectors, matrix, bias = self.weights
        before, length = _AROUND // 2, captions.shape[1]
        padding = (0, 0), (before, _AROUND - 1 - before)
        bytes_around = jnp.pad(captions, padding, constant_values=self._pad)
        looked_up = _looked_up(vectors, bytes_around).astype(vectors.dtype)
        beside = [looked_up[:, start : start + length] for start in range(_AROUND)]
        said = jax.nn.relu(jnp.concatenate(beside, axis=-1) @ matrix + bias)
        counts = (captions != self._pad).astype(said.dtype)
        n_said = jnp.maximum(counts.sum(axis=1, keepdims=True), 1)
        return (said * counts[..., None]).sum(axis=1) / n_said


def _looked_up(vectors: Array, captions: Array) -> Array:
    """Returns the vectors of bytes, float32 (B, P, D)."""
    # In float32, as sums of thousands of gradients get stuck in bfloat16.
    return vectors.astype(jnp.float32)[captions]


class Captioned(trax.layers.base.Layer):
    """Layers over pixels that know what a caption says.

    Args:
      words: a layer from captions, int32 (B, P), to what is told of them.
      pixels: a layer over pixels.
      length: P.
      mode: train, eval or predict.
    """

    weights: ArrayTree
    state: ArrayTree

    def __init__(self, words: Layer, pixels: Layer, length: int, mode: Mode) -> None:
        super().__init__(n_in=1 if mode == "predict" else 2)
        set_sublayers(self, [words, pixels])
        self._length = length
        self._mode = mode

    @property
    def length(self) -> int:
        """P, how many bytes of a caption are read."""
        return self._length

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes the layers' weights and states."""
        words, pixels = self.sublayers
        if self._mode == "predict":
            of_pixels = input_signature
            of_captions = trax.shapes.ShapeDtype((of_pixels.shape[0], self._length), np.int32)
        else:
            of_pixels, of_captions = input_signature
        made = words.init(of_captions), pixels.init(of_pixels)
        self.weights, self.state = zip(*made, strict=True)

    def forward(self, xs: ArrayTree) -> ArrayTree:
        """Maps pixels, and but for mode predict captions, to what the layers make of the pixels."""
        words, pixels = self.sublayers
        weights, state = self.weights, self.state
        if self._mode == "predict":
            outputs, of_pixels = pixels.pure_fn(xs, weights[1], state[1], self.rng)
            self.state = state[0], of_pixels
            return outputs
        x, captions = xs
        if captions.shape[1] != self._length:
            raise ValueError(f"captions of {captions.shape[1]}, the model reads {self._length}")
        said, _ = words.pure_fn(captions, weights[0], state[0], self.rng)
        return self._knowing(said, x)

    def told(self, captions: Array, weights: ArrayTree, memory: ArrayTree) -> ArrayTree:
        """Returns the state of mode predict, of a new picture, that remembers captions (B, P)."""
        words, _ = self.sublayers
        said, _ = words.pure_fn(captions, weights[0], memory[0], jax.random.PRNGKey(0))
        return memory[0], self._remembered(said, weights[1], memory[1])

    def _knowing(self, said: Array, x: Array) -> Array:
        """Returns what the layers make of pixels, in modes train and eval."""
        raise NotImplementedError

    def _remembered(self, said: Array, weights: ArrayTree, memory: ArrayTree) -> ArrayTree:
        """Returns the state of the layers over pixels, told what a caption says."""
        raise NotImplementedError


class AfterCaption(Captioned):
    """Layers of attention over a sequence, before which they read a caption.

    Takes the vectors of pixels, (B, T, D), and captions; gives features of the pixels alone.

    Args: see `Captioned`; of captions, `words` makes (B, P, D), and `pixels` looks at a sequence,
      each of whose vectors may depend on those before it.
    """

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes weights and states, and room for a caption."""
        super().init_weights_and_state(input_signature)
        of_words, of_pixels = self.state
        self.state = (
            of_words,
            _mapped(lambda cache: cache.behind(cache.of_caption(self._length)), of_pixels),
        )

    def _knowing(self, said: Array, x: Array) -> Array:
        _, pixels = self.sublayers
        sequence = jnp.concatenate([said, x], axis=1)
        features, _ = pixels.pure_fn(sequence, self.weights[1], self.state[1], self.rng)
        return features[:, self._length :]

    def _remembered(self, said: Array, weights: ArrayTree, memory: ArrayTree) -> ArrayTree:
        _, pixels = self.sublayers
        empty = _mapped(lambda cache: cache.of_caption(self._length), memory)
        _, read = pixels.pure_fn(said, weights, empty, jax.random.PRNGKey(0))
        filled = iter(caches_in(read))
        return _mapped(lambda cache: cache.behind(next(filled)), memory)


def _mapped(change: Callable[[KeyValueCache], KeyValueCache], memory: ArrayTree) -> ArrayTree:
    """Returns layers' memory with each of its caches changed."""
    return jax.tree.map(
        lambda part: change(part) if is_cache(part) else part, memory, is_leaf=is_cache
    )


class GivenBias(NamedTuple):
    """The state of a `CaptionBias`.

    Attributes:
      bias: (B, F); None in modes train and eval, which keep nothing between two batches.
    """

    bias: Array | None


def _is_bias(part: ArrayTree) -> bool:
    return isinstance(part, GivenBias)


class CaptionBias(trax.layers.base.Layer):
    """Adds to features, (B, R, E, F), what a `BiasedByCaption` around it makes of the caption.

    Args:
      mode: train, eval or predict.
    """

    state: GivenBias

    def __init__(self, mode: Mode) -> None:
        super().__init__()
        self._mode = mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Knows of no caption yet."""
        batch, _, _, depth = input_signature.shape
        self.state = GivenBias(jnp.zeros((batch, depth)) if self._mode == "predict" else None)

    def forward(self, x: Array) -> Array:
        """Adds the bias, where there is one already."""
        bias = self.state.bias
        return x if bias is None else x + bias[:, None, None]


class BiasedByCaption(Captioned):
    """Layers over pictures of which a caption moves some features, wherever they are.

    Args: see `Captioned`; of captions, `words` makes the biases of all n `CaptionBias` that are in
      `pixels`, (B, n * F).
    """

    def _knowing(self, said: Array, x: Array) -> Array:
        _, pixels = self.sublayers
        told = self._remembered(said, self.weights[1], self.state[1])
        return pixels.pure_fn(x, self.weights[1], told, self.rng)[0]

    def _remembered(self, said: Array, weights: ArrayTree, memory: ArrayTree) -> ArrayTree:
        del weights
        parts, structure = jax.tree.flatten(memory, is_leaf=_is_bias)
        biases = iter(jnp.split(said, sum(map(_is_bias, parts)), axis=-1))
        parts = [GivenBias(next(biases)) if _is_bias(part) else part for part in parts]
        return jax.tree.unflatten(structure, parts)
