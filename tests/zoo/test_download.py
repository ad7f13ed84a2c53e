"""The catalogue of models, and what may and may not happen to a model's folder."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixace.checkpoints.config_file import load_config, save_config
from pixace.errors import CheckpointError, DownloadError, PixaceError, UsageError
from pixace.settings.model import ModelConfig
from pixace.web import drive
from pixace.web.limits import Limits
from pixace.zoo import catalogue, download, install
from pixace.zoo.download import download_model
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

WEIGHTS = gzip.compress(bytes(range(256)) * 2000, mtime=0)
OTHER = gzip.compress(b"other weights" * 500, mtime=0)
SHA = hashlib.sha256(WEIGHTS).hexdigest()
OTHER_SHA = hashlib.sha256(OTHER).hexdigest()
FAST = Limits(connect_seconds=2, idle_seconds=1, attempts=2, first_wait_seconds=0.01)
FORM = """<html><head><title>Google Drive - Virus scan warning</title></head><body>
<form id="download-form" action="/download" method="get">
<input type="hidden" name="id" value="{id}"><input type="hidden" name="confirm" value="t">
</form></body></html>"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`, and `server.body` as Drive does: behind its confirm form."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        kind, body = "application/octet-stream", self.server.files.get(self.path)
        if self.path.startswith("/download?") and "confirm=t" in self.path:
            body = self.server.body
        elif self.path.startswith("/uc?"):
            kind, body = "text/html; charset=utf-8", self.server.page.encode()
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_args: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {}
        self.body = WEIGHTS
        self.page = FORM.format(id=catalogue.CATALOGUE["animalfaces"].drive_id)
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(drive, "DRIVE_BASE", server.url)
        yield server
        server.shutdown()


def get(name: str | None, weights_dir: Path, **options: object) -> Path:
    options = {"limits": FAST, "check": None, **options}
    return download_model(name, weights_dir=weights_dir, **options)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- the catalogue ---------------------------------------------------------------------------


def test_the_catalogue_has_the_references_model() -> None:
    assert list(catalogue.CATALOGUE) == ["animalfaces", "emoji"]
    model = catalogue.CATALOGUE["animalfaces"]
    assert model.name == "animalfaces" and model.drive_id == "1Uh7Cd-kjYLhs7SjlFROKuUyT9Vv8h-5i"
    assert ModelConfig.from_dict(model.config) == ModelConfig(
        model_type="reformer", image_size=32, bitdepth=(5, 4, 4), d_model=512, d_ff=2048,
        n_layers=6, n_heads=8, background="black",
    )  # fmt: skip
    assert model.source() == f"https://drive.google.com/uc?export=download&id={model.drive_id}"


@pytest.mark.parametrize("name", catalogue.CATALOGUE)
def test_every_entry_can_be_used(name: str) -> None:
    model = catalogue.CATALOGUE[name]
    assert model.name == name and download._check_name(name, {}) == name
    assert sum(place is not None for place in (model.drive_id, model.url, model.path)) == 1
    if model.config is None:
        assert load_config(model.path.parent) is not None
    else:
        ModelConfig.from_dict(model.config)


