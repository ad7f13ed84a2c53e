"""The sampler against toy models whose probabilities are known."""

import numpy as np
import pytest

from pixace.backend.door import jnp, trax
from pixace.drawing.choice import choose, keep_top_k, keep_top_p
from pixace.drawing.completing import complete
from pixace.drawing.sampler import Sampler
from pixace.errors import UsageError
from pixace.settings.checks import check_sampling

PROBABILITIES = np.array([0.4, 0.3, 0.15, 0.1, 0.05])


def toy(logits_of, batch_size: int, **options) -> Sampler:
    """A sampler over a trax layer that computes logits (B, T, V) from tokens (B, T)."""
    model = trax.layers.Fn("Toy", logits_of)
    model.init(trax.shapes.ShapeDtype((batch_size, 1), np.int32))
    return Sampler(model, batch_size, **options)


def constant(batch_size: int, **options) -> Sampler:
    logits = jnp.log(jnp.asarray(PROBABILITIES))
    return toy(
        lambda tokens: jnp.broadcast_to(logits, (*tokens.shape, logits.size)), batch_size, **options
    )


def draw(sampler: Sampler, n_tokens: int, **options) -> np.ndarray:
    options = {"temperatures": np.ones(sampler.batch_size), "seed": 0, **options}
    *_, drawn = complete(sampler, None, n_tokens, **options)
    return drawn.tokens


def expected(temperature: float, top_k: int = 0, top_p: float = 1.0) -> np.ndarray:
    """The distribution by definition: temperature, then top-k, then top-p, then normalise."""
    p = PROBABILITIES ** (1 / temperature)
    p = p / p.sum()
    if top_k:
        p = np.where(np.arange(5) < top_k, p, 0)  # already in falling order
        p = p / p.sum()
    kept = np.cumsum(p) - p < top_p
    p = np.where(kept, p, 0)
    return p / p.sum()


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1, 0, 1), (0.5, 0, 1), (2, 0, 1), (1, 2, 1), (1, 0, 0.6), (0.7, 4, 0.9), (1, 3, 0.5)],
)
def test_frequencies_are_those_of_the_softmax(temperature, top_k, top_p):
    sampler = constant(64, top_k=top_k, top_p=top_p)
    tokens = draw(sampler, 150, temperatures=np.full(64, temperature))
    counts = np.bincount(tokens.ravel(), minlength=5)
    wanted = expected(temperature, top_k, top_p) * tokens.size
    assert (counts[wanted == 0] == 0).all()
    seen = wanted > 0
    chi_square = ((counts - wanted)[seen] ** 2 / wanted[seen]).sum()
    # 4 degrees of freedom at the most: 23.5 is passed by chance once in 10,000 runs, and the
    # seed is fixed. A wrong temperature or a missing normalisation gives hundreds.
    assert chi_square < 23.5


@pytest.mark.slow
@pytest.mark.parametrize(("temperature", "top_k"), [(1, 0), (0.6, 0), (1.5, 0), (1, 150)])
def test_frequencies_over_many_colours(temperature, top_k):
    """As above, over more tokens than are summed at once, some of them without any mass."""
    rng = np.random.default_rng(0)
    n_tokens = 300
    logits = rng.permutation(np.concatenate([rng.normal(0, 2, 290), np.full(10, -1e8)]))
    drawn = choose(
        jnp.asarray(np.tile(logits, (40_000, 1)), jnp.float32),
        jnp.full((40_000, 1), temperature, jnp.float32),
        jnp.asarray(rng.random((40_000, 2)), jnp.float32),
        lambda scores: keep_top_k(scores, top_k),
    )
    counts = np.bincount(np.asarray(drawn), minlength=n_tokens)
    masses = np.exp((logits - logits.max()) / temperature)
    if top_k:
        masses[np.argsort(-logits)[top_k:]] = 0
    wanted = masses / masses.sum() * 40_000
    assert (counts[wanted == 0] == 0).all()
    rare = wanted < 5  # too few for the statistic one by one
    counts, wanted = (np.append(x[~rare], x[rare].sum()) for x in (counts, wanted))
    counts, wanted = counts[wanted > 0], wanted[wanted > 0]
    chi_square = ((counts - wanted) ** 2 / wanted).sum()
    degrees = len(wanted) - 1
    assert chi_square < degrees + 4 * (2 * degrees) ** 0.5


def test_the_ends_of_the_noise_choose_tokens_that_have_mass():
    logits = jnp.asarray([[-1e9] * 200 + [0.0] + [-1e9] * 99])
    for noise in (0.0, np.float32(1) - np.finfo(np.float32).epsneg):
        assert choose(logits, jnp.ones((1, 1)), jnp.full((1, 2), noise)).tolist() == [200]


def test_temperature_zero_takes_the_likeliest():
    assert (draw(constant(3), 20, temperatures=[0, 0, 0]) == 0).all()


