"""A training by minutes measures what it may choose, by a clock that ticks whenever it is read."""

import itertools

import pytest

from pixace.errors import PixaceError
from pixace.settings.model import ModelConfig
from pixace.settings.training import AUTO, TrainingSettings
from pixace.system.signals import StopRequest
from pixace.training import sizing
from pixace.training.budget import CHOSEN, Freedom
from pixace.training.peers import Peers
from pixace.training.sizing import settle

CONFIG = ModelConfig("transformer", 2, (1, 1, 1), d_model=8, d_ff=4, n_layers=1, n_heads=1)
FREE = Freedom(frozenset({"d_model"}), frozenset(CHOSEN), unit=1, n_images=8)
SECONDS = 600


def settled(tick, freedom=FREE, seconds=SECONDS, **settings):
    """Returns what is chosen where a step, and whatever else is measured, takes a tick."""
    clock = itertools.count(0.0, tick).__next__
    peers = Peers(StopRequest())
    return settle(CONFIG, TrainingSettings(**settings), freedom, 20, seconds, peers, clock)


def test_a_machine_slower_than_guessed_is_given_a_smaller_model():
    found = settled(tick=1.0)
    assert found.config.d_model == 192
    assert found.seconds_per_step == 1
    assert 400 < 4 * found.settings.steps_per_epoch < SECONDS


def test_more_than_a_tenth_of_the_time_is_not_measured():
    found = settled(tick=10.0)
    assert found.config.d_model == 512, "the first guess"
    assert 4 * found.settings.steps_per_epoch < SECONDS / 10


def test_dropout_is_for_the_steps_that_there_are_not_for_those_guessed():
    freedom = Freedom(frozenset(), FREE.settings - {"batch_size"}, unit=1, n_images=1000)
    assert settled(1.0, freedom, batch_size=8).settings.dropout == 0.0, "each is seen four times"


def test_a_validation_is_of_no_more_images_than_there_are():
    found = settled(1.0, Freedom(frozenset(), FREE.settings, 1, 8), steps_per_eval=10**6)
    assert found.costs().n_val_batches == 3, "20 images, in batches of 8"
    assert 4 * found.settings.steps_per_epoch > SECONDS / 2


@pytest.mark.slow
def test_a_batch_that_memory_has_decided_is_not_measured_again(caplog):
    caplog.set_level("INFO", "pixace")
    freedom = Freedom(frozenset(), FREE.settings - {"batch_size"}, unit=1, n_images=3)
    found = settled(1.0, freedom, batch_size=AUTO, recompute=False)
    assert found.settings.batch_size == 3
    (line,) = caplog.messages
    assert line.startswith("3 pictures per step")


def test_where_not_even_the_smallest_fits_it_says_so(monkeypatch):
    monkeypatch.setattr(sizing, "memory_bytes", lambda: 1000)
    with pytest.raises(PixaceError, match="d_model=64 .* try a smaller model"):
        settled(tick=1.0, seconds=5)
