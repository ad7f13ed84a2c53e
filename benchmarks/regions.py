"""Do particles fill a hole better than drawing on without looking ahead?

    python benchmarks/regions.py --images=emoji/val [--model_name=emoji] [--n_images=100]
                                 [--particles=16] [--edge=8] [--out=regions.png]

Of so many held-out pictures a square in the middle is drawn anew: with particles, with one, and as
the best of as many free drawings, by ln p of the whole picture. Of each way is told, per picture:

- ln p, in nats, of the known pixels after the hole's first one, given what was drawn before them:
  what does the rest of the picture think of what is in the hole?
- the colour error across the hole's border: mean distance in CIELAB between a pixel of the hole and
  its neighbour outside, where one of the true picture's is told beside it;
- how much of the hole has the colour that most of the picture's border has: a blank hole is likely.

Prints a Markdown table. The sheet shows the first pictures: true, hole, and the three ways.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import machine
from PIL import Image

import pixace
from pixace.drawing.predictor import Predictor
from pixace.pictures.colour_error import lab
from pixace.pictures.folder import find_images
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import tokens_of
from pixace.tokens.tiles import picture_of

N_SHOWN, TIMES = 16, 4  # pictures of the sheet, and how often each of their pixels is repeated
SEED = 0


def hole_of(shape: tuple[int, int], edge: int) -> np.ndarray:
    """Returns where the hole in the middle of a picture is, bool (H, W)."""
    hole = np.zeros(shape, bool)
    top, left = (shape[0] - edge) // 2, (shape[1] - edge) // 2
    hole[top : top + edge, left : left + edge] = True
    return hole


def border_error(colours: np.ndarray, hole: np.ndarray) -> float:
    """Returns the mean distance of neighbours of which one is in the hole; CIELAB (H, W, 3)."""
    distances = []
    for axis in (0, 1):
        is_border = np.diff(hole.astype(int), axis=axis) != 0
        distances.append(np.linalg.norm(np.diff(colours, axis=axis), axis=-1)[is_border])
    return float(np.concatenate(distances).mean())


def blank_share(tokens: np.ndarray, hole: np.ndarray) -> float:
    """Returns how much of the hole has the commonest token around it; int (H, W)."""
    around = np.zeros_like(hole)
    for axis in (0, 1):
        for step in (-1, 1):
            around |= np.roll(hole, step, axis)
    values, counts = np.unique(tokens[around & ~hole], return_counts=True)
    return float((tokens[hole] == values[counts.argmax()]).mean())


def draw(
    predictor: Predictor, paths: Sequence[Path], mask: Image.Image, n_particles: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns what each way draws, int32 (N, L), and ln p of what is known after it, (N,)."""
    plain = {"prompts": paths, "mask": mask, "seed": SEED}
    several = predictor.draw(**plain, particles=n_particles)
    free = [
        predictor.draw(**{**plain, "seed": SEED + number}, particles=1)
        for number in range(n_particles)
    ]
    whole = np.stack([drawing.log_likelihood + drawing.kept_log_likelihood for drawing in free])
    likeliest = whole[:, :, 0].argmax(axis=0)
    each = np.arange(len(paths))
    tokens = np.stack([drawing.tokens[0] for drawing in free])[likeliest, each]
    nats = np.stack([drawing.kept_log_likelihood[:, 0] for drawing in free])[likeliest, each]
    return {
        f"{n_particles} particles": (several.tokens[0], several.kept_log_likelihood[:, 0]),
        "1 particle": (free[0].tokens[0], free[0].kept_log_likelihood[:, 0]),
        f"best of {n_particles} free drawings": (tokens, nats),
    }


def main() -> None:
    """Draws, prints a table and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of held-out images")
    parser.add_argument("--model_name", default="emoji")
    parser.add_argument("--weights_dir", default="model-weights")
    parser.add_argument("--n_images", type=int, default=100)
    parser.add_argument("--particles", type=int, default=16)
    parser.add_argument("--edge", type=int, default=8, help="of the hole")
    parser.add_argument("--out", type=Path, default=Path("regions.png"))
    options = parser.parse_args()

    predictor = pixace.get_predictor(options.model_name, weights_dir=options.weights_dir)
    pictures = predictor.config.pictures
    hole = hole_of(pictures.shape, options.edge)
    paths = [Path(path) for path in find_images(options.images)][: options.n_images]
    true = np.stack([tokens_of(path, pictures) for path in paths])
    mask = Image.fromarray(np.uint8(hole) * 255)
    drawn = draw(predictor, paths, mask, options.particles)

    colours = lab(codec_of(pictures).colours()[:, :3])
    n_known = int((~hole).ravel()[int(hole.ravel().argmax()) :].sum())
    print(f"{machine()}; {options.model_name}, {len(paths)} pictures, {n_known} known pixels\n")
    print("| the hole is drawn with | ln p of known pixels | error at the border | blank |")
    print("| --- | ---: | ---: | ---: |")
    for name, (tokens, nats) in {**drawn, "(the true picture)": (true, None)}.items():
        grids = tokens.reshape(-1, *pictures.shape)
        errors = [border_error(colours[grid], hole) for grid in grids]
        blank = np.mean([blank_share(grid, hole) for grid in grids])
        told = "" if nats is None else f"{nats.mean():.1f}"
        print(f"| {name} | {told} | {np.mean(errors):.2f} | {blank:.0%} |")
    rows = [true, np.where(hole.ravel(), 0, true), *(tokens for tokens, _ in drawn.values())]
    sheet = np.vstack(
        [
            np.hstack([np.asarray(picture_of(row, pictures)) for row in some[:N_SHOWN]])
            for some in rows
        ]
    )
    sheet = np.kron(sheet, np.ones((TIMES, TIMES, 1), np.uint8))
    Image.fromarray(sheet).save(options.out)


if __name__ == "__main__":
    main()
