"""Any value of any argument works, or is refused in the words of the command line."""

import contextlib
import dataclasses
import pathlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixace
from pixace.errors import PixaceError, UsageError
from pixace.settings.checks import check_cluster
from pixace.settings.drawing import SAID, DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from tests.faults.test_flags import FRACTIONS, NUMBERS, flags_of, said, words_for, world
from tests.tools.tiny import TINY

__all__ = ["world"]

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("_messages_as_before")]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(10**30), 10**400, 10**5000, 1e308, 5e-324]),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=30),  # among others, lone surrogates and NUL
    st.sampled_from(["", "auto", "latest", "x" * 10**5, "\0", "\udcff", "\ud800", "../x", "a\nb"]),
    st.binary(max_size=9),
    st.builds(pathlib.PurePath, st.sampled_from(["", "x", "a\0b", "\udcff", "\ud800"])),
    st.sampled_from([np.int64(3), np.float32("nan"), np.zeros(3), np.zeros(()), np.str_("x")]),
    st.builds(object),
)
VALUES = SCALARS | st.lists(SCALARS, max_size=4) | st.tuples(SCALARS, SCALARS, SCALARS)

FIELDS = [
    (kind, field.name)
    for kind in (ModelConfig, TrainingSettings, DrawingSettings)
    for field in dataclasses.fields(kind)
]


def for_all(tally, few, many, **strategies):
    """Decorates a test of one example; runs it on so many of them at once."""
    examples = settings(
        max_examples=tally.cases(few, many),
        derandomize=not tally.thorough,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return lambda check: examples(given(**strategies)(check))()


@pytest.mark.parametrize(
    ("kind", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value)
)
def test_any_setting_is_taken_or_refused_by_name(tally, kind, name):
    @for_all(tally, 60, 600, value=VALUES)
    def check(value):
        try:
            kind(**{name: value})
        except UsageError as error:
            assert SAID.get(name, name) in str(error)
            assert len(str(error)) < 400

    tally.add("wild values of the Python API's arguments", tally.cases(60, 600), lost="nothing")


ARGUMENTS = [
    (function, name)
    for function, names in {
        "get_trainer": ("model_name", "weights_dir", "checkpoint", "image_size", "unknown"),
        "get_predictor": ("model_name", "weights_dir", "checkpoint", "bitdepth", "unknown"),
        "get_evaluator": ("model_name", "weights_dir", "checkpoint", "background", "unknown"),
        "download_model": ("model_name", "weights_dir", "checkpoint", "url", "sha256", "zoo"),
    }.items()
    for name in names
]


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_any_argument_is_taken_or_refused(world, tally, tmp_path, monkeypatch, function, name):
    monkeypatch.chdir(tmp_path)
    source = f"{world}/models/transformer/model.pkl.gz"
    usual = {"model_name": "damaged", "weights_dir": f"{world}/models"}
    if function == "download_model":
        usual = {"model_name": "x", "weights_dir": "fetched"}
        if name != "zoo":
            usual["url"] = source

    @for_all(tally, 15, 400, value=VALUES)
    def check(value):
        with contextlib.suppress(PixaceError, ValueError, TypeError):
            getattr(pixace, function)(**{**usual, name: value})

    tally.add("wild values of the Python API's arguments", tally.cases(15, 400), lost="nothing")


def flags_with_fields():
    """Yields command, flag and settings where a flag of numbers is a field of settings."""
    kinds = (("plan", ModelConfig), ("train", TrainingSettings), ("predict", DrawingSettings))
    for command, kind in kinds:
        for name, flag in flags_of(command).items():
            is_field = name in kind.__dataclass_fields__
            if is_field and flag.flag_type() in ("int", "float"):
                yield command, name, kind


@pytest.mark.parametrize(("command", "name", "kind"), flags_with_fields())
def test_the_words_are_those_of_the_command_line(world, monkeypatch, tmp_path, command, name, kind):
    monkeypatch.chdir(tmp_path)
    parse = {"int": int, "float": float}[flags_of(command)[name].flag_type()]
    base = dict(TINY, model_type="transformer") if kind is ModelConfig else {}
    n_compared = 0
    for word in [*NUMBERS, *FRACTIONS]:
        try:
            value = parse(word)
        except ValueError:
            continue
        try:
            kind(**{**base, name: value})
        except UsageError as error:
            code, err = said([command, *words_for(command, name, world), f"--{name}={word}"])
            assert (code, err) == (2, f"pixace: {error}\n")
            n_compared += 1
    assert n_compared


@pytest.mark.slow
def test_arguments_of_what_draws_and_measures(world, tally, weights_dir):
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    evaluator = pixace.get_evaluator("transformer", weights_dir=weights_dir)
    prompt = f"{world}/photos/disc-000.png"
    kept = {"prompts": prompt, "cut": TINY["image_size"] ** 2, "scale": 4}
    names = ["prompts", "cut", "temperature", "scale", "seed", "top_k", "top_p", "best_of"]

    @for_all(tally, 60, 600, name=st.sampled_from(names), value=VALUES)
    def draw(name, value):
        if name == "cut" and value is not None and type(value) is not str:
            return  # it draws where that is right
        with contextlib.suppress(PixaceError, TypeError):
            predictor.predict(**{**kept, name: value})

    for huge in (10**30, 2**63, 10**9):
        assert evaluator.evaluate(world / "photos", batch_size=huge).n_images == 5
        assert len(evaluator.score(world / "photos", batch_size=huge, n_surprises=huge).paths) == 5
    for wrong in (0, -1, 1.5, "8", None, True):
        with pytest.raises(UsageError, match="batch_size must be"):
            evaluator.evaluate(world / "photos", batch_size=wrong)


@pytest.mark.parametrize(
    ("coordinator", "number", "index", "name"),
    [
        ("x:" + "1" * 5000, 2, 0, "coordinator"),
        ("x:٣", 2, 0, "coordinator"),
        (None, 2, 0, "coordinator"),
        ("x:1", 10**30, 0, "num_processes"),
        ("x:1", 2, 10**30, "process_id"),
    ],
)
def test_processes_that_cannot_be(coordinator, number, index, name):
    with pytest.raises(UsageError, match=name):
        check_cluster(coordinator, number, index)
