"""Textures made of nothing but code, which repeat without seams: walls, planks, grass and water.

Each is laid out as an artist would: walls begin with a whole brick in a corner. Or it is cut out of
a larger one, and has seams where it is repeated.
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


def make_textures(folder: Path, count: int, seed: int, is_cut: bool = False) -> None:
    """Writes so many textures into a new folder.

    Args:
      folder: of a PNG each.
      count: how many.
      seed: of all that is random in them.
      is_cut: whether they are cut out of larger ones, and do not meet at their sides.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        name = [*COLOURS][number % len(COLOURS)]
        kinds = _KINDS[name]
        levels = kinds[rng.integers(len(kinds))](rng, 2 * EDGE if is_cut else EDGE)
        if is_cut:
            top, left = rng.integers(0, EDGE, 2)
            levels = levels[top : top + EDGE, left : left + EDGE]
        colours = np.array([[*bytes.fromhex(colour)] for colour in COLOURS[name]], np.uint8)
        Image.fromarray(colours[levels]).save(folder / f"{name}-{number:05d}.png")


def _clouds(rng: np.random.Generator, edge: int) -> np.ndarray:
    """Noise of which the low frequencies are the strongest."""
    frequencies = np.fft.fftfreq(edge) * edge
    distance = np.hypot(*np.meshgrid(frequencies, frequencies))
    distance[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.normal(size=(edge, edge))) / distance ** rng.uniform(1, 2)
    noise = np.real(np.fft.ifft2(spectrum))
    return np.digitize(noise / noise.std(), [-0.8, 0, 0.8])


def _stones(rng: np.random.Generator, edge: int) -> np.ndarray:
    """Cells around random points, dark where two of them meet."""
    rows, columns = np.mgrid[:edge, :edge]
    distances = []
    for row, column in rng.uniform(0, edge, (rng.integers(5, 9), 2)):
        across = [(one + edge / 2) % edge - edge / 2 for one in (rows - row, columns - column)]
        distances.append(np.hypot(*across))
    nearest, second = np.sort(distances, axis=0)[:2]
    return np.digitize(second - nearest, [0.9, 2.2, 4])


def _bricks(rng: np.random.Generator, edge: int) -> np.ndarray:
    """Layers of bricks, every other one shifted by half a brick."""
    height, width = int(rng.choice([3, 6])), int(rng.choice([6, 12]))
    rows, columns = np.mgrid[:edge, :edge]
    layer, along = rows // height, columns + rows // height % 2 * (width // 2)
    number = layer * edge + along % edge // width
    levels = np.where(rng.random(edge * edge)[number] < 0.3, 3, 2)
    levels[rows % height == height - 1] = 1
    levels[(along % width == 0) | (rows % height == 0)] = 0
    return levels


def _planks(rng: np.random.Generator, edge: int) -> np.ndarray:
    """Boards side by side, each with one end somewhere."""
    width = int(rng.choice([4, 6]))
    rows, columns = np.mgrid[:edge, :edge]
    board = columns // width
    levels = 1 + (rng.random(edge)[board] < 0.5)
    levels += rng.random((edge, edge)) < 0.06
    levels[(columns % width == 0) | (rows == rng.integers(0, edge, edge)[board])] = 0
    return levels


def _waves(rng: np.random.Generator, edge: int) -> np.ndarray:
    rows, columns = np.mgrid[:edge, :edge] * 2 * np.pi / edge
    bent = rng.uniform(0.3, 1.2) * np.sin(rng.integers(1, 3) * columns + rng.uniform(0, 6))
    return np.digitize(np.sin(rng.integers(1, 4) * rows + bent), [-0.6, 0.1, 0.75])


_KINDS: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], ...]] = {
    "grass": (_clouds,),
    "stone": (_stones, _bricks),
    "brick": (_bricks,),
    "sand": (_waves, _clouds),
    "water": (_waves, _clouds),
    "wood": (_planks,),
}
