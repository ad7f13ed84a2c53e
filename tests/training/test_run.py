"""The loop of a training, with a worker that does nothing and those who watch written down."""

import signal
from types import SimpleNamespace

import pytest

from pixace.insight.likelihood import Likelihood
from pixace.settings.training import TrainingSettings
from pixace.system.signals import SavedAndStopped, StopRequest
from pixace.training.peers import Peers
from pixace.training.run import Run
from pixace.training.watching.epochs import Epochs
from pixace.training.watching.observer import Observer

SETTINGS = TrainingSettings(batch_size=4, steps_per_epoch=2, n_epochs=2)


class Story(Observer):
    """Writes down what it is told; a signal comes at a chosen word.

    Attributes:
      told: the words so far.
      done: the steps whose epochs have nothing left to do.
    """

    def __init__(self, stop_request, stop_at=None):
        self.told = []
        self.done = set()
        self._stop_request = stop_request
        self._stop_at = stop_at

    def note(self, *words):
        said = " ".join(map(str, words))
        self.told.append(said)
        if said == self._stop_at:
            self._stop_request.signal = signal.SIGTERM

    def on_start(self):
        self.note("start")

    def on_step(self, info):
        self.note("step", info.step, info.loss, info.learning_rate)

    def is_done(self, step):
        return step in self.done

    def on_pause(self):
        self.note("pause")

    def on_validation(self, step, likelihood):
        self.note("validated", step, likelihood.n_images)

    def on_epoch(self, step, weights, stop):
        self.note("epoch", step, weights, stop())
        self.done.add(step)

    def on_continue(self):
        self.note("continue")

    def on_end(self):
        self.note("end")


class Saver(Observer):
    def __init__(self, story, saved):
        self._story = story
        self.saved = saved

    def is_done(self, step):
        return step in self.saved

    def on_validation(self, step, likelihood):
        self._story.note("save epoch", step)
        self.saved.add(step)

    def save(self):
        self._story.note("save")


def training(step=0, stop_at=None, saved=(), done=()):
    """Returns a run of four steps in two epochs, and its story."""
    stop_request = StopRequest()
    story = Story(stop_request, stop_at)
    story.done |= set(done)
    saver = Saver(story, set(saved))
    learner = SimpleNamespace(step=step, loss=None, learning_rate=0.0, weights="weights")

    def advance():
        learner.step += 1
        learner.loss, learner.learning_rate = f"loss{learner.step}", learner.step / 10

    def validate():
        story.note("validate", learner.step)
        return None if stop_request.requested else Likelihood(2.0, 5)

    learner.advance = advance
    worker = SimpleNamespace(
        config=None, settings=SETTINGS, epochs=Epochs(SETTINGS), learner=learner, validate=validate
    )
    progress = SimpleNamespace(begin=lambda doing: story.note("begin", doing))
    run = Run("m", worker, Peers(stop_request), saver, progress, [story, saver, Observer()])
    return run, story


def end_of(step):
    """What is told of an epoch's end."""
    return [
        "pause",
        "begin validating",
        f"validate {step}",
        f"validated {step} 5",
        f"save epoch {step}",
        f"epoch {step} weights False",
        "continue",
    ]


STEPS = [f"step {number} loss{number} {number / 10}" for number in range(1, 5)]


def test_everything_is_told_in_the_order_in_which_it_happens():
    run, story = training()
    assert run.run() == Likelihood(2.0, 5)
    run.close()
    assert story.told == [
        "start",
        *STEPS[:2],
        *end_of(2),
        *STEPS[2:],
        *end_of(4),
        "end",
    ]


def test_an_epoch_s_end_that_was_not_got_to_comes_first():
    run, story = training(step=2)
    run.run()
    assert story.told[1 : 1 + len(end_of(2))] == end_of(2)
    assert story.told[1 + len(end_of(2))] == STEPS[2]


def test_an_epoch_that_is_kept_but_not_drawn_is_not_validated_again():
    run, story = training(step=4, saved=[4])
    assert run.run() is None
    assert story.told == ["start", "pause", "epoch 4 weights False", "continue"]


def test_where_nothing_is_left_it_says_so(caplog):
    caplog.set_level("INFO", "pixace")
    run, story = training(step=4, saved=[4], done=[4])
    assert run.run() is None
    assert story.told == ["start"]
    assert caplog.messages == ["nothing left to do: step 4 of 4; raise --n_epochs to train on"]


@pytest.mark.parametrize(
    ("stop_at", "last"),
    [
        (STEPS[0], ["save"]),
        (STEPS[1], ["save"]),  # an epoch's end is left to the next run
        ("begin validating", ["validate 2", "continue", "save"]),
        ("validated 2 5", ["save epoch 2", "epoch 2 weights True", "continue", "save"]),
        ("epoch 2 weights False", ["continue", "save"]),
    ],
)
def test_a_signal_ends_it_with_a_save(stop_at, last):
    """What is under way is told of it; a validation that is done is kept."""
    run, story = training(stop_at=stop_at)
    with pytest.raises(SavedAndStopped, match=r"SIGTERM and saved at step .*--model_name=m") as end:
        run.run()
    assert end.value.exit_code == 128 + signal.SIGTERM
    assert story.told[story.told.index(stop_at) + 1 :] == last


def test_before_the_first_step_there_is_nothing_to_save():
    run, story = training(stop_at="start")
    with pytest.raises(SavedAndStopped, match="stopped by SIGTERM before the first step"):
        run.run()
    assert story.told == ["start"]
