"""A folder of compiled programs, so that a later process need not compile them again.

It takes the place of the folder that JAX would keep itself (JAX 0.12): that one is written in
place, so that a full disk or a crash leaves damaged entries, which are never replaced, and it can
be bounded only with a further library. The cache is a convenience: whatever is wrong with the
folder, programs are compiled as if there were none.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

_log = logging.getLogger(__name__)

VARIABLE = "PIXACE_CACHE_DIR"
MAX_BYTES = 512 * 2**20  # training and drawing with one model takes 2 MB (on a CPU, JAX 0.10)
_DIGEST_BYTES = hashlib.sha256().digest_size


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder for compiled programs; None if the user wants none.

    Args:
      environment: `PIXACE_CACHE_DIR` names the folder above it, or is empty or `off`; else it is
        `pixace` in `XDG_CACHE_HOME`, or in `~/.cache`.

    Raises:
      RuntimeError: the user has no home folder.
    """
    named = environment.get(VARIABLE)
    if named is not None:
        return None if named in ("", "off") else Path(named).absolute() / "compiled"
    base = environment.get("XDG_CACHE_HOME", "")
    # The XDG rules: a relative path is to be ignored.
    caches = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return caches / "pixace" / "compiled"


def open_cache() -> CompilationCache | None:
    """Returns the user's cache; None if there is to be none, or none can be had."""
    try:
        folder = cache_folder()
        if folder is None:
            raise RuntimeError(f"{VARIABLE} says so")
        cache = CompilationCache(folder)
    except (OSError, RuntimeError) as error:
        _log.debug("compiled programs are not kept: %s", error)
        return None
    _log.debug("compiled programs are kept in %s", folder)
    return cache


class CompilationCache:
    """Compiled programs in a folder, the least recently used of which give way to new ones.

    Any number of processes may use the folder at once. It must belong to the user alone: what lies
    in it is executed.

    Args:
      folder: created where missing.
      max_bytes: size of the folder above which programs are removed.

    Raises:
      OSError: the folder cannot be made, or others can write to it.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._room = 0  # bytes until the folder is measured again
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError(f"{folder} is not the user's alone")

    def get(self, key: str) -> bytes | None:
        """Returns a program; None if it is missing or damaged, or cannot be read."""
        path = self.folder / key
        try:
            entry = path.read_bytes()
        except OSError:
            _log.debug("to be compiled: %s", _program(key))
            return None
        digest, program = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        if hashlib.sha256(program).digest() != digest:
            _log.debug("damaged, to be compiled again: %s", _program(key))
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used just now
        _log.debug("compiled before: %s", _program(key))
        return program

    def put(self, key: str, program: bytes) -> None:
        """Stores a program, if that can be done."""
        entry = hashlib.sha256(program).digest() + program
        with contextlib.suppress(OSError):
            self._write(self.folder / key, entry)
            self._room -= len(entry)
            if self._room < 0:
                self._make_room()

    def _write(self, path: Path, entry: bytes) -> None:
        """Replaces a file at once, without waiting for the disk: the digest tells if it got there.

        Raises:
          OSError: it cannot be written.
        """
        handle, temporary = tempfile.mkstemp(dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(entry)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise

    def _make_room(self) -> None:
        """Removes what was not used for longest, until a quarter is free, if the folder is full.

        Raises:
          OSError: the folder cannot be read.
        """
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # another process makes room, too
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found.append((status.st_mtime_ns, status.st_size, entry.path))
        size = sum(size for _, size, _ in found)
        if size > self._max_bytes:
            for _, freed, path in sorted(found):
                with contextlib.suppress(OSError):
                    os.unlink(path)
                size -= freed
                if size <= self._max_bytes * 3 // 4:
                    break
        self._room = self._max_bytes - size


def _program(key: str) -> str:
    """Returns the name of a program, which JAX's key begins with; a digest follows."""
    return key.rpartition("-")[0] or key