def test_listing_is_light() -> None:
    code = (
        "import sys; from pixace.zoo.zoo_file import published_models; published_models(); "
        "print([m for m in ('requests', 'jax', 'trax', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- a published model -----------------------------------------------------------------------


def test_a_model_is_installed_through_drives_form(server: Server, tmp_path: Path) -> None:
    told: list[int] = []
    path = get("animalfaces", tmp_path / "w", progress=lambda done, _total: told.append(done))
    assert path == tmp_path / "w" / "animalfaces" / "model.pkl.gz"
    assert path.read_bytes() == WEIGHTS
    assert load_config(path.parent) == ModelConfig()
    marker = json.loads((path.parent / "download.json").read_text())
    model = catalogue.CATALOGUE["animalfaces"]
    assert marker == {"url": f"{server.url}/uc?export=download&id={model.drive_id}", "sha256": SHA}
    assert sorted(os.listdir(path.parent)) == ["config.json", "download.json", "model.pkl.gz"]
    assert os.listdir(tmp_path / "w") == ["animalfaces"]
    assert told[-1] == len(WEIGHTS)


def test_a_second_call_fetches_nothing(server: Server, tmp_path: Path) -> None:
    path = get("animalfaces", tmp_path)
    before, server.asked[:] = tree(tmp_path), []
    assert get("animalfaces", tmp_path, checkpoint="default") == path
    assert server.asked == [] and tree(tmp_path) == before


@pytest.mark.parametrize("lost", ["config.json", "model.pkl.gz"])
def test_a_call_after_a_loss_repairs(server: Server, tmp_path: Path, lost: str) -> None:
    path = get("animalfaces", tmp_path)
    before = tree(tmp_path)
    (path.parent / lost).unlink()
    get("animalfaces", tmp_path)
    assert tree(tmp_path) == before


def test_weights_appear_last(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace
    names: list[str] = []

    def replace(source: str | Path, target: str | Path) -> None:
        names.append(Path(target).name)
        real(source, target)

    def rename(self: Path, target: Path) -> Path:
        names.append(target.name)
        real(self, target)
        return target

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "replace", rename)
    get("animalfaces", tmp_path)
    assert names[1:4] == ["download.json", "config.json", "model.pkl.gz"]


def test_the_check_decides(server: Server, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        assert path.read_bytes() == WEIGHTS and path.name != "model.pkl.gz"
        raise CheckpointError(f"{path}: byte 7 is not allowed")

    with pytest.raises(CheckpointError, match=f"^{server.url}/uc.*: byte 7 is not allowed"):
        get("animalfaces", tmp_path / "w", check=refuse)
    assert os.listdir(tmp_path / "w") == []


def test_quota(server: Server, tmp_path: Path) -> None:
    server.page = "<html><title>Google Drive - Quota exceeded</title>"
    with pytest.raises(DownloadError, match="Quota exceeded.*--url=PATH"):
        get("animalfaces", tmp_path / "w")
    assert os.listdir(tmp_path / "w") == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"PK\3\4" + WEIGHTS, "not a file of the expected kind"),
        (WEIGHTS[: len(WEIGHTS) // 2], "damaged or cut gzip file"),
        (WEIGHTS[:-5] + b"\0" * 5, "damaged or cut gzip file"),
        (WEIGHTS[:100] + b"\xff" * 50 + WEIGHTS[150:], "damaged or cut gzip file"),
        (b"", "empty"),
    ],
)
def test_what_is_not_whole_gzip_is_refused(
    server: Server, tmp_path: Path, body: bytes, words: str
) -> None:
    server.body = body
    with pytest.raises(DownloadError, match=words):
        get("animalfaces", tmp_path / "w")
    assert os.listdir(tmp_path / "w") == []


def test_a_gzip_bomb_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_MAX_UNPACKED_BYTES", 10_000_000)
    server.body = gzip.compress(bytes(12_000_000))
    with pytest.raises(DownloadError, match="unpacks to more than any model has"):
        get("animalfaces", tmp_path / "w")


def test_two_processes_at_once(server: Server, tmp_path: Path) -> None:
    code = (
        "import sys; from pixace.zoo import download; from pixace.web import drive; "
        "drive.DRIVE_BASE = sys.argv[1]; "
        "print(download.download_model('animalfaces', weights_dir=sys.argv[2], check=None))"
    )
    command = [sys.executable, "-c", code, server.url, str(tmp_path)]
    children = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [child.communicate(timeout=PATIENCE) for child in children]
    path = tmp_path / "animalfaces" / "model.pkl.gz"
    assert outputs == [(f"{path}\n", "")] * 2
    assert path.read_bytes() == WEIGHTS and len(server.asked) == 2


# --- models from elsewhere -------------------------------------------------------------------


def test_a_model_from_a_url(server: Server, tmp_path: Path) -> None:
    server.files["/m.gz"] = OTHER
    path = get("mine", tmp_path, url=f"{server.url}/m.gz", sha256=OTHER_SHA)
    assert path == tmp_path / "mine" / "model.pkl.gz" and path.read_bytes() == OTHER
    assert sorted(os.listdir(path.parent)) == ["download.json", "model.pkl.gz"]
    server.files["/m.gz"] = WEIGHTS
    get("mine", tmp_path, url=f"{server.url}/m.gz")
    assert path.read_bytes() == WEIGHTS
    marker = json.loads((path.parent / "download.json").read_text())
    assert marker == {"url": f"{server.url}/m.gz", "sha256": SHA}


def test_the_wrong_sha256_leaves_the_old_model(server: Server, tmp_path: Path) -> None:
    get("animalfaces", tmp_path)
    before = tree(tmp_path)
    server.files["/m.gz"] = OTHER
    with pytest.raises(DownloadError, match="expected 000"):
        get("animalfaces", tmp_path, url=f"{server.url}/m.gz", sha256="0" * 64)
    assert tree(tmp_path) == before


def test_the_catalogues_sha256_is_compared(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = catalogue.Model(name="m", description="", config={}, drive_id="x", sha256=SHA)
    monkeypatch.setitem(catalogue.CATALOGUE, "m", model)
    assert get("m", tmp_path).read_bytes() == WEIGHTS
    server.body = OTHER
    with pytest.raises(DownloadError, match=f"expected {SHA}"):
        get("m", tmp_path / "again")


def test_a_sharing_link_of_drive(server: Server, tmp_path: Path) -> None:
    path = get("mine", tmp_path, url=f"{server.url}/file/d/Ab-1/view?usp=sharing")
    assert path.read_bytes() == WEIGHTS
    assert server.asked[0] == "/uc?export=download&id=Ab-1"


@pytest.mark.parametrize("as_url", [False, True])
def test_a_local_model_with_its_settings(tmp_path: Path, as_url: bool) -> None:
    source = tmp_path / "from here" / "some.gz"
    config = ModelConfig(model_type="transformer", image_size=16, bitdepth=(4, 3, 3))
    save_config(source.parent, config)
    source.write_bytes(OTHER)
    path = get("mine", tmp_path / "w", url=source.as_uri() if as_url else str(source))
    assert path.read_bytes() == OTHER and load_config(path.parent) == config
    assert json.loads((path.parent / "download.json").read_text())["url"] == str(source)


def test_a_published_model_fetched_by_browser(tmp_path: Path) -> None:
    source = tmp_path / "Downloads" / "model (1).pkl.gz"
    source.parent.mkdir()
    source.write_bytes(WEIGHTS)
    (source.parent / "config.json").write_text("something else's")
    path = get("animalfaces", tmp_path / "w", url=str(source))
    assert load_config(path.parent) == ModelConfig()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"image_size": "big"}', '{"unknown": 1}', "[" * 100_000, " " * 2_000_000]
)
def test_unusable_settings_beside_a_local_model(tmp_path: Path, text: str) -> None:
    source = tmp_path / "here" / "m.gz"
    source.parent.mkdir()
    source.write_bytes(OTHER)
    (source.parent / "config.json").write_text(text)
    with pytest.raises(PixaceError, match="config.json"):
        get("mine", tmp_path / "w", url=str(source))
    assert os.listdir(tmp_path / "w") == []


