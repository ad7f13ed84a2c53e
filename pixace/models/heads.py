"""Where a model ends: its body makes features, its head says how well they foresee a token.

Whoever needs the loss of a model asks its head, and knows no kind of it.
"""

from __future__ import annotations

from pixace.backend.door import jax, trax
from pixace.backend.types import Array, ArrayTree, Layer
from pixace.models.layers.head_loss import HeadWeights, summed_nats, token_nats
from pixace.models.layers.pointer_head import PointerHead


class DenseHead:
    """A head that makes logits of features by one matrix, trax's `Dense`."""

    def nats(self, weights: ArrayTree, features: Array, tokens: Array) -> Array:
        """Returns -ln p of each token, float32 (B, L).

        Args:
          weights: of the head, as trax nests them.
          features: what the body makes of the tokens before each, (B, L, D).
          tokens: int32 (B, L).
        """
        return token_nats(*_in_one_row(weights, features, tokens)).reshape(tokens.shape)

    def summed_nats(
        self, weights: ArrayTree, features: Array, tokens: Array, loss_weights: Array | None = None
    ) -> Array:
        """Returns the sum of `nats`, float32 (); its gradient is computed along with it.

        Args:
          weights: see `nats`.
          features: see `nats`.
          tokens: see `nats`.
          loss_weights: float32 (B, L), how often each token counts; None counts each once.
        """
        if loss_weights is not None:
            loss_weights = loss_weights.ravel()
        return summed_nats(*_in_one_row(weights, features, tokens), loss_weights)


def split_model(model: Layer) -> tuple[Layer, DenseHead | PointerHead]:
    """Returns all of a model but its last layer, and what that layer says of tokens.

    The head's weights are the last of the model's, as its state is the last of the state.
    """
    *layers, last = model.sublayers
    if isinstance(last, PointerHead):
        return trax.layers.Serial(*layers), last
    kinds = [type(layer) for layer in last.sublayers or [last]]
    if [kind for kind in kinds if kind is not trax.layers.AssertShape] != [trax.layers.Dense]:
        raise TypeError(f"a model must end in a head, not in {last}")
    return trax.layers.Serial(*layers), DenseHead()


def _in_one_row(
    weights: ArrayTree, features: Array, tokens: Array
) -> tuple[Array, HeadWeights, Array]:
    """Returns features (P, D), the head's matrix and bias, and tokens (P,), with P = B * L."""
    matrix, bias = jax.tree.leaves(weights)
    return features.reshape(-1, features.shape[-1]), (matrix, bias), tokens.ravel()
