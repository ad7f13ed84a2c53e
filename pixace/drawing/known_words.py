"""What a model knows of words, and whether a drawing asks for anything else."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence

from pixace.checkpoints.words import WordsRecord, shown_word
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.tokens.text import cut_line, normalised, shortened
from pixace.wording import quoted

_log = logging.getLogger(__name__)

_NEAREST = 3  # classes that are proposed
_LONGEST = 100  # letters of names that are compared


def require_words(drawing: DrawingSettings, config: ModelConfig) -> None:
    """Checks that a drawing says something only to a model that knows words.

    Raises:
      UsageError: the model knows none.
    """
    if drawing.text_prompts and config.caption_length is None:
        name = "text" if drawing.text else "class"
        raise UsageError(
            f"{name} needs a model that knows words, which this one does not; train one on images "
            "with captions, or leave them out"
        )


def check_known(drawing: DrawingSettings, config: ModelConfig, words: WordsRecord) -> None:
    """Checks that a model knows what a drawing says, and warns of words that it has not learnt.

    Args:
      drawing: how to draw.
      config: the model's settings.
      words: that it was taught.

    Raises:
      UsageError: the model knows no words, or not a class that is named.
    """
    require_words(drawing, config)
    length = config.caption_length or 0
    for name in drawing.class_name:
        if shortened(normalised(name), length) not in words.classes:
            raise UsageError(_no_such_class(name, words.classes))
    texts = [normalised(prompt.text) for row in drawing.text_prompts for prompt in row]
    unknown = words.unknown_line(texts if drawing.text else ())
    cuts = (cut_line(text, length) for text in dict.fromkeys(texts))
    for line in filter(None, (unknown, *cuts)):
        _log.warning("%s", line)


def known_lines(words: WordsRecord) -> list[str]:
    """Says in words what a model knows: its classes, and the commonest words of its captions."""
    lines = [f"{name}: {value}" for name, value in words.listed().items()]
    return lines or ["this model knows no words"]


def _no_such_class(name: str, classes: tuple[str, ...]) -> str:
    """Returns what to say of a class that a model does not know."""
    if not classes:
        return f"class {quoted(name)}: this model has learnt no classes; say it by --text"
    candidates = [other for other in classes if len(other) <= _LONGEST]
    wanted = normalised(name)[:_LONGEST]
    near = difflib.get_close_matches(wanted, candidates, _NEAREST, cutoff=0.5)
    if near:
        return f"class {quoted(name)} is not known; near are {_joined(near)}"
    first = _joined(classes[: 2 * _NEAREST])
    return f"class {quoted(name)} is not known; known are {first}" + (
        ' and others, which --text="?" lists' if len(classes) > 2 * _NEAREST else ""
    )


def _joined(names: Sequence[str]) -> str:
    return ", ".join(map(shown_word, names))
