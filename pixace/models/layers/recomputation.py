"""What training keeps of the way forward for the way back: all activations, or few.

trax runs a Reformer's reversible layers backwards by computing their inputs from their outputs,
and keeps the activations of all other layers. Here every model can have it either way, as time or
memory is short. The inputs of blocks are kept even where they could be computed: undoing a block
takes more than that saves (default Reformer, 64 pictures: XLA plans 14.7 GB for trax's way, 7.4 GB
for this one).
"""

from __future__ import annotations

from pixace.backend.door import jax, trax
from pixace.backend.trax_internals import half_residual_parts, is_residual, set_sublayers
from pixace.backend.types import ArrayTree, Layer
from pixace.models.layers.replacing import replace_sublayers


class Block(trax.layers.Serial):
    """Layers of which training may keep no more than the inputs."""


def keep_activations(model: Layer) -> None:
    """Makes a model keep what its gradient needs, reversible layers included."""
    replace_sublayers(
        model, trax.layers.ReversibleSerial, lambda old: trax.layers.Serial(*old.sublayers)
    )
    replace_sublayers(model, trax.layers.ReversibleHalfResidual, _HalfResidual.like)


def recompute_activations(model: Layer) -> None:
    """Makes a model keep no more than the inputs of its blocks."""
    keep_activations(model)
    replace_sublayers(model, _HalfResidual, _RecomputedHalfResidual.like)
    replace_sublayers(model, Block, lambda old: _Recomputed(*old.sublayers))
    set_sublayers(
        model,
        [
            _Recomputed(*layer.sublayers) if is_residual(layer) else layer
            for layer in model.sublayers
        ],
    )


class _HalfResidual(trax.layers.ReversibleHalfResidual):
    """trax's layer, with the gradient left to JAX."""

    has_backward = False

    @classmethod
    def like(cls, layer: Layer) -> _HalfResidual:
        residual, attention = half_residual_parts(layer)
        return cls(*residual, attention_layer=attention)


class _RecomputedHalfResidual(_HalfResidual):
    """The same, of which only the inputs are kept."""

    def forward(self, xs: ArrayTree) -> ArrayTree:
        return _recomputed(self, _HalfResidual.like(self), xs)


class _Recomputed(trax.layers.Serial):
    """trax's layer, of which only the inputs are kept."""

    def forward(self, xs: ArrayTree) -> ArrayTree:
        return _recomputed(self, trax.layers.Serial(*self.sublayers), xs)


def _recomputed(layer: Layer, same: Layer, xs: ArrayTree) -> ArrayTree:
    """Returns what `same`, a layer of the same sublayers, makes of xs with the layer's weights."""
    same.weights, same.state = layer.weights, layer.state  # which `pure_fn` will put back
    outputs, layer.state = jax.checkpoint(same.pure_fn)(xs, layer.weights, layer.state, layer.rng)
    return outputs
