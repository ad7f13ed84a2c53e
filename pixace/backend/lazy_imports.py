"""Imports put off until they are used, for a library that imports more than we need.

While `deferred_imports` is open, the named modules are not imported: stand-ins take their places.
A stand-in imports its module when it is first asked for something, and passes the question on. Once
the block is closed, only those who imported a stand-in still hold it: `sys.modules` has forgotten
it, and an `import` anywhere else gets the real module.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any


def resolve(name: str) -> Any:
    """Imports a module, or the module that defines a name.

    Args:
      name: in full, such as `package.module` or `package.module.function`.

    Returns:
      The module, or what the name means in it.

    Raises:
      ImportError: there is no such module, or it fails to import.
      AttributeError: the module does not define the name.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        parent, _, attribute = name.rpartition(".")
        if error.name != name or not parent:
            raise
    return getattr(resolve(parent), attribute)


@contextlib.contextmanager
def deferred_imports(
    names: Collection[str], load: Callable[[str], Any] = resolve
) -> Iterator[None]:
    """Puts off what is imported of some modules inside the block.

    A module that has been imported before stays as it is.

    Args:
      names: full names of modules; the modules below them are put off, too.
      load: imports one of them in the end; called with the full name, at each use.
    """
    finder = _Finder(names, load)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.is_open = False
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            if isinstance(module, _StandIn):
                del sys.modules[name]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers imports with stand-ins."""

    def __init__(self, names: Collection[str], load: Callable[[str], Any]) -> None:
        self._names = names
        self.load = load
        self.is_open = True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if fullname in self._names or isinstance(parent, _StandIn):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name, self)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


class _StandIn(types.ModuleType):
    """Stands for a module, or for a function or class of one."""

    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name)
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        if not self._finder.is_open:
            return getattr(self._finder.load(self.__name__), name)
        if name.startswith("__"):  # the import machinery asks for these; most modules lack them
            raise AttributeError(f"{self.__name__} is not imported yet and has no {name}")
        # `from module import name`, or a name that is used while the importer itself is imported.
        child = _StandIn(f"{self.__name__}.{name}", self._finder)
        setattr(self, name, child)
        return child

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._finder.load(self.__name__)(*args, **kwargs)
