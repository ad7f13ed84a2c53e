"""Is training ever kept waiting for images? And what does a big folder cost?

    python benchmarks/pipeline.py [--images=FOLDER] [--n_jpegs=200] [--edge=256]

measures the input pipeline cold (every file read, decoded, quantised), and cached (batches from
memory), beside the time of a training step of the default model's smallest sensible relatives.
Without --images a folder of JPEG pictures is painted first.

    python benchmarks/pipeline.py --n_images 1000 60000

measures instead how long it takes, and how much memory, to the first batch of so many small PNG
files, with their tokens in memory or on disk. Linux only.

    python benchmarks/pipeline.py --photos 640x480 1600x1200 4000x3000

measures instead what it takes to scale JPEG pictures of these sizes, beside Pillow, which decodes
every pixel of them; and by how much the scaled pictures differ.

    python benchmarks/pipeline.py --colours hsv:5,4,4 palette:auto:64 palette:auto:256
                                  [--images=FOLDER]

measures instead how long each of several codecs takes to make tokens of pictures, of which it knows
no colour before, beside the first one, and to read the files besides.

Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import platform
import re
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from PIL import Image, ImageDraw

from pixace.backend.door import jax
from pixace.dataset.batches import training_batches
from pixace.dataset.palette_finding import settled_colours
from pixace.dataset.reading import load_images
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_fitted
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import pixels_of
from pixace.training.learner import Learner

SMALL_EDGE = 40  # of the PNG files: a little more than the 32 pixels they become
MEASURED_SECONDS = 3.0
PHOTOS = 5
CODEC_ROUNDS = 5
CHUNK_PIXELS = 2**14  # quantised together, as when a folder is read


def paint_photos(
    folder: Path, n_images: int, size: tuple[int, int], progressive: bool = False
) -> None:
    """Writes photo-like JPEG files: smooth colours, discs with hard edges, and some noise."""
    rng = np.random.default_rng(0)
    for index in range(n_images):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        smooth = coarse.resize(size)
        pen = ImageDraw.Draw(smooth)
        for _ in range(12):
            place, radius = rng.integers(0, size), int(rng.integers(1, max(2, min(size) // 4)))
            pen.circle(place.tolist(), radius, tuple(rng.integers(0, 256, 3).tolist()))
        noisy = np.clip(smooth + rng.normal(0, 6, (size[1], size[0], 3)), 0, 255)
        path = folder / f"{index:05d}.jpg"
        Image.fromarray(noisy.astype(np.uint8)).save(path, quality=90, progressive=progressive)


def paint_icons(folder: Path, n_images: int) -> None:
    """Writes small PNG files of noise."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for index in range(n_images):
        pixels = rng.integers(0, 256, (SMALL_EDGE, SMALL_EDGE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:07d}.png", compress_level=1)


def cold(folder: Path, config: ModelConfig) -> tuple[np.ndarray, float]:
    """Returns the tokens and the images per second of reading a folder."""
    start = time.perf_counter()
    tokens = load_images(folder, config).tokens
    return tokens, len(tokens) / (time.perf_counter() - start)


def cached(tokens: np.ndarray, batch_size: int) -> float:
    """Returns the images per second of the stream of batches."""
    stream = training_batches(tokens, batch_size, seed=0)
    next(stream)
    start, n_batches = time.perf_counter(), 0
    while time.perf_counter() - start < MEASURED_SECONDS:
        next(stream)
        n_batches += 1
    return n_batches * batch_size / (time.perf_counter() - start)


def training(tokens: np.ndarray, config: ModelConfig, batch_size: int, n_steps: int) -> float:
    """Returns the images per second of training steps, compilation left out."""
    settings = TrainingSettings(batch_size=batch_size)
    loop = Learner(config, settings, 0, training_batches(tokens, batch_size, seed=0))
    loop.advance()
    jax.block_until_ready(loop.loss)
    start = time.perf_counter()
    for _ in range(n_steps):
        loop.advance()
    jax.block_until_ready(loop.loss)
    return n_steps * batch_size / (time.perf_counter() - start)


def compare_with_training(images: Path | None, n_jpegs: int, edge: int) -> None:
    """Prints the table of the pipeline beside training steps."""
    small = {"model_type": "transformer", "n_layers": 2, "d_model": 64, "d_ff": 128, "n_heads": 2}
    cases = [
        ("16x16, 4,3,3, smallest", ModelConfig(image_size=16, bitdepth=(4, 3, 3), **small), 20),
        ("32x32, 5,4,4, smallest", ModelConfig(**small), 3),
    ]
    print(f"{platform.machine()}, {jax.devices()[0].platform}, JAX {jax.__version__}\n")
    print(
        "| tokens | cold, images/s | cached, images/s | training step, images/s | cached / step |"
    )
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as painted:
        if images is None:
            paint_photos(Path(painted), n_jpegs, (edge, edge))
        folder = images or Path(painted)
        for name, config, n_steps in cases:
            tokens, cold_speed = cold(folder, config)
            cached_speed = cached(tokens, batch_size=16)
            step_speed = training(tokens, config, batch_size=16, n_steps=n_steps)
            print(
                f"| {name} | {cold_speed:.0f} | {cached_speed:.0f} | {step_speed:.1f} | "
                f"{cached_speed / step_speed:.0f} |"
            )


def paint_pages(folder: Path, n_images: int, size: tuple[int, int]) -> None:
    """Writes JPEG files of black strokes on white, as scanned pages are."""
    rng = np.random.default_rng(0)
    for index in range(n_images):
        page = Image.new("RGB", size, "white")
        pen = ImageDraw.Draw(page)
        for top in range(20, size[1] - 20, 24):
            for left in range(20, size[0] - 20, 9):
                ends = rng.integers([left, top], [left + 9, top + 14], (2, 2))
                pen.line(ends.ravel().tolist(), "black", 2)
        page.save(folder / f"{index:05d}.jpg", quality=75)


def compare_with_all_pixels(sizes: list[str]) -> None:
    """Prints the table of scaled JPEG pictures beside Pillow's, who decodes all their pixels."""
    config = ModelConfig()
    edge = config.image_size
    print(f"Pillow {PIL.__version__}; {PHOTOS} pictures of each kind, scaled to {edge}x{edge}\n")
    print(
        "| picture | all pixels, ms | pixace, ms | times less | most levels of 255 | "
        "mean levels | other tokens |"
    )
    print("| --- |" + " ---: |" * 6)
    for size in sizes:
        for kind, paint in (
            ("photograph", paint_photos),
            ("photograph, progressive", functools.partial(paint_photos, progressive=True)),
            ("page of strokes", paint_pages),
        ):
            with tempfile.TemporaryDirectory() as painted:
                paint(Path(painted), PHOTOS, tuple(map(int, size.split("x"))))
                times, scaled = [], []
                for read in (
                    lambda path: Image.open(path).convert("RGB").resize((edge, edge)),
                    lambda path: open_fitted(path, config.pictures),
                ):
                    paths = find_images(painted)
                    read(paths[0])
                    start = time.process_time()
                    pictures = [read(path) for path in paths]
                    times.append(1000 * (time.process_time() - start) / PHOTOS)
                    scaled.append(np.array([np.asarray(img) for img in pictures]))
            levels = np.abs(np.subtract(*scaled, dtype=np.int16))
            plain, ours = map(codec_of(config.pictures).encode, scaled)
            print(
                f"| {size}, {kind} | {times[0]:.1f} | {times[1]:.1f} | "
                f"{times[0] / times[1]:.1f} | {levels.max()} | {levels.mean():.2f} | "
                f"{100 * (plain != ours).mean():.1f} % |",
                flush=True,
            )


def compare_codecs(images: Path | None, n_jpegs: int, edge: int, names: list[str]) -> None:
    """Prints the table of codecs, all of which take turns; the processor's time counts."""
    with tempfile.TemporaryDirectory() as painted:
        if images is None:
            paint_photos(Path(painted), n_jpegs, (edge, edge))
        folder = images or Path(painted)
        paths = find_images(folder)
        config = ModelConfig()
        pixels = np.stack([pixels_of(path, config.pictures) for path in paths])
        chunks = np.array_split(pixels, max(1, pixels.size // 3 // CHUNK_PIXELS))
        configs = []
        for name in names:
            colours = settled_colours(name, paths, config.pictures)
            configs.append(ModelConfig(colours=colours))
        times = np.array(
            [
                [codec_seconds(folder, config, chunks) for config in configs]
                for _ in range(CODEC_ROUNDS)
            ]
        )
    colours = np.unique(pixels.reshape(-1, 3) @ [1 << 16, 1 << 8, 1])
    print(f"{len(pixels)} pictures of {len(colours)} colours\n")
    print("| colours | tokens | ns per pixel | times the first | with reading | times the first |")
    print("| --- |" + " ---: |" * 5)
    ratios = np.median(times / times[:, :1], axis=0)
    seconds = np.median(times, axis=0) / (pixels.size / 3) * 1e9
    for name, config, (alone, read), (slower, slower_read) in zip(
        names, configs, seconds, ratios, strict=True
    ):
        print(
            f"| `{name}` | {codec_of(config.pictures).n_tokens} | {alone:.0f} | {slower:.2f} | "
            f"{read:.0f} | {slower_read:.2f} |"
        )


def codec_seconds(
    folder: Path, config: ModelConfig, chunks: list[np.ndarray]
) -> tuple[float, float]:
    """Returns the processor's seconds to encode pixels, and to read a folder and encode it."""
    codec_of.cache_clear()  # the next one knows no colour of these pictures
    codec = codec_of(config.pictures)
    times = [time.process_time()]
    for chunk in chunks:
        codec.encode(chunk)
    times.append(time.process_time())
    codec_of.cache_clear()
    times.append(time.process_time())
    load_images(folder, config)
    times.append(time.process_time())
    return times[1] - times[0], times[3] - times[2]


class Start(NamedTuple):
    """What it took to get from a folder to the first batch.

    Attributes:
      listing: seconds to find the files.
      loading: seconds from the folder's name to the tokens, with another listing.
      first_batch: seconds from the tokens to the first batch.
      processor: seconds of all processors for the last two.
      peak: bytes of memory more than before, at the worst moment.
      own: bytes of memory more than before after some seconds of batches.
      speed: images per second of the batches after the first.
    """

    listing: float
    loading: float
    first_batch: float
    processor: float
    peak: int
    own: int
    speed: float


def memory(field: str) -> int:
    """Returns a figure of this process's memory in bytes, as /proc/self/status names it."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1])


def measure_start(folder: Path, warm_up: Path, cache_dir: Path | None) -> Start:
    """Measures in a process of its own, after a few images from another folder."""
    config = ModelConfig()
    cached(load_images(warm_up, config).tokens, batch_size=16)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = {field: memory(field) for field in ("VmHWM", "RssAnon")}
    times = [time.perf_counter()]
    find_images(folder)
    times.append(time.perf_counter())
    processor = time.process_time()
    tokens = load_images(folder, config, cache_dir=cache_dir).tokens
    times.append(time.perf_counter())
    next(training_batches(tokens, 16, seed=0))
    times.append(time.perf_counter())
    processor = time.process_time() - processor
    peak = memory("VmHWM") - before["VmHWM"]
    speed = cached(tokens, batch_size=16)
    own = memory("RssAnon") - before["RssAnon"]
    return Start(*np.diff(times), processor, peak, own, speed)


def compare_sizes(sizes: list[int]) -> None:
    """Prints the table of folders of several sizes."""
    print(
        "| images | tokens | listing, s | loading, s | first batch, s | per image, ms | "
        "processor, ms | peak, MB | own, MB | then, images/s |"
    )
    print("| --- |" + " ---: |" * 9)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        paint_icons(top / "warm-up", 300)
        for size in sizes:
            folder, cache_dir = top / f"{size}", top / "cache"
            paint_icons(folder, size)
            for label, where in (
                ("in memory", None),
                ("to disk, first time", cache_dir),
                ("from disk", cache_dir),
            ):
                spawn = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(1, mp_context=spawn) as process:
                    task = process.submit(measure_start, folder, top / "warm-up", where)
                    start = task.result()
                whole = start.loading + start.first_batch
                print(
                    f"| {size} | {label} | {start.listing:.2f} | {start.loading:.2f} | "
                    f"{start.first_batch:.2f} | {1000 * whole / size:.3f} | "
                    f"{1000 * start.processor / size:.3f} | "
                    f"{start.peak / 1e6:.1f} | {start.own / 1e6:.1f} | "
                    f"{start.speed:.0f} |",
                    flush=True,
                )


def main() -> None:
    """Measures and prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path)
    parser.add_argument("--n_jpegs", type=int, default=200)
    parser.add_argument("--edge", type=int, default=256)
    parser.add_argument("--n_images", type=int, nargs="+")
    parser.add_argument("--photos", nargs="+")
    parser.add_argument("--colours", nargs="+")
    arguments = parser.parse_args()
    if arguments.n_images:
        compare_sizes(arguments.n_images)
    elif arguments.colours:
        compare_codecs(arguments.images, arguments.n_jpegs, arguments.edge, arguments.colours)
    elif arguments.photos:
        compare_with_all_pixels(arguments.photos)
    else:
        compare_with_training(arguments.images, arguments.n_jpegs, arguments.edge)


if __name__ == "__main__":
    main()
