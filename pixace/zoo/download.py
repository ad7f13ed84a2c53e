"""Getting a published model, or one from any address, into the weights folder."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from pixace.checkpoints.file import check_file
from pixace.checkpoints.folder import check_model_name
from pixace.errors import UsageError
from pixace.settings.paths import local_path
from pixace.settings.training import DEFAULT_WEIGHTS_DIR
from pixace.web.attempt import Progress
from pixace.web.limits import DEFAULT_LIMITS, Limits, normal_sha256
from pixace.web.partial import Check, disk_errors, locked
from pixace.zoo.catalogue import Model
from pixace.zoo.install import Installation, install
from pixace.zoo.source import source_of
from pixace.zoo.zoo_file import published_models


def download_model(
    model_name: str | None = None,
    *,
    checkpoint: str | None = None,
    weights_dir: str | Path = DEFAULT_WEIGHTS_DIR,
    url: str | None = None,
    sha256: str | None = None,
    zoo: str | None = None,
    check: Check | None = check_file,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Path:
    """Installs a model as `weights_dir/model_name/model.pkl.gz`, its settings beside it.

    Args:
      model_name: a published model's; with `url`, any name for the new model.
      checkpoint: which of the model's checkpoints; "default" is the only one published.
      weights_dir: top folder for models; created if need be.
      url: install from this http, https or file address, or this path, instead.
      sha256: expected SHA-256 of the file.
      zoo: address or path of a `zoo.json`, a list of models whose names are known, too.
      check: called with the complete temporary file; what it raises refuses the file. None only
        verifies that it is undamaged gzip.
      progress: called with the bytes that are there and the whole size, None where not known.
      limits: how patient to be.

    Returns:
      The path of the installed weights.

    Raises:
      UsageError: an unknown or unusable name, checkpoint, address or SHA-256, or both `url` and
        `zoo`.
      DownloadError: the model could not be fetched whole and verified, or the folder holds one
        that was not downloaded.
      PixaceError: whatever `check` raised.
    """
    if url is not None and zoo is not None:
        raise UsageError("give either url or zoo: a model that has its own address is in no list")
    weights_dir = local_path("weights_dir", weights_dir)
    models = published_models(zoo, limits)
    name = _check_name(model_name, models)
    known = models.get(name)
    _check_choice(name, models, checkpoint, url)
    wanted = Installation(
        folder=Path(weights_dir) / name,
        source=source_of(url) if url is not None else known.source() if known else "",
        config=known.config if known else None,
        sha256=normal_sha256(sha256 or (known.sha256 if known else None)),
        fixed=url is None and known is not None and known.path is None,
    )
    lock = Path(weights_dir) / f".{name}.lock"
    with disk_errors(wanted.folder), locked(lock, limits.total_seconds):
        return install(wanted, check, progress, limits)


def _check_name(name: str | None, models: Mapping[str, Model]) -> str:
    """Checks that a model's name can only mean a folder right under the weights folder."""
    if not name:
        raise UsageError(f"name a model with --model_name; published are {', '.join(models)}")
    return check_model_name(name)


def _check_choice(
    name: str, models: Mapping[str, Model], checkpoint: str | None, url: str | None
) -> None:
    """Checks that there is something to download for this name and checkpoint."""
    if url is None and name not in models:
        close = difflib.get_close_matches(name, models, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"no published model is called {name!r}; {hint}published are {', '.join(models)}; "
            "give --url to install one from elsewhere"
        )
    if checkpoint not in (None, "default"):
        raise UsageError(f"{name} has no checkpoint {checkpoint!r}; the only one is 'default'")
