"""Coverage-guided fuzzing of everything that reads a stranger's bytes.

    pip install 'atheris>=3.1'
    python -m tests.tools.fuzzing checkpoint --minutes=30

The targets are the reader of checkpoints, the reader of model settings and the opener of images.
Bytes are changed so that they reach new lines of pixace (and of Pillow's decoders); whatever comes
out, a target may only return or refuse in one printable line, and may open nothing but its own
file, start nothing and import nothing. Input that breaks this goes to tests/fixtures/fuzz/, where
test_fuzzing.py tries it from then on.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gzip
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tests.tools.places import FIXTURES

FOUND = FIXTURES / "fuzz"
MEMORY_MB = 2048
SECONDS = 20  # of the processor, for one input
WAITING = 600  # seconds by the clock, for the case that it does not come back at all
# What no file may bring about, as the interpreter's audit events are called.
FORBIDDEN = ("exec", "os.", "socket.", "subprocess.", "ctypes.", "shutil.", "pty.", "urllib.")


class Target(NamedTuple):
    """What is fuzzed.

    Attributes:
      modules: whose lines count as new ground.
      largest: bytes of one input.
      seeds: yields good and bad files to begin with.
      read: opens the file; refuses by raising a PixaceError.
      pack: makes of an input what the file holds.
    """

    modules: tuple[str, ...]
    largest: int
    seeds: Callable[[], Iterator[bytes]]
    read: Callable[[Path], Any]
    pack: Callable[[bytes], bytes] = bytes


def _pack_checkpoint(data: bytes) -> bytes:
    """Compresses an input, so that its pickle is reached; one in eight is taken as it is."""
    from tests.tools.hostile_pickles import packed

    return data[1:] if data[:1] < b"\x20" else packed(data[1:], 0)


def _checkpoint_seeds() -> Iterator[bytes]:
    from pixace.checkpoints.file import write_checkpoint
    from tests.tools import hostile_pickles
    from tests.tools.crashing import TRAX_FIELDS, stamped

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pkl.gz")
        write_checkpoint(path, stamped(100, [(2, 3), (4,)]), TRAX_FIELDS)
        yield b"\x00" + path.read_bytes()
        yield b"\xff" + gzip.decompress(path.read_bytes())
    for protocol in (2, 4, 5):
        yield b"\xff" + hostile_pickles.valid_pickle(protocol)
    for fragment in hostile_pickles.harmless().values():
        yield b"\xff" + hostile_pickles.placed(fragment, "checkpoint")
    for payload in hostile_pickles.all_payloads():
        if len(payload.fragment) < 2000:
            yield b"\xff" + hostile_pickles.placed(payload.fragment, "history")


def _read_checkpoint(path: Path) -> None:
    from pixace.checkpoints.file import read_checkpoint

    checkpoint = read_checkpoint(path)
    checkpoint.config(path)
    checkpoint.resume.require("position", path)


def _config_seeds() -> Iterator[bytes]:
    from pixace.settings.model import ModelConfig
    from pixace.settings.model_types import MODEL_TYPES

    for model_type in MODEL_TYPES:
        settings = ModelConfig.from_dict({"model_type": model_type}).to_dict()
        yield json.dumps(settings).encode()
        for encoding in ("utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
            yield json.dumps(settings).encode(encoding)
    for value in ("null", "NaN", "1e400", "-1", "[1,2,3]", '{"a": 1}', '"\\ud800"', "1" * 5000):
        yield f'{{"d_model": {value}, "bitdepth": {value}}}'.encode()
    yield b"[" * 5000
    yield b'{"d_model": 8, "d_model": 8}'


def _read_config(path: Path) -> None:
    from pixace.checkpoints.config_file import load_config

    assert load_config(path.parent) is not None


def _image_seeds() -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (19, 17, 4), dtype=np.uint8), "RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"):
        for kind, options in (
            ("PNG", {"exif": exif}),
            ("JPEG", {"exif": exif, "progressive": True}),
            ("JPEG", {}),
            ("GIF", {"save_all": True, "append_images": [colours]}),
            ("BMP", {}),
            ("WEBP", {"exif": exif}),
            ("TIFF", {"exif": exif, "compression": "tiff_lzw"}),
            ("TIFF", {}),
            ("AVIF", {"exif": exif}),
        ):
            file = io.BytesIO()
            try:
                colours.convert("RGB").convert(mode).save(file, kind, **options)
            except (OSError, ValueError):  # not every format has every mode
                continue
            yield file.getvalue()


def _read_image(path: Path) -> None:
    from pixace.errors import ImageError
    from pixace.pictures.reading import open_fitted, open_image
    from pixace.settings.pictures import PictureSettings

    with contextlib.suppress(ImageError):  # not all of a large JPEG is decoded for this
        assert open_fitted(path, PictureSettings.of(1)).size == (1, 1)
    assert open_image(path).mode == "RGB"


TARGETS = {
    "checkpoint": Target(
        ("pixace",), 20_000, _checkpoint_seeds, _read_checkpoint, _pack_checkpoint
    ),
    "config": Target(("pixace", "json"), 6_000, _config_seeds, _read_config),
    "image": Target(("pixace", "PIL"), 6_000, _image_seeds, _read_image),
}


class Watched:
    """A target under watch.

    Args:
      name: of the target.
      folder: where its file is written.
    """

    def __init__(self, name: str, folder: Path) -> None:
        from pixace.errors import PixaceError

        self.target = TARGETS[name]
        self.outcomes = collections.Counter(read=0, refused=0)
        self._refusal = PixaceError
        self._path = folder / ("config.json" if name == "config" else "model.pkl.gz")
        self._reading = False
        self._seen: list[str] = []
        self.try_one(b"")  # imports what is imported on demand
        for seed in self.target.seeds():
            self.try_one(seed)
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._reading:
            return
        if event == "open":
            path, _, flags = args
            own = isinstance(path, int) or str(path).startswith(str(self._path.parent))
            if own and flags & os.O_ACCMODE == os.O_RDONLY:
                return
        elif event != "import" and not event.startswith(FORBIDDEN):
            return
        self._seen.append(f"{event} {args!r}"[:200])

    def try_one(self, data: bytes) -> None:
        """Reads an input; raises whatever is not a proper refusal."""
        # Some file systems flush a file at once that is emptied and written anew.
        self._path.unlink(missing_ok=True)
        self._path.write_bytes(self.target.pack(data))
        self._seen.clear()
        self._reading = True
        started = time.process_time()
        try:
            self.target.read(self._path)
            self.outcomes["read"] += 1
        except self._refusal as error:
            self.outcomes["refused"] += 1
            assert str(error).isprintable(), repr(str(error))
        finally:
            self._reading = False
        assert time.process_time() - started < SECONDS, "too slow"
        assert not self._seen, self._seen
        if self.outcomes.total() % 10_000 == 0:
            print(dict(self.outcomes), flush=True)


def main() -> None:
    """Fuzzes one target for minutes of processor time; ends with 1 at input that breaks it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    import atheris

    target = TARGETS[options.target]
    with atheris.instrument_imports(include=list(target.modules)):
        import pixace.checkpoints.file
        import pixace.pictures.reading  # noqa: F401
    found = FOUND / options.target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        child = os.fork()  # libFuzzer ends its process without tidying up
        if not child:
            watched = Watched(options.target, Path(name))
            corpus = Path(name, "corpus")
            corpus.mkdir()
            for number, seed in enumerate(target.seeds()):
                (corpus / str(number)).write_bytes(seed[: target.largest])
            end = time.process_time() + options.minutes * 60

            def try_one(data: bytes) -> None:
                watched.try_one(data)
                if time.process_time() > end:  # libFuzzer itself knows no such limit
                    print(dict(watched.outcomes), flush=True)
                    os._exit(0)

            libfuzzer = [
                sys.argv[0],
                str(corpus),
                f"-max_len={target.largest}",
                f"-timeout={WAITING}",
                f"-report_slow_units={WAITING}",
                f"-rss_limit_mb={MEMORY_MB}",
                f"-artifact_prefix={found}/",
                "-verbosity=0",
            ]
            atheris.Setup(libfuzzer, try_one)
            atheris.Fuzz()
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
