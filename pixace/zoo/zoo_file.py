"""A zoo: a list of models, `zoo.json`, that anybody may publish beside their weights.

    {"models": [{"name": "tiles", "description": "dungeon tiles, 32x32 pixels",
                 "url": "tiles/model.pkl.gz", "sha256": "5f2c..."}]}

Whoever reads it trusts its address, and so the sums in it: weights from wherever they come are
those that the list means, or refused.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from pixace.checkpoints.folder import check_model_name
from pixace.errors import DownloadError, UsageError
from pixace.system.reading import read_small
from pixace.web.download import fetch
from pixace.web.limits import DEFAULT_LIMITS, Limits, check_url, normal_sha256
from pixace.wording import printable, quoted_text, shown_url
from pixace.zoo.catalogue import CATALOGUE, Model
from pixace.zoo.source import source_of

_MAX_BYTES = 1 << 20
_LONGEST_DESCRIPTION = 100


def published_models(zoo: str | None = None, limits: Limits = DEFAULT_LIMITS) -> dict[str, Model]:
    """Returns the models that pixace knows of, and those of a zoo, by their names.

    Args:
      zoo: the address or path of a `zoo.json`; where a name is in both, the zoo's model counts.
      limits: how patient to be.

    Raises:
      UsageError: `zoo` is neither an address nor a path.
      DownloadError: the list cannot be read, or is none.
    """
    return (
        dict(CATALOGUE)
        if zoo is None
        else {**CATALOGUE, **_read_zoo(source_of(zoo, "zoo"), limits)}
    )


def _read_zoo(source: str | Path, limits: Limits) -> dict[str, Model]:
    """Fetches a list of models and checks every entry of it."""
    where = shown_url(str(source))
    try:
        values = json.loads(_contents(source, limits))
        entries = values["models"] if isinstance(values, dict) else None
        if not isinstance(entries, list):
            raise UsageError('expected an object with a list called "models"')
        models = [_model(entry, source) for entry in entries]
        named = {model.name: model for model in models}
        if len(named) < len(models):
            raise UsageError("two of its models have the same name")
    except OSError as error:
        raise DownloadError(f"{where}: cannot be read: {error.strerror}; check the path") from None
    except KeyError as error:
        raise DownloadError(f"{where}: not a list of models: no {error.args[0]}") from None
    except (ValueError, RecursionError) as error:
        raise DownloadError(f"{where}: not a list of models: {error}") from None
    return named


def _contents(source: str | Path, limits: Limits) -> bytes:
    """Returns the bytes of a list that is here or elsewhere."""
    if isinstance(source, Path):
        return read_small(source, _MAX_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        fetched = Path(folder) / "zoo.json"
        fetch(source, fetched, max_bytes=_MAX_BYTES, limits=limits)
        return fetched.read_bytes()


def _model(entry: Any, source: str | Path) -> Model:
    """Makes a model of an entry.

    Raises:
      KeyError: it lacks what every entry has.
      UsageError: a value in it cannot be.
    """
    if not isinstance(entry, dict):
        raise UsageError(f"an entry must be an object, not {quoted_text(entry)}")
    return Model(
        name=check_model_name(_text(entry, "name")),
        description=printable(_text(entry, "description"), _LONGEST_DESCRIPTION),
        sha256=normal_sha256(_text(entry, "sha256")),
        **_place(_text(entry, "url"), source),
    )


def _text(entry: Mapping[str, Any], name: str) -> str:
    """Returns a text of an entry, which must be there."""
    if not isinstance(entry[name], str):
        raise UsageError(f"{name} must be a text, not {quoted_text(entry[name])}")
    return entry[name]


def _place(url: str, source: str | Path) -> dict[str, Any]:
    """Returns where the weights are, relative to where the list is.

    A list from elsewhere names addresses alone: no file of this machine.
    """
    if isinstance(source, str):
        address = urljoin(source, url)
        check_url(address)
        return {"url": address}
    weights = source_of(url)
    return {"url": weights} if isinstance(weights, str) else {"path": source.parent / weights}
