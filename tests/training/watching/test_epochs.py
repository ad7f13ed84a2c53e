"""Which steps end an epoch."""

from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.settings.training import TrainingSettings
from pixace.training.watching.epochs import Epochs

SETTINGS = TrainingSettings(steps_per_epoch=10, n_epochs=3)


def test_epochs_of_the_same_length():
    epochs = Epochs(SETTINGS)
    assert [step for step in range(35) if epochs.is_end(step)] == [10, 20, 30]
    assert (epochs.n_ended(9), epochs.n_ended(10), epochs.count, epochs.last_step) == (0, 1, 3, 30)
    assert not epochs.is_endless
    assert Epochs(TrainingSettings()).is_endless


def test_quarters_of_a_plan():
    stretches = (Stretch(0, 2, (7, 14, 21, 28)), Stretch(7, 0, (12, 17, 22)))
    epochs = Epochs(TrainingSettings(), TimePlan(1.0, 0.0, stretches))
    assert [step for step in range(35) if epochs.is_end(step)] == [7, 12, 17, 22]
    assert (epochs.n_ended(16), epochs.count, epochs.last_step) == (2, 4, 22)
    assert not epochs.is_endless
