"""The captions with which a model that knows words measures the images of a folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pixace.dataset.caption_finding import FolderCaptions, find_captions
from pixace.errors import UsageError
from pixace.settings.checks import require_choice
from pixace.settings.model import ModelConfig
from pixace.settings.training import AUTO, CAPTIONS, NONE


def check_captions(kind: str, config: ModelConfig) -> None:
    """Checks that captions are asked for only where a model knows words.

    Args:
      kind: of captions, one of `CAPTIONS`.
      config: the model's settings.

    Raises:
      UsageError: there is no such kind, or the model knows no words.
    """
    require_choice("captions", kind, CAPTIONS)
    if config.caption_length is None and kind not in (AUTO, NONE):
        raise UsageError(
            f"captions={kind} needs a model that knows words, which this one does not; leave it out"
        )


def captions_to_measure(
    images: Path | str, kind: str, config: ModelConfig, known_classes: Collection[str]
) -> FolderCaptions | None:
    """Finds the captions of a folder's images, and says in the log what was found.

    Args:
      images: the top folder.
      kind: of captions, one of `CAPTIONS`.
      config: the model's settings.
      known_classes: those that the model has learnt.

    Returns:
      Theirs; None for a model that knows no words.

    Raises:
      UsageError: see `check_captions`.
      ImageError: no images there, or none of them has captions of the kind that is asked for.
    """
    check_captions(kind, config)
    if config.caption_length is None:
        return None
    found = find_captions(images, kind, config.caption_length, known_classes=known_classes)
    found.require(kind)
    found.tell()
    return found
