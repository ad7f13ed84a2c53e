"""Textures made of nothing but code, which repeat without seams: walls, planks, grass and water.

Each is laid out as an artist would: walls begin with a whole brick in a corner.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

EDGE = 12
# From dark to light.
COLOURS = {
    "grass": ("1a3a1a", "2f5d2a", "4a7f3a", "74a84a"),
    "stone": ("33363d", "555a64", "7a808c", "a5abb5"),
    "brick": ("3a1a14", "7a3324", "a04a34", "c46a4c"),
    "sand": ("8a6a3a", "b08a50", "d0ac6c", "ecd090"),
    "water": ("14305a", "1f4a86", "3470b4", "6aa4dc"),
    "wood": ("3a2412", "5f3d1f", "84592f", "a87a48"),
}
PALETTE = tuple(colour for colours in COLOURS.values() for colour in colours)


def make_textures(folder: Path, count: int, seed: int) -> None:
    """Writes so many textures into a new folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        name = [*COLOURS][number % len(COLOURS)]
        kinds = _KINDS[name]
        levels = kinds[rng.integers(len(kinds))](rng)
        colours = np.array([[*bytes.fromhex(colour)] for colour in COLOURS[name]], np.uint8)
        Image.fromarray(colours[levels]).save(folder / f"{name}-{number:05d}.png")


def _clouds(rng: np.random.Generator) -> np.ndarray:
    """Noise of which the low frequencies are the strongest."""
    frequencies = np.fft.fftfreq(EDGE) * EDGE
    distance = np.hypot(*np.meshgrid(frequencies, frequencies))
    distance[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.normal(size=(EDGE, EDGE))) / distance ** rng.uniform(1, 2)
    noise = np.real(np.fft.ifft2(spectrum))
    return np.digitize(noise / noise.std(), [-0.8, 0, 0.8])


def _stones(rng: np.random.Generator) -> np.ndarray:
    """Cells around random points, dark where two of them meet."""
    rows, columns = np.mgrid[:EDGE, :EDGE]
    distances = []
    for row, column in rng.uniform(0, EDGE, (rng.integers(5, 9), 2)):
        across = [(one + EDGE / 2) % EDGE - EDGE / 2 for one in (rows - row, columns - column)]
        distances.append(np.hypot(*across))
    nearest, second = np.sort(distances, axis=0)[:2]
    return np.digitize(second - nearest, [0.9, 2.2, 4])


def _bricks(rng: np.random.Generator) -> np.ndarray:
    """Layers of bricks, every other one shifted by half a brick."""
    height, width = int(rng.choice([3, 6])), int(rng.choice([6, 12]))
    rows, columns = np.mgrid[:EDGE, :EDGE]
    layer, along = rows // height, columns + rows // height % 2 * (width // 2)
    number = layer * EDGE + along % EDGE // width
    levels = np.where(rng.random(EDGE * EDGE)[number] < 0.3, 3, 2)
    levels[rows % height == height - 1] = 1
    levels[(along % width == 0) | (rows % height == 0)] = 0
    return levels


def _planks(rng: np.random.Generator) -> np.ndarray:
    """Boards side by side, each with one end somewhere."""
    width = int(rng.choice([4, 6]))
    rows, columns = np.mgrid[:EDGE, :EDGE]
    board = columns // width
    levels = 1 + (rng.random(EDGE)[board] < 0.5)
    levels += rng.random((EDGE, EDGE)) < 0.06
    levels[(columns % width == 0) | (rows == rng.integers(0, EDGE, EDGE)[board])] = 0
    return levels


def _waves(rng: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[:EDGE, :EDGE] * 2 * np.pi / EDGE
    bent = rng.uniform(0.3, 1.2) * np.sin(rng.integers(1, 3) * columns + rng.uniform(0, 6))
    return np.digitize(np.sin(rng.integers(1, 4) * rows + bent), [-0.6, 0.1, 0.75])


_KINDS: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], ...]] = {
    "grass": (_clouds,),
    "stone": (_stones, _bricks),
    "brick": (_bricks,),
    "sand": (_waves, _clouds),
    "water": (_waves, _clouds),
    "wood": (_planks,),
}
