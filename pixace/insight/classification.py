"""Which of several captions is the likeliest for each image: a classifier out of a model."""

from __future__ import annotations

import dataclasses
import logging
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pixace.checkpoints.words import WordsRecord
from pixace.dataset.captions import Captions
from pixace.errors import UsageError
from pixace.settings.checks import require_bool
from pixace.settings.model import ModelConfig
from pixace.settings.text_prompts import check_words
from pixace.tokens.text import cut_line, normalised, shortened, text_tokens

_log = logging.getLogger(__name__)

_NOT_TOLD = -1


@dataclasses.dataclass(frozen=True)
class Classification:
    """Which of several captions a model finds the likeliest for each of N images.

    Attributes:
      texts: the captions, as the model reads them.
      likeliest: for each image its number among them, the first of equals, int (N,).
      probability: of that one, if before an image is seen all were as probable, float64 (N,).
      is_right: whether it is one of the image's own; None where none of `texts` is.
    """

    texts: tuple[str, ...]
    likeliest: np.ndarray
    probability: np.ndarray
    is_right: list[bool | None]

    @property
    def n_told(self) -> int:
        """How many of the images have one of the texts as their caption, or as their class."""
        return len(self.is_right) - self.is_right.count(None)

    @property
    def accuracy(self) -> float | None:
        """The share of these for which it is the likeliest; None if there are none."""
        return self.is_right.count(True) / self.n_told if self.n_told else None

    def text(self, number: int) -> str:
        """Returns the likeliest caption of one image."""
        return self.texts[self.likeliest[number]]


class Classifier:
    """Collects what a model says of images, given each of several captions.

    Args:
      texts: K captions, see `texts_to_choose_from`.
      length: P, tokens of a caption.

    Attributes:
      words: what the model reads of them, int32 (K, P).
    """

    def __init__(self, texts: Sequence[str], length: int) -> None:
        self.words = text_tokens(texts, length)
        self._texts = tuple(texts)
        self._likeliest, self._probability, self._is_right = array("q"), array("d"), array("b")

    def add(self, nats: np.ndarray, captions: Captions) -> None:
        """Takes up some images.

        Args:
          nats: -ln p of B whole images given each of the texts, float64 (B, K).
          captions: those of their own.
        """
        for row, own in zip(nats, captions, strict=True):
            best = int(row.argmin())
            self._likeliest.append(best)
            self._probability.append(1 / np.exp(row[best] - row).sum())
            is_told = not set(own).isdisjoint(self._texts)
            self._is_right.append(self._texts[best] in own if is_told else _NOT_TOLD)

    def ordered(self, order: np.ndarray) -> Classification:
        """Returns what was found of all images, in this order."""
        told = [self._is_right[number] for number in order]
        return Classification(
            self._texts,
            np.array(self._likeliest, int)[order],
            np.array(self._probability)[order],
            [None if is_right == _NOT_TOLD else bool(is_right) for is_right in told],
        )


def check_choice(text: Any, classes: Any, config: ModelConfig) -> None:
    """Checks what captions are to be chosen from.

    Args:
      text: the captions; none where there is nothing to choose.
      classes: whether they are all classes of the model.
      config: the model's settings.

    Raises:
      UsageError: they are no texts, or not two different ones; or the model knows no words.
    """
    texts = check_words("text", text)
    require_bool("classes", classes)
    if not (texts or classes):
        return
    if texts and classes:
        raise UsageError("text and classes exclude each other; name one of them")
    if config.caption_length is None:
        raise UsageError(
            f"{'classes' if classes else 'text'} needs a model that knows words, which this one "
            "does not; leave it out"
        )
    if texts and len(_as_read(texts, config.caption_length)) < 2:
        raise UsageError("text must be two different captions or more, to choose from")


def classifier_of(
    text: Sequence[str], classes: bool, config: ModelConfig, words: WordsRecord
) -> Classifier | None:
    """Returns what chooses from captions; None where there is nothing to choose.

    Captions of words that the model has not learnt are warned of, and those that it reads in part.

    Args:
      text: see `check_choice`.
      classes: see `check_choice`.
      config: the model's settings.
      words: that the model was taught.

    Raises:
      UsageError: see `check_choice`; or the model has learnt less than two classes.
    """
    check_choice(text, classes, config)
    if config.caption_length is None or not (text or classes):
        return None
    for line in _warnings(text, config.caption_length, words):
        _log.warning("%s", line)
    texts = _as_read(words.classes if classes else text, config.caption_length)
    if len(texts) < 2:
        raise UsageError(
            "classes needs a model that has learnt two classes or more, which this one has not; "
            "name captions by --text"
        )
    return Classifier(texts, config.caption_length)


def _warnings(text: Sequence[str], length: int, words: WordsRecord) -> Iterator[str]:
    """Yields what to say of captions: which words a model does not know, and what it leaves out."""
    texts = [*dict.fromkeys(map(normalised, text))]
    cuts = (cut_line(each, length) for each in texts)
    yield from filter(None, (words.unknown_line(texts), *cuts))


def _as_read(texts: Sequence[str], length: int) -> list[str]:
    """Returns captions in the form in which those of images are kept, each once."""
    return [*dict.fromkeys(shortened(normalised(text), length) for text in texts)]
