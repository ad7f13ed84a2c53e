"""When validation turns up: curves written down by hand."""

import numpy as np
import pytest

from pixace.checkpoints.folder import epoch_path
from pixace.checkpoints.history import History
from pixace.training.watching.overfitting import overfitting_warning

FALLING = [3.0, 2.5, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.9, 0.8]
TURNING = [3.1, 2.7, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1]  # the best at step 300


def history_of(training, validation):
    """Epochs of 100 steps."""

    def curve(values):
        return {"nats_per_pixel": [(100 * n, value) for n, value in enumerate(values, 1)]}

    return History({"train": curve(training), "val": curve(validation)})


def epochs_warned(training, validation, folder):
    """Returns the epochs, from 1, at whose end a training is told that it overfits."""
    return [
        n
        for n in range(1, len(validation) + 1)
        if overfitting_warning(history_of(training[:n], validation[:n]), folder)
    ]


def test_it_is_said_once_three_epochs_after_the_best(tmp_path):
    assert epochs_warned(FALLING, TURNING, tmp_path) == [6]


def test_it_names_the_best_checkpoint(tmp_path):
    history = history_of(FALLING[:6], TURNING[:6])
    warning = overfitting_warning(history, tmp_path)
    assert "to 3.895 bits per pixel from 3.462 at step 300" in warning
    assert "the best state is not kept any more" in warning
    epoch_path(tmp_path, 300).touch()
    warning = overfitting_warning(history, tmp_path)
    assert (
        f"the best state is kept: {tmp_path / 'model-00300.pkl.gz'} (--checkpoint=best)" in warning
    )
    assert "--mirror" in warning


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (FALLING, [value + 0.1 for value in FALLING]),  # both fall
        (TURNING, TURNING),  # both rise: something else is wrong
        (FALLING, [3.1, 2.7, 2.4, 2.41, 2.42, 2.41, 2.42, 2.42, 2.41, 2.42]),  # within 1 %
        (FALLING, [3.1, 2.4, 2.5, 2.5, 2.3, 2.4, 2.4, 2.2, 2.3, 2.3]),  # never three in a row
        (FALLING[:2], TURNING[:2]),
        ([], TURNING),  # the training's losses are not known
        ([], []),
    ],
)
def test_where_it_is_not_said(tmp_path, training, validation):
    assert epochs_warned(training, validation, tmp_path) == []


def test_noise_on_a_plateau_is_no_overfitting(tmp_path):
    rng = np.random.default_rng(0)
    validation = [*TURNING[:3], *(2.4 + rng.normal(0, 0.005, 200))]
    training = [*FALLING, *np.linspace(0.8, 0.7, 193)]
    assert epochs_warned(training, validation, tmp_path) == []


def test_an_empty_history_says_nothing(tmp_path):
    assert overfitting_warning(History(), tmp_path) is None