def test_settings_of_an_earlier_model_do_not_stay(server: Server, tmp_path: Path) -> None:
    server.files["/m.gz"] = OTHER
    source = tmp_path / "here" / "m.gz"
    save_config(source.parent, ModelConfig())
    source.write_bytes(WEIGHTS)
    path = get("mine", tmp_path / "w", url=str(source))
    assert (path.parent / "config.json").exists()
    get("mine", tmp_path / "w", url=f"{server.url}/m.gz")
    assert not (path.parent / "config.json").exists()


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("", UsageError, "address or a path"),
        ("x\0y", UsageError, "address or a path"),
        ("ftp://host/x", UsageError, "must begin with"),
        ("file://otherhost/x", UsageError, "must begin with"),
        ("http://[bad/", UsageError, "not an address"),
        ("s3://bucket/x", UsageError, "must begin with"),
        ("/nowhere/at/all", DownloadError, "No such file"),
        ("file:///nowhere%00", DownloadError, "cannot be read"),
        ("file:///dev/zero", DownloadError, "not an ordinary file"),
        ("/", DownloadError, "not an ordinary file"),
    ],
)
def test_unusable_urls(tmp_path: Path, url: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        get("mine", tmp_path / "w", url=url)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists() or os.listdir(tmp_path / "w") == []


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [".", "..", "../x", "a/b", "/etc", "a\\b", "a\0b", "a\nb", "\x1b[2J", "a" * 101, "é" * 51,
     " ", " a", "a ", ".hidden", "\udcff", "a\u202eb", "~/x"],
)  # fmt: skip
def test_names_that_could_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="plain folder name") as caught:
        get(name, tmp_path / "w", url="/nowhere")
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a" * 100, "é" * 50, "my model 2", "~", "-x", "a:b"])
def test_names_that_are_plain(tmp_path: Path, name: str) -> None:
    source = tmp_path / "m.gz"
    source.write_bytes(OTHER)
    assert get(name, tmp_path / "w", url=str(source)).parent == tmp_path / "w" / name


