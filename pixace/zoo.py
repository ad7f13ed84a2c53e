"""Published models, and how one of them, or one from any address, gets into the weights folder."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pixace.checkpoints import check_file
from pixace.downloads import drive
from pixace.downloads.disk import disk_errors, locked
from pixace.downloads.rules import DEFAULT_LIMITS, Limits, normal_sha256, shown
from pixace.errors import UsageError
from pixace.folders import LATEST_NAME, check_model_name
from pixace.ready import READY_MODELS
from pixace.settings import DEFAULT_WEIGHTS_DIR
from pixace.values import require_path
from pixace.zoo_install import Check, Progress, Wanted, install


@dataclasses.dataclass(frozen=True)
class Model:
    """A published model.

    Attributes:
      name: what `--model_name` calls it.
      description: one line for the list of models.
      config: the settings of `pixace.config.ModelConfig` that it was made with; None where they
        lie beside the weights.
      dropout: what it was trained with. It shapes no weights, so it is not part of `config`.
      drive_id: identifier of its weights on Google Drive, or None.
      url: address of its weights where they are not on Drive, or None.
      path: of its weights where they come with the package, or None.
      sha256: of its weights, or None where nobody has published it.
    """

    name: str
    description: str
    config: Mapping[str, Any] | None
    dropout: float
    drive_id: str | None = None
    url: str | None = None
    path: Path | None = None
    sha256: str | None = None

    def source(self) -> str | Path:
        """Returns the address where its download starts, or its path."""
        if self.path is not None:
            return self.path
        return drive.drive_url(self.drive_id) if self.drive_id else str(self.url)


CATALOGUE = {
    "animalfaces": Model(
        name="animalfaces",
        description="faces of cats, dogs and wild animals, 32x32 pixels (2020, by the reference)",
        config={
            "model_type": "reformer",
            "image_size": 32,
            "bitdepth": (5, 4, 4),
            "d_model": 512,
            "d_ff": 2048,
            "n_layers": 6,
            "n_heads": 8,
            "background": "black",
        },
        dropout=0.1,
        drive_id="1Uh7Cd-kjYLhs7SjlFROKuUyT9Vv8h-5i",
    ),
    "emoji": Model(
        name="emoji",
        description="emoji, 16x16 pixels (comes with pixace: predict needs no download)",
        config=None,
        dropout=0.1,
        path=READY_MODELS / "emoji" / LATEST_NAME,
    ),
}


def list_models() -> list[Model]:
    """Returns the published models, in the order of the catalogue."""
    return list(CATALOGUE.values())


def download_model(
    model_name: str | None = None,
    *,
    checkpoint: str | None = None,
    weights_dir: str | Path = DEFAULT_WEIGHTS_DIR,
    url: str | None = None,
    sha256: str | None = None,
    check: Check | None = check_file,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Path:
    """Installs a model as `weights_dir/model_name/model.pkl.gz`, its settings beside it.

    Args:
      model_name: a name of the catalogue; with `url`, any name for the new model.
      checkpoint: which of the model's checkpoints; "default" is the only one published.
      weights_dir: top folder for models; created if need be.
      url: install from this http, https or file address, or this path, instead.
      sha256: expected SHA-256 of the file.
      check: called with the complete temporary file; what it raises refuses the file. None only
        verifies that it is undamaged gzip.
      progress: called with the bytes that are there and the whole size, None where not known.
      limits: how patient to be.

    Returns:
      The path of the installed weights.

    Raises:
      UsageError: an unknown or unusable name, checkpoint, address or SHA-256.
      DownloadError: the model could not be fetched whole and verified, or the folder holds one
        that was not downloaded.
      PixaceError: whatever `check` raised.
    """
    name = _check_name(model_name)
    require_path("weights_dir", weights_dir)
    known = CATALOGUE.get(name)
    _check_choice(name, known, checkpoint, url)
    wanted = Wanted(
        folder=Path(weights_dir) / name,
        source=_source(url) if url is not None else known.source() if known else "",
        config=known.config if known else None,
        sha256=normal_sha256(sha256 or (known.sha256 if known else None)),
        fixed=url is None and known is not None and known.path is None,
    )
    lock = Path(weights_dir) / f".{name}.lock"
    with disk_errors(wanted.folder), locked(lock, limits.total_seconds):
        return install(wanted, check, progress, limits)


def _check_name(name: str | None) -> str:
    """Checks that a model's name can only mean a folder right under the weights folder."""
    if not name:
        raise UsageError(f"name a model with --model_name; published are {', '.join(CATALOGUE)}")
    return check_model_name(name)


def _check_choice(name: str, known: Model | None, checkpoint: str | None, url: str | None) -> None:
    """Checks that there is something to download for this name and checkpoint."""
    if url is None and known is None:
        close = difflib.get_close_matches(name, CATALOGUE, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"no published model is called {name!r}; {hint}published are {', '.join(CATALOGUE)}; "
            "give --url to install one from elsewhere"
        )
    if checkpoint not in (None, "default"):
        raise UsageError(f"{name} has no checkpoint {checkpoint!r}; the only one is 'default'")


def _source(url: str) -> str | Path:
    """Tells an address from a path, and turns a file:// address into a path."""
    if not isinstance(url, str) or not url or "\0" in url:
        raise UsageError(f"url must be an address or a path, not {url!r}")
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", url):
        return Path(url).expanduser()
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"url is not an address: {shown(url)}") from None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    if parts.scheme not in ("http", "https"):
        raise UsageError(
            f"url must begin with http://, https:// or file:///, or be a path, not {shown(url)}"
        )
    return drive.from_share_link(url)
