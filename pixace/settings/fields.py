"""A setting as a field of a class: its name, type, default, help and bounds, written once.

Checks, the flags of the commands, README's tables and the reference of the Python API are all made
from these fields.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import require_bool, require_choice, require_int, require_number
from pixace.wording import quoted


def setting(
    default: Any,
    help: str,
    *,
    unset: str = "",
    choices: Sequence[str] = (),
    bounds: tuple[float, float | None] | None = None,
) -> Any:
    """Makes a field of a class of settings.

    Args:
      default: its value where none is named; None where something else decides then.
      help: what it is, in whole sentences, of which the first must do for a table.
      unset: what None stands for.
      choices: the words that it may be.
      bounds: the least and the largest number that it may be, or the least and None.
    """
    about = {"help": help, "unset": unset, "choices": tuple(choices), "bounds": bounds}
    return dataclasses.field(default=default, metadata=about)


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a field says of its setting; see `setting`.

    Attributes:
      types: those of its values, but for None.
    """

    name: str
    types: tuple[Any, ...]
    default: Any
    help: str
    unset: str
    choices: tuple[str, ...]
    bounds: tuple[Any, Any] | None

    @property
    def full_help(self) -> str:
        """The help, and what holds where the setting is not named, if its default does not say."""
        return (
            self.help.removesuffix(".") + f" (default: {self.unset})." if self.unset else self.help
        )

    def value_of(self, text: str) -> Any:
        """Returns the value that `wording.spell` has spelt so; what it may be is not checked.

        Raises:
          UsageError: it is none of the setting's types.
        """
        if text == "None" and self.default is None:
            return None
        if bool in self.types and text in ("True", "False"):
            return text == "True"
        for kind in (kind for kind in (int, float) if kind in self.types):
            with contextlib.suppress(ValueError):
                return kind(text)
        if str in self.types:
            return text
        raise UsageError(f"{self.name} is {quoted(text)}")


@functools.cache
def settings_of(kind: type) -> tuple[Setting, ...]:
    """Returns the settings that a class has, in the order of its fields."""
    hints = typing.get_type_hints(kind)
    return tuple(
        Setting(field.name, _types(hints[field.name]), field.default, **field.metadata)
        for field in dataclasses.fields(kind)
    )


def _types(hint: Any) -> tuple[Any, ...]:
    """Returns the members of a union but None, or the type alone, such as tuple for tuple[int]."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(kind) or kind for kind in members if kind is not types.NoneType)


def stored_values(
    settings: Any, always: Collection[str], defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns the values of an object of settings that files hold, by name.

    A setting that has come later is left out where it has its default, so that what was written
    before it came keeps its bytes.

    Args:
      settings: the object.
      always: names of the settings that files have always held.
      defaults: those that hold in the place of the fields' own.
    """
    kind: type = type(settings)
    usual = {about.name: about.default for about in settings_of(kind)} | {**(defaults or {})}
    values = {name: getattr(settings, name) for name in usual}
    return {name: value for name, value in values.items() if name in always or value != usual[name]}


def check_settings(settings: Any) -> None:
    """Checks the values of a frozen object of settings by what their fields say.

    Texts, lists and numbers without bounds are for its class to check. NumPy's numbers become
    Python's, as they go into no JSON.

    Raises:
      UsageError: a value of the wrong type, out of bounds, or none of the choices.
    """
    kind: type = type(settings)
    for about in settings_of(kind):
        name, value = about.name, getattr(settings, about.name)
        if value is None and about.default is None:
            continue
        if isinstance(value, str) and value in about.choices:
            continue
        if about.bounds is not None and float in about.types:
            require_number(name, value, *about.bounds)
            if not isinstance(value, int | float):
                object.__setattr__(settings, name, float(value))
        elif about.bounds is not None:
            require_int(name, value, *about.bounds)
            object.__setattr__(settings, name, int(value))
        elif about.choices:
            require_choice(name, value, about.choices)
        elif bool in about.types:
            require_bool(name, value)
            object.__setattr__(settings, name, bool(value))
