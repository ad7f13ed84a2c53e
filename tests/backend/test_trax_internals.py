"""What trax keeps to itself is known in one module, which reads it as trax means it."""

import ast

import numpy as np
import pytest

from pixace.backend.door import jax, jnp, trax
from pixace.backend.trax_internals import (
    dropout_and_mode,
    dropout_settings,
    forward_and_or_backward,
    half_residual_parts,
    is_residual,
    self_attention_settings,
    set_sublayers,
)
from tests.whole.test_import_direction import SOURCES

tl = trax.layers


def test_settings_are_those_a_layer_was_made_with():
    assert dropout_settings(tl.Dropout(0.3, [1], "eval")) == (0.3, [1], "eval")
    assert dropout_settings(tl.Dropout(0.3)) == (0.3, [], "train")
    attention = tl.attention.DotProductCausalAttention(dropout=0.2, mode="train")
    assert dropout_and_mode(attention) == (0.2, "train")
    assert dropout_and_mode(tl.PositionalEncoding(dropout=0.1, mode="eval"))[1] == "eval"
    layer = tl.SelfAttention(causal=True, attention_dropout=0.1, output_dropout=0.2)
    assert self_attention_settings(layer) == (0.1, 0.2, True)
    layer = tl.SelfAttention(causal=True, attention_dropout=0.1, output_dropout=0.2, mode="eval")
    assert self_attention_settings(layer) == (0.0, 0.0, True)


@pytest.mark.parametrize(
    "setting", [{"causal": False}, {"masked": True}, {"chunk_len": 4}, {"bias": True},
                {"share_qk": True}],
)  # fmt: skip
def test_what_is_no_plain_attention_is_found(setting):
    assert not self_attention_settings(tl.SelfAttention(**{"causal": True, **setting})).is_plain


def test_a_half_residual_tells_its_parts():
    attention = tl.SelfAttention(causal=True)
    norm = tl.LayerNorm()
    parts, inner = half_residual_parts(tl.ReversibleHalfResidual(norm, attention_layer=attention))
    assert list(parts) == [norm]
    assert inner is attention
    assert half_residual_parts(tl.ReversibleHalfResidual(tl.Relu()))[1] is None


def test_a_residual_is_told_from_other_series():
    assert is_residual(tl.Residual(tl.Dense(2)))
    assert not is_residual(tl.Serial(tl.Dense(2), tl.LayerNorm()))
    assert not is_residual(tl.Dense(2))


def test_sublayers_can_be_replaced():
    model = tl.Serial(tl.Fn("one", lambda x: x + 1), tl.Fn("two", lambda x: x + 2))
    set_sublayers(model, [model.sublayers[0], tl.Fn("ten", lambda x: x * 10)])
    assert model(np.ones(1)) == 20


def test_a_gradient_is_left_to_jax():
    layer = tl.Dense(3)
    x = np.ones((1, 2), np.float32)
    weights, state = layer.init(trax.shapes.signature(x))
    run = forward_and_or_backward(layer)
    outputs, _, x_grad, (matrix_grad, _) = run(
        x, weights, state, jax.random.PRNGKey(0), output_grad=jnp.ones((1, 3))
    )
    np.testing.assert_allclose(outputs, layer(x))
    np.testing.assert_allclose(x_grad[0], weights[0].sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(matrix_grad, np.ones((2, 3)))


OF_NAMED_TUPLES = ("_replace", "_asdict", "_fields")


def private_reads(tree):
    """Yields what is read of private attributes that the class itself, or its base, does not set.

    Of `self._name` in a class; and of `anything_else._name` anywhere.
    """
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def own(node):
        bases = [classes[base.id] for base in node.bases if getattr(base, "id", None) in classes]
        names = {name for base in bases for name in own(base)}
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef):
                names.add(part.name)
            elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                names.add(part.attr)
        return names

    of_selves = {
        part: own(node)
        for node in classes.values()
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and ast.unparse(part.value) in ("self", "cls")
    }
    for part in ast.walk(tree):
        if isinstance(part, ast.Attribute) and part.attr.startswith("_"):
            is_special = part.attr.startswith("__") or part.attr in OF_NAMED_TUPLES
            if not is_special and part.attr not in of_selves.get(part, ()):
                yield ast.unparse(part)


MODEL_ROOMS = ("models", "training", "insight", "drawing")


@pytest.mark.parametrize("name", [name for name in SOURCES if name.split(".")[0] in MODEL_ROOMS])
def test_nobody_else_reaches_into_a_layer(name):
    assert not list(private_reads(ast.parse(SOURCES[name].read_text("utf-8"))))


def test_who_does_is_found():
    code = """
class A(B):
    def f(self, x):
        self._y = x._z
        return self._y + self._w
"""
    assert set(private_reads(ast.parse(code))) == {"x._z", "self._w"}
