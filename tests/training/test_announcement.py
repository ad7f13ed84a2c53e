"""What a training says before its first step."""

import shlex
from types import SimpleNamespace

import numpy as np
import pytest

from pixace.settings.model import ModelConfig
from pixace.training.announcement import Announcement
from tests.tools.tiny import TINY

CONFIG = ModelConfig("transformer", **TINY)


@pytest.mark.parametrize(
    ("n_weights", "words"),
    [(999, "999"), (3954, "3.95 k"), (999_999, "1 M"), (12_500_000, "12.5 M")],
)
def test_it_names_the_model_the_images_and_the_folder(tmp_path, caplog, n_weights, words):
    caplog.set_level("INFO", "pixace")
    worker = SimpleNamespace(
        learner=SimpleNamespace(weights=[np.broadcast_to(np.float32(0), n_weights)], step=6),
        n_images=[20, 5, 2],
        described=lambda: {"batch_size": 4},
    )
    shown = []
    summaries = SimpleNamespace(settings=lambda values, step: shown.append((values, step)))
    folder = tmp_path / "my models" / "m"
    Announcement(folder, CONFIG, worker, summaries).on_start()
    *lines, command = caplog.messages
    assert lines == [
        f"model: transformer, {words} weights",
        "20 images to train on, 5 to validate, 2 skipped",
        f"writing to {folder}",
    ]
    words = shlex.split(command.removeprefix("watch with: "))
    assert words == ["tensorboard", f"--logdir={folder.parent}"]
    assert shown == [({**CONFIG.to_dict(), "batch_size": 4}, 6)]
