"""What a training by minutes chooses, from figures alone."""

import dataclasses

import pytest

from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES, has_setting
from pixace.settings.training import ADAM, AUTO, MUON, TrainingSettings
from pixace.training.budget import (
    CHOSEN,
    SIZES,
    Freedom,
    guessed_speed,
    operations,
)

TWO_CORES = guessed_speed(2, 0)
GPU = guessed_speed(16, 1)
EMOJI = ModelConfig("transformer", image_size=16, bitdepth=(4, 3, 3))
FREE = Freedom(frozenset(SIZES), frozenset(CHOSEN), 1, 3000)


def chosen(minutes, speed=TWO_CORES, config=EMOJI, freedom=FREE, **settings):
    """Returns the best of the candidates."""
    return freedom.candidates(config, TrainingSettings(**settings), 60 * minutes, speed)[0]


def test_what_was_measured_good_is_chosen():
    """45 seconds and seven minutes on two cores."""
    for minutes in (0.75, 7):
        best = chosen(minutes)
        assert (best.config.d_model, best.config.n_layers, best.config.d_ff) == (128, 4, 512)
        assert (best.settings.n_pictures, best.settings.learning_rate) == (8, 0.012)
    assert 192 >= chosen(30).config.d_model >= 128


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_muon_is_for_models_that_have_matrices_to_turn(model_type):
    config = dataclasses.replace(ModelConfig(model_type), image_size=16, bitdepth=(4, 3, 3))
    is_of_attention = has_setting(model_type, "n_heads")
    assert chosen(5, config=config).settings.optimizer == (MUON if is_of_attention else ADAM)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_more_time_never_chooses_less(model_type):
    config = dataclasses.replace(ModelConfig(model_type), image_size=16, bitdepth=(4, 3, 3))
    sizes = [
        operations(chosen(minutes, speed, config).config)
        for speed in (TWO_CORES, GPU)
        for minutes in (0.01, 0.2, 1, 5, 30, 300, 3000)
    ]
    assert sizes[0] < sizes[-1]
    assert sizes[:7] == sorted(sizes[:7])
    assert sizes[7:] == sorted(sizes[7:])


def test_the_smaller_models_come_after_the_best():
    candidates = FREE.candidates(EMOJI, TrainingSettings(), 1800, TWO_CORES)
    sizes = [operations(candidate.config) for candidate in candidates]
    assert len(sizes) > 2
    assert sizes == sorted(sizes, reverse=True)


def test_it_warms_up_and_anneals_within_the_steps_that_there_are():
    for minutes in (0.01, 1, 30):
        settings, n_steps = chosen(minutes).settings, chosen(minutes).n_steps
        assert n_steps >= 4
        assert settings.schedule == "cosine"
        assert 1 <= settings.warmup_steps <= max(1, n_steps / 10)
        assert 4 * settings.steps_per_epoch <= n_steps


def test_few_pictures_seen_often_want_dropout():
    few = dataclasses.replace(FREE, n_images=30)
    assert (chosen(5).settings.dropout, chosen(5, freedom=few).settings.dropout) == (0.0, 0.1)


def test_a_fast_machine_takes_larger_batches_but_none_of_repetitions():
    assert chosen(300, GPU).settings.n_pictures == 64
    few = dataclasses.replace(FREE, n_images=20)
    assert chosen(300, GPU, freedom=few).settings.n_pictures == 16
    devices = dataclasses.replace(FREE, unit=3)
    assert chosen(1, freedom=devices).settings.n_pictures % 3 == 0


def test_what_is_named_holds():
    config = dataclasses.replace(EMOJI, d_model=60, n_heads=5)
    freedom = dataclasses.replace(
        FREE,
        sizes=FREE.sizes - {"d_model", "n_heads"},
        settings=FREE.settings - {"batch_size", "learning_rate", "warmup_steps", "dropout"},
    )
    named = {"batch_size": 5, "learning_rate": 0.1, "warmup_steps": 9, "dropout": 0.5}
    best = chosen(30, config=config, freedom=freedom, **named)
    assert (best.config.d_model, best.config.n_heads, best.config.d_ff) == (60, 5, 240)
    assert {name: getattr(best.settings, name) for name in named} == named
    assert chosen(30, freedom=freedom, config=config, batch_size=AUTO).settings.batch_size == AUTO


def test_widths_can_be_divided_among_the_heads_asked_for():
    config = dataclasses.replace(EMOJI, d_model=500, n_heads=5)
    freedom = dataclasses.replace(FREE, sizes=FREE.sizes - {"n_heads"})
    best = chosen(30, config=config, freedom=freedom).config
    assert best.n_heads == 5
    assert best.d_model % 10 == 0


def test_a_model_that_is_there_is_the_only_candidate():
    freedom = dataclasses.replace(FREE, sizes=frozenset())
    (only,) = freedom.candidates(EMOJI, TrainingSettings(), 60, TWO_CORES)
    assert only.config == EMOJI
    assert has_setting(EMOJI.model_type, "n_heads")
