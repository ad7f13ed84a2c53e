"""What does it cost to learn all orders of pixels, and what does it give for the lower half?

    python benchmarks/scans.py --images=emoji/train --val_images=emoji/val --folder=scans
                               [--steps=400] [--longer=2] [--n_pictures=100] [--particles=16]
                               [--out=scans.png]

Trains small models alike: by rows, with --scan=any for as many steps, and with --longer=2 also with
that for twice as many. The first table has what held-out pictures cost them, in bits per pixel: row
by row, and on an average of all orders. The second one has what they draw above the lower halves of
held-out pictures (--keep=bottom): by rows with particles and without, and by what knows any order,
which reads the half before it draws. Of each is told, per picture:

- what the model that comes with the package, which draws by rows, thinks of the kept half: its ln p
  in nats, given what was drawn above;
- the colour error across the border: mean distance in CIELAB of a drawn pixel and the kept one
  below it;
- the mean distance in CIELAB of drawn pixels and the true ones;
- the seconds that it took, all pictures together, without compiling.

The sheet shows the first pictures: true, kept, and a row for each way.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine
from PIL import Image

import pixace
from pixace.drawing.predictor import Predictor
from pixace.insight.likelihood import Scorer
from pixace.pictures.colour_error import lab
from pixace.pictures.folder import find_images
from pixace.settings.pictures import ANY
from pixace.tokens.codec import codec_of
from pixace.tokens.order import all_orders, order_of
from pixace.tokens.reading import tokens_of
from pixace.tokens.tiles import picture_of

JUDGE = "emoji"
MODEL = {
    **{"model_type": "pointer", "image_size": 16, "bitdepth": (4, 3, 3), "background": "white"},
    **{"d_model": 64, "d_ff": 192, "n_layers": 2, "n_heads": 4},
}
TRAINING = {"batch_size": 16, "n_epochs": 1, "seed": 0, "mirror": True, "schedule": "cosine"}
N_SHOWN, TIMES = 16, 4  # pictures of the sheet, and how often each of their pixels is repeated
PER_PASS = 50  # pictures measured at once
SEED = 0


def trained(name: str, options: argparse.Namespace, scan: str, n_steps: int) -> Predictor:
    """Returns a model, trained unless it is there."""
    if not (options.folder / name / "model.pkl.gz").exists():
        trainer = pixace.get_trainer(name, weights_dir=options.folder, scan=scan, **MODEL)
        trainer.train(
            images=options.images,
            val_images=options.val_images,
            steps_per_epoch=n_steps,
            warmup_steps=n_steps // 10,
            **TRAINING,
        )
    return pixace.get_predictor(name, weights_dir=options.folder)


class Measure:
    """ln p of pixels by a model, float64 (N, L)."""

    def __init__(self, predictor: Predictor) -> None:
        self._model = predictor._stored.build("eval", 1)
        self._scorer = Scorer(self._model)

    def __call__(self, tokens: np.ndarray, number: int | None = None) -> np.ndarray:
        """Measures pictures, int (N, L), whose order is told by its number, or need not be."""
        told = None if number is None else np.full((len(tokens), 1), number, np.int32)
        passes = self._scorer.pixel_nats(self._model.weights, tokens, PER_PASS, told)
        return -np.concatenate([*passes])[: len(tokens)]


def bits(predictor: Predictor, tokens: np.ndarray) -> tuple[float, float | None]:
    """Returns the bits per pixel row by row, and of all orders of a model that knows them."""
    measure = Measure(predictor)
    if predictor.config.scan != ANY:
        return float(-measure(tokens).mean() / np.log(2)), None
    orders = all_orders(predictor.config.pictures.shape)
    each = [float(-measure(tokens[:, order], n).mean()) for n, order in enumerate(orders)]
    return each[0] / np.log(2), float(np.mean(each) / np.log(2))


def drawn_above(
    predictor: Predictor, paths: Sequence[Path], **settings: Any
) -> tuple[np.ndarray, float]:
    """Returns pictures by their lower halves, int32 (N, L) in reading order; and the seconds."""
    plain: dict[str, Any] = {"prompts": list(paths), "keep": "bottom", "seed": SEED, **settings}
    predictor.draw(**plain)  # compiles
    start = time.perf_counter()
    drawing = predictor.draw(**plain)
    seconds = time.perf_counter() - start
    pictures = order_of(drawing.recipe.pictures).picture(drawing.tokens[0])
    return pictures.reshape(len(paths), -1), seconds


def main() -> None:
    """Trains, measures, draws, prints two tables and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of images to train on")
    parser.add_argument("--val_images", required=True, help="folder of held-out images")
    parser.add_argument("--folder", type=Path, required=True, help="of the trained models")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--longer", type=int, default=1, help="times as many, for one more model")
    parser.add_argument("--n_pictures", type=int, default=100)
    parser.add_argument("--particles", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("scans.png"))
    options = parser.parse_args()

    models = {
        "rows": trained("rows", options, "rows", options.steps),
        "any": trained("any", options, ANY, options.steps),
    }
    if options.longer > 1:
        name, n_steps = f"any, {options.longer} times the steps", options.longer * options.steps
        models[name] = trained(f"any-{options.longer}", options, ANY, n_steps)
    pictures = models["rows"].config.pictures
    paths = [Path(path) for path in find_images(options.val_images)]
    true = np.stack([tokens_of(path, pictures) for path in paths])
    print(f"{machine()}; {options.steps} steps, {len(true)} held-out pictures\n")
    print("| `--scan` | bits per pixel, by rows | by all orders |")
    print("| --- | ---: | ---: |")
    for name, predictor in models.items():
        by_rows, by_all = bits(predictor, true)
        print(f"| {name} | {by_rows:.3f} | {'' if by_all is None else f'{by_all:.3f}'} |")

    paths, true = paths[: options.n_pictures], true[: options.n_pictures]
    ways = {
        "rows, 1 particle": (models["rows"], {"particles": 1}),
        f"rows, {options.particles} particles": (models["rows"], {"particles": options.particles}),
        **{name: (model, {}) for name, model in models.items() if name != "rows"},
    }
    drawn = {name: drawn_above(way[0], paths, **way[1]) for name, way in ways.items()}
    print(f"\n{len(true)} pictures\n")
    print("| upper half by | ln p of the kept half | error at the border | from the true | s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    judge, half = Measure(pixace.get_predictor(JUDGE)), pictures.n_pixels // 2
    colours = lab(codec_of(pictures).colours()[:, :3])
    for name, (tokens, seconds) in {**drawn, "(the true picture)": (true, None)}.items():
        told = judge(tokens)[:, half:].sum(axis=1).mean()
        grid = colours[tokens].reshape(-1, *pictures.shape, 3)
        edge = grid.shape[1] // 2
        error = np.linalg.norm(grid[:, edge - 1] - grid[:, edge], axis=-1).mean()
        far = np.linalg.norm(colours[tokens] - colours[true], axis=-1)[:, :half].mean()
        took = "" if seconds is None else f"{seconds:.1f}"
        print(f"| {name} | {told:.1f} | {error:.2f} | {far:.1f} | {took} |")
    rows = [
        true,
        np.where(np.arange(2 * half) < half, 0, true),
        *(each for each, _ in drawn.values()),
    ]
    sheet = np.vstack(
        [
            np.hstack([np.asarray(picture_of(row, pictures)) for row in some[:N_SHOWN]])
            for some in rows
        ]
    )
    Image.fromarray(np.kron(sheet, np.ones((TIMES, TIMES, 1), np.uint8))).save(options.out)


if __name__ == "__main__":
    main()
