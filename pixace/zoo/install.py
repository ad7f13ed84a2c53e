"""Putting a model into its folder: weights, settings and a marker, or nothing at all.

The marker, `download.json`, records the address and the SHA-256 of the weights. A folder without
it, or whose weights have changed since, belongs to the user: nothing in it is touched. Nothing is
unpickled here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pixace.checkpoints.config_file import CONFIG_NAME, load_config, save_config
from pixace.errors import DownloadError, PixaceError
from pixace.settings.model import ModelConfig
from pixace.system.files import file_sha256, write_atomically
from pixace.system.reading import gunzipped_size, read_small
from pixace.web.attempt import Progress
from pixace.web.download import fetch, install_file
from pixace.web.limits import Limits
from pixace.web.partial import Check, holds
from pixace.wording import shown, shown_url

_log = logging.getLogger(__name__)

MODEL_FILE = "model.pkl.gz"
MARKER = "download.json"
GZIP_MAGIC = b"\x1f\x8b"
_MAX_UNPACKED_BYTES = 8 << 30
_MAX_JSON_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Installation:
    """One installation: into which folder, from where, with which settings.

    Attributes:
      folder: the model's folder.
      source: an address, or a path on this machine.
      config: the catalogue's settings, or None for a model it does not list.
      sha256: the expected SHA-256, if known.
      fixed: whether `source` always means the same file, so that one fetch of it is enough.
    """

    folder: Path
    source: str | Path
    config: Mapping[str, Any] | None
    sha256: str | None
    fixed: bool

    @property
    def model(self) -> Path:
        """The file that the weights become."""
        return self.folder / MODEL_FILE

    @property
    def spelling(self) -> str:
        """The source as the marker records it."""
        return (
            shown_url(self.source) if isinstance(self.source, str) else str(self.source.absolute())
        )


def install(
    wanted: Installation, check: Check | None, progress: Progress | None, limits: Limits
) -> Path:
    """Fetches, verifies, and puts weights, settings and marker into the folder.

    Args:
      wanted: what to install and where; the caller holds a lock on that folder.
      check: called with the complete temporary file; None means "undamaged gzip".
      progress: called with the bytes that are there and the whole size.
      limits: how patient to be.

    Returns:
      The path of the weights.

    Raises:
      PixaceError: they could not be fetched, were refused, or the folder is not ours to write.
    """
    with _without_empty_folder(wanted.folder):
        marker = _read_marker(wanted.folder)
        if _is_installed(wanted, marker):
            _log.debug("%s is there already, whole", shown(wanted.model))
            return wanted.model
        _check_folder(wanted, marker)
        config = _config_for(wanted)
        replaced = file_sha256(wanted.model) if wanted.model.exists() else None

        def prepare(temporary: Path) -> None:
            # All that belongs beside the weights goes first: the weights' own name appears last,
            # so that whoever finds it finds everything. Until then the marker knows both.
            _verify(temporary, wanted, check or check_gzip)
            _write_beside(wanted, config, file_sha256(temporary), replaced)

        digest = _get(wanted, prepare, progress, limits)
        _write_beside(wanted, config, digest, None)
        return wanted.model


def _get(wanted: Installation, check: Check, progress: Progress | None, limits: Limits) -> str:
    """Fetches an address or copies a path; returns the SHA-256 of what was installed."""
    kept: dict[str, Any] = {"sha256": wanted.sha256, "check": check, "progress": progress}
    if isinstance(wanted.source, Path):
        return install_file(wanted.source, wanted.model, limits=limits, magic=GZIP_MAGIC, **kept)
    return fetch(wanted.source, wanted.model, limits=limits, magic=GZIP_MAGIC, **kept)


def _verify(temporary: Path, wanted: Installation, check: Check) -> None:
    """Calls `check`; its refusal names where the file came from, not the temporary file."""
    try:
        check(temporary)
    except PixaceError as error:
        error.args = (str(error).replace(str(temporary), wanted.spelling),)
        raise


def _is_installed(wanted: Installation, marker: Mapping[str, Any] | None) -> bool:
    """Returns whether exactly what is wanted is there already, whole."""
    if marker is None or marker.get("url") != wanted.spelling:
        return False
    known = wanted.sha256 or (marker.get("sha256") if wanted.fixed else None)
    has_config = wanted.config is None or (wanted.folder / CONFIG_NAME).exists()
    return has_config and holds(wanted.model, known)


def _check_folder(wanted: Installation, marker: Mapping[str, Any] | None) -> None:
    """Makes the folder, or makes sure that it holds only what an earlier download put there.

    Raises:
      DownloadError: it holds something else; nothing was touched.
    """
    folder = wanted.folder
    if folder.is_symlink():
        raise DownloadError(f"{folder}: is a link; pixace downloads only into a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    names = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    if marker is not None:
        names -= {MODEL_FILE, CONFIG_NAME, MARKER}
    if names:
        raise DownloadError(
            f"{folder}: holds files that were not downloaded ({min(names)}); nothing was touched; "
            "choose another --model_name or --weights_dir, or move them away"
        )
    ours = (marker["sha256"], marker.get("replaces")) if marker else ()
    if wanted.model.exists() and file_sha256(wanted.model) not in ours:
        raise DownloadError(
            f"{wanted.model}: was trained or changed after it was downloaded; nothing was touched; "
            "move it away, or choose another --weights_dir"
        )


def _config_for(wanted: Installation) -> ModelConfig | None:
    """Returns the settings to write: the catalogue's, or those beside a local file.

    Raises:
      CheckpointError: the settings beside the local file cannot be used.
    """
    if wanted.config is not None:
        return ModelConfig.from_dict(wanted.config)
    if isinstance(wanted.source, str):
        return None
    beside = wanted.source.parent / CONFIG_NAME
    if not beside.is_file():
        return None
    if beside.stat().st_size > _MAX_JSON_BYTES:
        raise DownloadError(f"{beside}: too large for a file of settings; move it away")
    return load_config(beside.parent)


def _write_beside(
    wanted: Installation, config: ModelConfig | None, sha256: str, replaces: str | None
) -> None:
    """Writes marker and settings; without settings it removes those of an earlier download."""
    values = {"url": wanted.spelling, "sha256": sha256}
    if replaces is not None:
        values["replaces"] = replaces
    text = json.dumps(values, indent=2) + "\n"
    write_atomically(wanted.folder / MARKER, text.encode())
    if config is not None:
        save_config(wanted.folder, config)
    else:
        (wanted.folder / CONFIG_NAME).unlink(missing_ok=True)


def _read_marker(folder: Path) -> Mapping[str, Any] | None:
    """Returns the record of an earlier download, or None where there is none to rely on."""
    try:
        values = json.loads(read_small(folder / MARKER, _MAX_JSON_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    good = isinstance(values, dict) and isinstance(values.get("sha256"), str)
    return values if good else None


def check_gzip(path: Path) -> None:
    """Reads a gzip file to its end, so that a truncated or damaged one is refused.

    Raises:
      DownloadError: it is damaged, or unpacks to more than any model has.
    """
    try:
        unpacked = gunzipped_size(path, _MAX_UNPACKED_BYTES)
    except gzip.BadGzipFile as error:
        raise DownloadError(f"{path}: damaged or cut gzip file ({error}); try again") from None
    if unpacked > _MAX_UNPACKED_BYTES:
        raise DownloadError(f"{path}: unpacks to more than any model has; refused")


@contextlib.contextmanager
def _without_empty_folder(folder: Path) -> Iterator[None]:
    """Removes the model's folder after a failure that left nothing in it."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
