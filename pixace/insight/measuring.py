"""Measuring a folder of images with a model that is named: wrong names are found without trax."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixace.checkpoints.file import stored_config
from pixace.checkpoints.folder import locate
from pixace.insight.captions import check_captions
from pixace.insight.classification import check_choice
from pixace.insight.surprise import MAX_ROWS, sheet_size, surprise_sheet
from pixace.pictures.cutting import FoundPictures, find_pictures
from pixace.pictures.writing import check_output, refuse_to_replace_images, write_picture
from pixace.settings.checks import require_int
from pixace.settings.model import ModelConfig, resolve_config
from pixace.settings.paths import local_path, optional_path
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.settings.training import AUTO, DEFAULT_WEIGHTS_DIR
from pixace.tokens.palette_names import with_palette
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.insight.evaluation import Evaluation
    from pixace.insight.ranking import Ranking

_log = logging.getLogger(__name__)


def evaluate_images(
    images: Path | str,
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    batch_size: int = 8,
    reading: ReadingSettings = ONE_EACH,
    captions: str = AUTO,
    **settings: Any,
) -> Evaluation:
    """Measures the mean likelihood of a folder's images: does what `pixace evaluate` does.

    Args:
      images: the top folder.
      model_name: folder under weights_dir.
      weights_dir: top folder of all models.
      checkpoint: a file, a step, "latest" or "best".
      batch_size: pictures per pass; memory grows with it, the result does not change.
      reading: how files become pictures; by default each is one.
      captions: of the images, for a model that knows words: see `TrainingSettings`.
      **settings: `model_type`, `image_size`, `bitdepth` and the other settings of `ModelConfig`;
        needed only where none are stored beside the weights.

    Raises:
      UsageError: an argument out of range, or a setting that contradicts the stored one.
      ImageError: no image can be read there.
      CheckpointError: no such model, or its file cannot be used.
    """
    images = local_path("images", images)
    path, _, _ = _found(
        images, reading, captions, model_name, weights_dir, checkpoint, batch_size, settings
    )

    from pixace.insight.evaluator import Evaluator
    from pixace.models.stored import open_model

    return Evaluator(open_model(path, settings)).evaluate(images, batch_size, reading, captions)


def score_images(
    images: Path | str,
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    batch_size: int = 8,
    reading: ReadingSettings = ONE_EACH,
    captions: str = AUTO,
    text: Sequence[str] = (),
    classes: bool = False,
    surprise: Path | str | None = None,
    show: Callable[[Ranking], None] = lambda ranking: None,
    progress: Callable[[int, int], None] = lambda n_done, n_total: None,
    **settings: Any,
) -> Ranking:
    """Ranks a folder's images by how much they surprise a model: does what `pixace score` does.

    Args:
      images: see `evaluate_images`.
      model_name: see `evaluate_images`.
      weights_dir: see `evaluate_images`.
      checkpoint: see `evaluate_images`.
      batch_size: see `evaluate_images`.
      reading: see `evaluate_images`.
      captions: see `evaluate_images`.
      text: captions, the likeliest of which is found for each image.
      classes: whether to choose from all classes of the model in the place of such captions.
      surprise: file in which the most surprising images are drawn, each beside a heat map.
      show: is given the ranking, also where that file then cannot be written.
      progress: called after each pass with how many images are done, and how many there are.
      **settings: see `evaluate_images`.

    Raises:
      UsageError: an argument out of range, or a setting that contradicts the stored one.
      ImageError: no images there, or the file cannot be written.
      CheckpointError: no such model, or its file cannot be used.
    """
    images, surprise = local_path("images", images), optional_path("surprise", surprise)
    path, found, config = _found(
        images, reading, captions, model_name, weights_dir, checkpoint, batch_size, settings
    )
    check_choice(text, classes, config)
    if surprise is not None:
        refuse_to_replace_images({"surprise": surprise}, {"images": images})
        check_output(Path(surprise), sheet_size(MAX_ROWS), "surprise")
    asked: dict[str, Any] = {"captions": captions, "text": text, "classes": classes}
    asked |= {"batch_size": batch_size, "reading": reading}
    asked["n_surprises"] = 0 if surprise is None else MAX_ROWS
    ranking, pictures = _ranked(path, settings, images, asked, len(found.paths), progress)
    try:
        if surprise is not None:
            _draw(ranking, pictures, Path(surprise))
    finally:  # a full disk does not cost the ranking
        show(ranking)
    return ranking


def _found(
    images: Path | str,
    reading: ReadingSettings,
    captions: str,
    model_name: str | None,
    weights_dir: Path | str,
    checkpoint: str | None,
    batch_size: int,
    settings: Mapping[str, Any],
) -> tuple[Path, FoundPictures, ModelConfig]:
    """Finds wrong all that can be found so before trax is imported.

    Returns:
      The file of weights, the pictures, and the model's settings.
    """
    found = find_pictures(images, reading)
    path = locate(model_name, weights_dir, checkpoint)
    config = resolve_config(stored_config(path), with_palette(settings), source=path.parent)
    check_captions(captions, config)
    require_int("batch_size", batch_size, 1)
    return path, found, config


def _ranked(
    path: Path,
    settings: Mapping[str, Any],
    images: Path | str,
    asked: Mapping[str, Any],
    n_images: int,
    progress: Callable[[int, int], None],
) -> tuple[Ranking, PictureSettings]:
    """Ranks images.

    Args:
      path: the file of weights.
      settings: that the user named.
      images: the top folder.
      asked: the other arguments of `Evaluator.score`.
      n_images: in the folder.
      progress: see `score_images`.

    Returns:
      The ranking, and how the model's pictures are made.
    """
    from pixace.insight.evaluator import Evaluator
    from pixace.models.stored import open_model

    stored = open_model(path, settings)
    n_done = 0

    def count(n_more: int) -> None:
        nonlocal n_done
        n_done += n_more
        progress(n_done, n_images)

    ranking = Evaluator(stored).score(images, **asked, progress=count)
    progress(n_images, n_images)  # those that cannot be read included
    return ranking, stored.config.pictures


def _draw(ranking: Ranking, pictures: PictureSettings, path: Path) -> None:
    """Draws the most surprising images."""
    if not ranking.surprises:
        _log.warning("no image can be read, so that %s is not drawn", shown(path))
        return
    write_picture(surprise_sheet(ranking.surprises, pictures), path)
    n_drawn, n_images = len(ranking.surprises), len(ranking.paths)
    _log.info("the %d most surprising of %d images are drawn in %s", n_drawn, n_images, shown(path))
