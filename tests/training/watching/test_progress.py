"""How far a training is, with a clock of the test's own."""

import logging
import math

import pytest

from pixace.insight.likelihood import Likelihood
from pixace.settings.training import TrainingSettings
from pixace.training.watching.epochs import Epochs
from pixace.training.watching.observer import StepInfo
from pixace.training.watching.progress import Progress, Status

WHOLE = Status(
    step=2410,
    last_step=20000,
    epoch=3,
    last_epoch=20,
    bits_per_pixel=3.1234,
    validation=3.2046,
    images_per_second=412.3,
    seconds_left=3753.2,
    checkpoint="model-02000.pkl.gz",
)
LINE = (
    "epoch 3/20  step 2410/20000  3.123 bits/pixel  val 3.205  412 images/s  1:02:33 left  "
    "saved model-02000.pkl.gz"
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def follow(seconds, n_steps, *, told=None, step=0, clock=None, **settings):
    """Follows steps that take so many seconds each; returns the progress and its clock."""
    clock = clock or Clock()
    settings = TrainingSettings(
        **{"batch_size": 8, "steps_per_epoch": 100, "n_epochs": 5, **settings}
    )
    tell = None if told is None else told.append
    progress = Progress(
        settings, Epochs(settings), step, lambda: 2 * math.log(2), tell, clock=clock
    )
    for number in range(step + 1, step + n_steps + 1):
        clock.now += seconds
        progress.on_step(StepInfo(number, 0.0, 0.0))
    return progress, clock


def test_one_line_tells_everything():
    assert WHOLE.text() == LINE
    assert WHOLE._replace(doing="saving").text() == LINE + "  saving"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (len(LINE), LINE),
        (len(LINE) - 1, LINE.partition("  saved")[0]),
        (70, "epoch 3/20  step 2410/20000  3.123 bits/pixel  val 3.205  1:02:33 left"),
        (60, "epoch 3/20  step 2410/20000  3.123 bits/pixel  1:02:33 left"),
        (50, "step 2410/20000  3.123 bits/pixel  1:02:33 left"),
        (40, "step 2410/20000  3.123 bits/pixel"),
        (10, "step 2410/"),
    ],
)
def test_a_narrow_terminal_leaves_out_the_least_important(width, line):
    assert WHOLE.text(width) == line


def test_what_is_not_known_is_left_out():
    assert Status(0, None, 1, None).text() == "epoch 1  step 0"


@pytest.mark.parametrize(
    ("speed", "text"), [(0.08, "0.08"), (8.264, "8.26"), (99.97, "100"), (12345.6, "12346")]
)
def test_speeds_of_all_kinds(speed, text):
    assert WHOLE._replace(images_per_second=speed).text().split("  ")[4] == f"{text} images/s"


def test_the_state_of_a_training():
    progress, _ = follow(0.5, 250)
    progress.validation, progress.checkpoint = 2.5, "model-00200.pkl.gz"
    status = progress.status()
    assert (status.step, status.last_step, status.epoch, status.last_epoch) == (250, 500, 3, 5)
    assert (status.bits_per_pixel, status.validation) == (2.0, 2.5)
    assert status.images_per_second == pytest.approx(16)
    assert status.seconds_left == pytest.approx(125)
    assert status.checkpoint == "model-00200.pkl.gz"


def test_an_epoch_s_last_step_is_still_in_it():
    assert [follow(1, n)[0].status().epoch for n in (0, 1, 100, 101)] == [1, 1, 1, 2]


def test_without_an_end_the_epoch_is_waited_for():
    """Nobody who leaves --n_epochs out wants to hear of 10,000 epochs."""
    progress, _ = follow(1, 130, n_epochs=TrainingSettings.n_epochs)
    status = progress.status()
    assert (status.last_step, status.last_epoch) == (None, None)
    assert status.seconds_left == pytest.approx(70)
    assert "epoch 2  step 130  " in status.text()
    assert "epoch ends in 0:01:10" in status.text()


def test_the_end_of_an_epoch_counts_for_the_time_left_but_not_for_the_speed():
    progress, clock = follow(1, 100)
    progress.on_pause()
    clock.now += 30
    progress.on_continue()
    status = progress.status()
    assert status.images_per_second == pytest.approx(8)
    assert status.seconds_left == pytest.approx(400 + 4 * 30)


def test_the_speed_is_that_of_late():
    progress, clock = follow(10, 100, n_epochs=100)
    for step in range(101, 161):
        clock.now += 1
        progress.on_step(StepInfo(step, 0.0, 0.0))
    assert progress.status().images_per_second == pytest.approx(8)


def test_slow_steps_are_measured_too():
    assert follow(100, 2)[0].status().images_per_second == pytest.approx(0.08)
    assert follow(100, 1)[0].status().images_per_second is None, "the first one compiles"


def test_somebody_is_told_five_times_a_second():
    told = []
    _, clock = follow(0.01, 1000, told=told, n_epochs=20)
    assert 45 <= len(told) <= 50
    follow(3, 10, told=told, clock=clock)
    assert [status.step for status in told[-10:]] == list(range(1, 11))


def test_somebody_is_told_at_once_what_keeps_a_training():
    told = []
    progress, _ = follow(0.01, 3, told=told)
    progress.begin("validating")
    assert (told[-1].step, told[-1].doing) == (3, "validating")
    assert told[-1].text().endswith("  validating")


def test_what_an_epoch_s_end_has_brought_is_told():
    told = []
    progress, _ = follow(0.01, 3, told=told)
    progress.on_validation(3, Likelihood(3 * math.log(2), 5))
    assert (told[-1].validation, told[-1].doing) == (pytest.approx(3), "saving")
    progress.on_epoch(3, None, lambda: False)
    assert (told[-1].checkpoint, told[-1].doing) == ("model-00003.pkl.gz", "drawing samples")


def test_the_log_gets_ever_fewer_lines(caplog):
    with caplog.at_level(logging.INFO, "pixace"):
        progress, _ = follow(1, 86_400, n_epochs=1000)
        progress.begin("validating")
    steps = [int(line.split()[3].partition("/")[0]) for line in caplog.messages]
    assert steps[:6] == [10, 30, 70, 150, 310, 610]
    assert len(steps) == 5 + (86_400 - 310) // 300
    assert caplog.messages[0] == (
        "epoch 1/1000  step 10/100000  2.000 bits/pixel  8 images/s  1 day, 3:46:30 left"
    )
