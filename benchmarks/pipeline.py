"""Is training ever kept waiting for images?

Measures the input pipeline cold (every file read, decoded, quantised), and cached (batches from
memory), beside the time of a training step of the default model's smallest sensible relatives.

    python benchmarks/pipeline.py [--images=FOLDER] [--n_images=2000] [--edge=256]

Without --images a folder of JPEG pictures is painted first. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.config import ModelConfig, TrainingSettings
from pixace.data import load_images, training_batches
from pixace.loop import build_loop
from pixace.trax_compat import jax


def paint(folder: Path, n_images: int, edge: int) -> None:
    """Writes photo-like JPEG files: smooth colours with some noise."""
    rng = np.random.default_rng(0)
    for index in range(n_images):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        smooth = np.asarray(coarse.resize((edge, edge)), np.int16)
        noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255)
        Image.fromarray(noisy.astype(np.uint8)).save(folder / f"{index:05d}.jpg", quality=90)


def cold(folder: Path, config: ModelConfig) -> tuple[np.ndarray, float]:
    """Returns the tokens and the images per second of reading a folder."""
    start = time.perf_counter()
    tokens = load_images(folder, config).tokens
    return tokens, len(tokens) / (time.perf_counter() - start)


def cached(tokens: np.ndarray, batch_size: int, seconds: float = 3.0) -> float:
    """Returns the images per second of the stream of batches."""
    stream = training_batches(tokens, batch_size, seed=0)
    next(stream)
    start, n_batches = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(stream)
        n_batches += 1
    return n_batches * batch_size / (time.perf_counter() - start)


def training(tokens: np.ndarray, config: ModelConfig, batch_size: int, n_steps: int) -> float:
    """Returns the images per second of training steps, compilation left out."""
    settings = TrainingSettings(batch_size=batch_size)
    loop = build_loop(config, settings, 0, training_batches(tokens, batch_size, seed=0))
    loop.run(1)
    jax.block_until_ready(loop.loss)
    start = time.perf_counter()
    loop.run(n_steps)
    jax.block_until_ready(loop.loss)
    return n_steps * batch_size / (time.perf_counter() - start)


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path)
    parser.add_argument("--n_images", type=int, default=2000)
    parser.add_argument("--edge", type=int, default=256)
    arguments = parser.parse_args()
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
        if arguments.images is None:
            paint(Path(painted), arguments.n_images, arguments.edge)
        folder = arguments.images or Path(painted)
        for name, config, n_steps in cases:
            tokens, cold_speed = cold(folder, config)
            cached_speed = cached(tokens, batch_size=16)
            step_speed = training(tokens, config, batch_size=16, n_steps=n_steps)
            print(
                f"| {name} | {cold_speed:.0f} | {cached_speed:.0f} | {step_speed:.1f} | "
                f"{cached_speed / step_speed:.0f} |"
            )


if __name__ == "__main__":
    main()