def test_each_row_has_its_own_temperature():
    rows = draw(constant(2), 100, temperatures=[0, 1])
    assert (rows[0] == 0).all()
    assert len(set(rows[1])) > 1


def test_what_was_drawn_is_fed_back():
    """A model that is certain of `input + 1`: the stream counts up from the prompt."""
    successor = toy(lambda tokens: 1e4 * (jnp.arange(50) == tokens[..., None] + 1), 2)
    prompt = np.array([[7, 8, 9], [20, 21, 22]], np.int32)
    *_, drawn = complete(successor, prompt, 9, temperatures=[1, 1], seed=0)
    assert drawn.tokens.tolist() == [[*range(7, 16)], [*range(20, 29)]]
    *_, drawn = complete(successor, None, 4, temperatures=[1, 1], seed=0)
    assert drawn.tokens.tolist() == [[1, 2, 3, 4]] * 2  # after the start symbol 0


def test_every_length_is_yielded_once_and_a_full_prompt_is_not_extended():
    sampler = constant(1)
    prompt = np.array([[1, 2]], np.int32)
    lengths = [d.tokens.shape[1] for d in complete(sampler, prompt, 5, temperatures=[1], seed=0)]
    assert lengths == [2, 3, 4, 5]
    (only,) = complete(sampler, prompt, 2, temperatures=[1], seed=0)
    assert only.tokens.tolist() == [[1, 2]]
    assert only.log_likelihood.tolist() == [0]


def test_the_seed_decides():
    sampler = constant(2)
    first = draw(sampler, 50, seed=5)
    np.testing.assert_array_equal(draw(sampler, 50, seed=5), first)
    np.testing.assert_array_equal(draw(constant(2), 50, seed=5), first)
    assert (draw(sampler, 50, seed=6) != first).any()


def test_numpy_s_global_generator_has_no_say():
    np.random.seed(1)
    first = draw(constant(2), 50)
    np.random.seed(2)
    np.testing.assert_array_equal(draw(constant(2), 50), first)


def test_a_picture_is_the_same_in_every_batch():
    small, large = draw(constant(2), 40), draw(constant(6), 40)
    np.testing.assert_array_equal(large[:2], small)
    swapped = draw(constant(2), 40, picture_ids=[1, 0])
    np.testing.assert_array_equal(swapped, small[::-1])
    assert (small[0] != small[1]).any()


def test_a_sampler_forgets_the_last_picture():
    """A model with memory gives the same picture twice, as its memory is emptied in between."""

    class Counter(trax.layers.Layer):
        def init_weights_and_state(self, signature):
            self.state = jnp.zeros((), jnp.int32)

        def forward(self, tokens):
            self.state = self.state + tokens.shape[1]
            return 1e4 * (jnp.arange(9) == self.state)[None, None] * jnp.ones((*tokens.shape, 1))

    model = Counter()
    model.init(trax.shapes.ShapeDtype((1, 1), np.int32))
    sampler = Sampler(model, 1)
    assert draw(sampler, 4).tolist() == [[1, 2, 3, 4]]
    assert draw(sampler, 4).tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("temperature", [0, 0.5, 1])
def test_log_likelihood_is_the_model_s_own(temperature):
    """Of the drawn pixels alone, whatever the temperature and the colours drawn from."""
    sampler = constant(3, top_k=4)
    prompt = np.full((3, 2), 4, np.int32)
    *_, drawn = complete(sampler, prompt, 40, temperatures=[temperature] * 3, seed=1)
    expected = np.log(PROBABILITIES)[drawn.tokens[:, 2:]].sum(axis=1)
    np.testing.assert_allclose(drawn.log_likelihood, expected, rtol=1e-5)


def test_keep_top_k_and_top_p():
    logits = jnp.log(jnp.asarray([[0.1, 0.5, 0.15, 0.25]]))
    kept = lambda x: (np.asarray(x)[0] > -1e8).tolist()  # noqa: E731
    assert kept(keep_top_k(logits, 2)) == [False, True, False, True]
    assert kept(keep_top_k(logits, 0)) == kept(keep_top_k(logits, 9)) == [True] * 4
    assert kept(keep_top_p(logits, 0.5)) == [False, True, False, False]
    assert kept(keep_top_p(logits, 0.51)) == [False, True, False, True]
    assert kept(keep_top_p(logits, 1e-9)) == [False, True, False, False]
    assert kept(keep_top_p(logits, 1.0)) == [True] * 4


@pytest.mark.parametrize(
    "settings",
    [
        {"temperatures": [-0.1]},
        {"temperatures": [float("nan")]},
        {"temperatures": [float("inf")]},
        {"temperatures": []},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    (name,) = settings
    with pytest.raises(UsageError, match=name.removesuffix("s")):
        check_sampling(**settings)
