"""A model's folder gets weights, settings and marker, or nothing; what is the user's stays."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pixace.checkpoints.config_file import CONFIG_NAME, load_config, save_config
from pixace.errors import CheckpointError, DownloadError, UsageError
from pixace.settings.model import ModelConfig
from pixace.web.limits import DEFAULT_LIMITS
from pixace.zoo import install as install_module
from pixace.zoo.install import MARKER, MODEL_FILE, Installation, check_gzip, install

WEIGHTS = gzip.compress(b"weights" * 1000, mtime=0)
SHA = hashlib.sha256(WEIGHTS).hexdigest()
CONFIG = ModelConfig(image_size=8, bitdepth=(2, 1, 2))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "published" / "any-name.gz"
    path.parent.mkdir()
    path.write_bytes(WEIGHTS)
    return path


@pytest.fixture
def wanted(tmp_path: Path, source: Path) -> Installation:
    return Installation(tmp_path / "models" / "m", source, None, None, fixed=False)


def put(wanted: Installation, check: Any = None, told: list | None = None) -> Path:
    progress = None if told is None else lambda *state: told.append(state)
    return install(wanted, check, progress, DEFAULT_LIMITS)


def change(wanted: Installation, **values: object) -> Installation:
    fields = {name: getattr(wanted, name) for name in Installation.__dataclass_fields__}
    return Installation(**{**fields, **values})  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_weights_and_marker_are_put_into_the_folder(wanted: Installation) -> None:
    told: list[tuple[int, int | None]] = []
    assert put(wanted, told=told) == wanted.folder / MODEL_FILE == wanted.model
    assert tree(wanted.folder)[MODEL_FILE] == WEIGHTS
    marker = json.loads((wanted.folder / MARKER).read_text())
    assert marker == {"url": str(wanted.source), "sha256": SHA}
    assert set(tree(wanted.folder)) == {MODEL_FILE, MARKER}
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_settings_come_from_the_catalogue_or_lie_beside_the_weights(
    wanted: Installation, source: Path
) -> None:
    put(change(wanted, config=CONFIG.to_dict()))
    assert load_config(wanted.folder) == CONFIG
    other = ModelConfig(image_size=16)
    save_config(source.parent, other)
    source.write_bytes(gzip.compress(b"newer weights", mtime=0))
    put(wanted)
    assert load_config(wanted.folder) == other
    (source.parent / CONFIG_NAME).unlink()
    put(wanted)
    assert load_config(wanted.folder) is None, "those of other weights are gone"


@pytest.mark.parametrize(
    ("contents", "error"),
    [(b"{", CheckpointError), (b"{}" + b" " * 2**21, DownloadError)],
    ids=["damaged", "huge"],
)
def test_settings_beside_that_cannot_be_used_leave_nothing(
    wanted: Installation, source: Path, contents: bytes, error: type
) -> None:
    (source.parent / CONFIG_NAME).write_bytes(contents)
    with pytest.raises(error, match=CONFIG_NAME):
        put(wanted)
    assert not wanted.folder.exists()


def test_the_weights_get_their_name_last(wanted: Installation) -> None:
    """Who finds them finds all; until then the marker knows the old ones, too."""
    put(change(wanted, config=CONFIG.to_dict()))
    seen = []

    def check(temporary: Path) -> None:
        assert temporary.parent == wanted.folder
        seen.append(tree(wanted.folder)[MODEL_FILE])

    wanted.source.write_bytes(newer := gzip.compress(b"newer", mtime=0))  # type: ignore[union-attr]
    replace, order = os.replace, []

    def spy(old: Any, new: Any, **options: Any) -> None:
        order.append(Path(new).name)
        if Path(new).name == MODEL_FILE:
            marker = json.loads((wanted.folder / MARKER).read_text())
            assert marker["replaces"] == SHA
            assert marker["sha256"] == hashlib.sha256(newer).hexdigest()
        replace(old, new, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", spy)
        put(wanted, check)
    assert seen == [WEIGHTS]
    assert MODEL_FILE in order
    assert tree(wanted.folder)[MODEL_FILE] == newer
    assert "replaces" not in json.loads((wanted.folder / MARKER).read_text())


def test_what_the_check_refuses_is_named_by_its_source(wanted: Installation) -> None:
    def refuse(temporary: Path) -> None:
        raise UsageError(f"{temporary}: no weights")

    with pytest.raises(UsageError) as caught:
        put(wanted, refuse)
    assert str(caught.value) == f"{wanted.source}: no weights"
    assert not wanted.folder.exists()


def test_a_fixed_source_is_read_once(wanted: Installation, source: Path) -> None:
    fixed = change(wanted, fixed=True)
    put(fixed)
    source.unlink()
    assert put(fixed) == fixed.model
    with pytest.raises(DownloadError, match="cannot be read"):
        put(wanted)
    assert put(change(wanted, sha256=SHA)) == wanted.model, "known by its SHA-256"
    fixed.model.write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="was trained or changed after it was downloaded"):
        put(fixed)


@pytest.mark.parametrize("name", ["notes.txt", "model-00100.pkl.gz", MODEL_FILE])
def test_a_folder_of_the_user_is_not_touched(wanted: Installation, name: str) -> None:
    wanted.folder.mkdir(parents=True)
    (wanted.folder / name).write_text("mine")
    with pytest.raises(DownloadError, match="nothing was touched"):
        put(wanted)
    assert tree(wanted.folder) == {name: b"mine"}


def test_weights_that_were_trained_on_are_not_replaced(wanted: Installation) -> None:
    put(wanted)
    wanted.model.write_bytes(b"trained on")
    before = tree(wanted.folder)
    with pytest.raises(DownloadError, match="was trained or changed .* nothing was touched"):
        put(wanted)
    assert tree(wanted.folder) == before


def test_a_link_is_no_folder_of_its_own(wanted: Installation, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    wanted.folder.parent.mkdir()
    wanted.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DownloadError, match="is a link"):
        put(wanted)
    assert tree(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 5}', "{" * 10**5, "\xff"])
def test_a_marker_that_says_nothing_makes_the_folder_the_users(
    wanted: Installation, text: str
) -> None:
    put(wanted)
    (wanted.folder / MARKER).write_text(text)
    before = tree(wanted.folder)
    with pytest.raises(DownloadError, match="nothing was touched"):
        put(wanted)
    assert tree(wanted.folder) == before


def test_a_password_is_not_recorded() -> None:
    folder = Path("m")
    url = "https://me:secret@example.com/model.gz"
    assert Installation(folder, url, None, None, fixed=False).spelling == (
        "https://example.com/model.gz"
    )


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:-8] + bytes(8), lambda b: b"x"])
def test_damaged_gzip_is_refused(tmp_path: Path, damage: Any) -> None:
    (tmp_path / "m.gz").write_bytes(damage(WEIGHTS))
    with pytest.raises(DownloadError, match=r"m\.gz: damaged or cut gzip file \(.+\); try again"):
        check_gzip(tmp_path / "m.gz")


def test_what_unpacks_to_more_than_any_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.gz").write_bytes(WEIGHTS)
    monkeypatch.setattr(install_module, "_MAX_UNPACKED_BYTES", 7000)
    check_gzip(tmp_path / "m.gz")
    monkeypatch.setattr(install_module, "_MAX_UNPACKED_BYTES", 6999)
    with pytest.raises(DownloadError, match="unpacks to more than any model has; refused"):
        check_gzip(tmp_path / "m.gz")