@pytest.mark.parametrize("name", [None, ""])
def test_a_name_is_needed(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(UsageError, match="--model_name; published are animalfaces"):
        get(name, tmp_path)


def test_unknown_names_get_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean animalfaces. published are animalfaces"):
        get("animal_face", tmp_path)
    with pytest.raises(UsageError, match="called 'zebra'; published are animalfaces"):
        get("zebra", tmp_path)
    with pytest.raises(UsageError, match="no checkpoint '100'; the only one is 'default'"):
        get("animalfaces", tmp_path, checkpoint="100")
    assert os.listdir(tmp_path) == []


# --- what belongs to the user ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.pkl.gz", "config.json", "model-00100.pkl.gz", "notes"])
def test_a_folder_that_was_not_downloaded_is_not_touched(
    server: Server, tmp_path: Path, name: str
) -> None:
    (tmp_path / "animalfaces").mkdir()
    (tmp_path / "animalfaces" / name).write_bytes(b"hours of training")
    before = tree(tmp_path)
    with pytest.raises(DownloadError, match=f"not downloaded .{name}.; nothing was touched"):
        get("animalfaces", tmp_path)
    assert tree(tmp_path) == before and server.asked == []


@pytest.mark.parametrize("marker", ["", "{}", "[]", '{"sha256": 5}', "[" * 100_000])
def test_a_damaged_marker_vouches_for_nothing(server: Server, tmp_path: Path, marker: str) -> None:
    path = get("animalfaces", tmp_path)
    (path.parent / "download.json").write_text(marker)
    with pytest.raises(DownloadError, match="nothing was touched"):
        get("animalfaces", tmp_path)
    assert path.read_bytes() == WEIGHTS


def test_a_downloaded_model_that_was_trained_on_is_not_touched(
    server: Server, tmp_path: Path
) -> None:
    path = get("animalfaces", tmp_path)
    path.write_bytes(OTHER)
    before, server.asked[:] = tree(tmp_path), []
    with pytest.raises(DownloadError, match="trained or changed after it was downloaded"):
        get("animalfaces", tmp_path)
    assert tree(tmp_path) == before and server.asked == []


def test_checkpoints_beside_a_downloaded_model_protect_the_folder(
    server: Server, tmp_path: Path
) -> None:
    path = get("animalfaces", tmp_path)
    path.unlink()
    (path.parent / "model-00100.pkl.gz").write_bytes(OTHER)
    with pytest.raises(DownloadError, match="model-00100.pkl.gz.; nothing was touched"):
        get("animalfaces", tmp_path)


def test_killed_between_marker_and_weights(server: Server, tmp_path: Path) -> None:
    server.files["/m.gz"] = OTHER
    path = get("mine", tmp_path, url=f"{server.url}/m.gz")
    # As a kill during the installation of WEIGHTS leaves it: new marker, old weights.
    marker = {"url": f"{server.url}/m.gz", "sha256": SHA, "replaces": OTHER_SHA}
    (path.parent / "download.json").write_text(json.dumps(marker))
    server.files["/m.gz"] = WEIGHTS
    get("mine", tmp_path, url=f"{server.url}/m.gz")
    assert path.read_bytes() == WEIGHTS
    assert "replaces" not in json.loads((path.parent / "download.json").read_text())


def test_a_link_out_of_the_weights_folder_is_not_followed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "animalfaces").symlink_to(tmp_path / "outside")
    with pytest.raises(DownloadError, match="is a link"):
        get("animalfaces", tmp_path / "w")
    assert os.listdir(tmp_path / "outside") == []


def test_a_weights_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot write"):
        get("animalfaces", tmp_path / "file")
    with pytest.raises(DownloadError, match="File name too long"):
        get("animalfaces", tmp_path / ("n" * 300))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    bomb = gzip.compress(b"cposix\nsystem\n(S'touch " + str(tmp_path).encode() + b"/ran'\ntR.")
    source = tmp_path / "m.gz"
    source.write_bytes(bomb)
    assert get("mine", tmp_path / "w", url=str(source)).read_bytes() == bomb
    assert not (tmp_path / "ran").exists()
