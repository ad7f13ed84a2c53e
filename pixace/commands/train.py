"""`pixace train`."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from absl import flags
from PIL import Image

from pixace.checkpoints.reader import CheckpointReader
from pixace.commands.flags import (
    batch_size,
    define_location_flags,
    define_settings,
    define_switches,
    define_texts,
    typed_settings,
)
from pixace.commands.preview import can_preview
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import require_images
from pixace.pictures.labels import SAID_KEY
from pixace.pictures.rgb import on_background
from pixace.settings.checks import check_cluster
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import NEW_TYPE
from pixace.settings.training import (
    AUTO,
    DEFAULT_VAL_IMAGES,
    TrainingSettings,
    require_no_epochs,
)
from pixace.system.child import run_in_child
from pixace.system.command_clock import command_began
from pixace.system.scheduler import scheduled_process
from pixace.system.terminal import (
    LiveLine,
    can_redraw,
    columns,
    half_blocks,
    has_all_colours,
)
from pixace.training.start import training_folder
from pixace.wording import shown

_log = logging.getLogger(__name__)

_CLUSTER_FLAGS = ("coordinator", "num_processes", "process_id")


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_location_flags(
        values, model_name_help="Folder under --weights_dir (default: a timestamp MMDD_HHMM)."
    )
    define_settings(values, TrainingSettings, val_images=DEFAULT_VAL_IMAGES)
    define_settings(values, ModelConfig, model_type=NEW_TYPE)
    define_switches(values, preview="Show the newest samples in the terminal after each epoch.")
    define_texts(
        values,
        coordinator="Train in several processes, on one machine or many: host:port of the first "
        "one; auto asks SLURM, Open MPI or Kubeflow for it, for how many there are, and which of "
        "them this is.",
    )
    flags.DEFINE_integer("num_processes", None, "How many processes.", flag_values=values)
    flags.DEFINE_integer(
        "process_id",
        None,
        "Which of them this is, from 0; the first one's flags hold for all, but for --images, "
        "--val_images and --cache_dir.",
        flag_values=values,
    )


def run(values: flags.FlagValues) -> None:
    """Trains as the flags say."""
    names = TrainingSettings.__dataclass_fields__
    named = {name: values[name].value for name in names if values[name].present}
    if "batch_size" in named:
        named["batch_size"] = batch_size(values)
    settings = TrainingSettings(**named)
    require_no_epochs(settings.minutes, named)
    # What is cheap to find wrong is found before trax is imported.
    others = _cluster_flags(values)
    for images in (settings.images, settings.val_images):
        if images is not None:
            _require_images(images)

    reader = CheckpointReader()
    is_first = others is None or others["process_id"] == 0
    if is_first:
        place = training_folder(
            values["model_name"].value,
            values["weights_dir"].value,
            settings.checkpoint,
            typed_settings(values),
            reader,
        )

    def train() -> None:
        if is_first:
            from pixace.training.trainer import Trainer

            trainer = Trainer(
                place.folder,
                place.config,
                reader=reader,
                open_settings=place.open_settings,
                is_unnamed=values["model_name"].value is None,
            )
            with _shown_on_terminal(values["preview"].value, place.config.background) as display:
                trainer.train(**display, started=command_began(), **named)
            print(shown(trainer.folder))
        else:
            from pixace.training.processes import run_as_other

            run_as_other(settings)

    if others is None:
        train()
    else:
        _with_others(train, others)


@contextlib.contextmanager
def _shown_on_terminal(wants_preview: bool, background: str) -> Iterator[dict[str, Any]]:
    """Yields the arguments of `Trainer.train` that show a training where there is a terminal."""
    stream, display = sys.stderr, dict[str, Any]()
    if wants_preview and can_preview(stream):
        display["preview"] = functools.partial(_preview, background)
    if not can_redraw(stream):
        yield display
        return
    with LiveLine(stream) as line, contextlib.redirect_stderr(line):
        yield {**display, "progress": lambda status: line.show(status.text)}


def _preview(background: str, picture: Image.Image) -> None:
    """Draws the newest samples on stderr, as they are no result, with the words of each row."""
    shown_on = on_background(picture, background)
    print(half_blocks(shown_on, columns(sys.stderr), has_all_colours()), end="", file=sys.stderr)
    for row in picture.info.get(SAID_KEY, ()):
        print(" | ".join(map(shown, row)), file=sys.stderr)


def _with_others(train: Callable[[], None], arguments: dict[str, Any]) -> None:
    """Trains as one of several processes, in a child that native code may end.

    Raises:
      PixaceError: the others did not come, or one has been lost; see also `cluster.join`.
    """

    def join_and_train(set_last_words: Callable[[str], None]) -> None:
        from pixace.training import cluster

        set_last_words(cluster.NOT_JOINED)
        cluster.join(**arguments)
        set_last_words(cluster.LOST)
        train()

    run_in_child(join_and_train, "cannot train in several processes")


def _cluster_flags(values: flags.FlagValues) -> dict[str, Any] | None:
    """Returns the arguments of `cluster.join`, or None for a process alone.

    Raises:
      UsageError: only some are given, or they are out of range; or no scheduler tells them.
    """
    given = {name: values[name].value for name in _CLUSTER_FLAGS}
    if given["coordinator"] == AUTO:
        given = _told_by_scheduler(given)
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if missing:
        raise UsageError(f"training in several processes needs --{missing[0]}, too")
    check_cluster(**given)
    return given


def _told_by_scheduler(given: dict[str, Any]) -> dict[str, Any]:
    """Returns what a scheduler says in the place of the flags of a cluster; None for one alone.

    Raises:
      UsageError: other flags are given, or no scheduler has started this process.
    """
    for name in _CLUSTER_FLAGS[1:]:
        if given[name] is not None:
            raise UsageError(f"coordinator=auto finds out {name}; leave --{name} out")
    process = scheduled_process()
    if process is None:
        raise UsageError(
            "coordinator=auto finds no variables of srun, mpirun or Kubeflow; start the processes "
            "by one of them, or name --coordinator=host:port, --num_processes and --process_id"
        )
    found = {name: getattr(process, name) for name in _CLUSTER_FLAGS}
    return dict.fromkeys(found) if process == (process.coordinator, 1, 0, None) else found


def _require_images(folder: str) -> None:
    try:
        require_images(folder)
    except ImageError as error:
        raise ImageError(f"{error}; name a folder with --images and --val_images") from None
