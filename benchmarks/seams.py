"""Do textures drawn with --tile have seams?

    python benchmarks/seams.py --folder=seams [--cut] [--steps=1200] [--n_pictures=50]
                               [--best_of=16] [--out=tiles.png]

Trains two small models on textures (`textures.py`), one of them with --roll, and draws with each.
With --cut, the textures are parts of larger ones, and have seams themselves.
Of the candidates of each picture are taken: the first; the likeliest of all when they are rolled by
half; and what --tile takes. What they are worth is told by the model trained with --roll:

- the surprise, in bits per pixel, of the first pixels behind the seam in the rolled pictures, that
  of the pixels elsewhere, but for the first row and column, and the ratio of the two;
- the step in colour across the seam, mean distance in CIELAB of neighbours, and that elsewhere;
- the bits per pixel of the pictures as they were drawn: dull ones have few.

Prints a Markdown table. The sheet shows pictures three times across and down: above the first
candidates, below what --tile takes.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measuring import machine
from PIL import Image
from textures import EDGE, PALETTE, make_textures

import pixace
from pixace.drawing.predictor import Predictor
from pixace.insight.likelihood import Scorer
from pixace.pictures.colour_error import lab
from pixace.pictures.folder import find_images
from pixace.settings.drawing import DrawingSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import tokens_of
from pixace.tokens.tiles import picture_of

MODEL = {
    "model_type": "transformer",
    "image_size": EDGE,
    "positions": "grid",
    **{"d_model": 64, "d_ff": 192, "n_layers": 2, "n_heads": 4},
}
TRAINING = {
    **{"batch_size": 16, "optimizer": "muon", "learning_rate": 0.02, "warmup_steps": 30},
    **{"schedule": "cosine", "dropout": 0.0, "n_epochs": 3},
}
N_TRAIN, N_VAL = 1800, 96
SEED = 0
ACROSS, DOWN, TIMES, GAP = 10, 2, 2, 4  # of each half of the sheet


class Candidates(NamedTuple):
    """What was drawn: N pictures, K candidates of each.

    Attributes:
      tokens: int32 (N, K, L).
      taken: int32 (N, L), what --tile takes of them.
    """

    tokens: np.ndarray
    taken: np.ndarray


class Judge:
    """Tells what pictures are worth, by a model."""

    def __init__(self, predictor: Predictor) -> None:
        self._pictures = predictor.config.pictures
        self._model = predictor._stored.build("eval", 1)
        self._scorer = Scorer(self._model)
        self._colours = lab(codec_of(self._pictures).colours()[:, :3])
        self.seam = np.zeros((EDGE, EDGE), bool)
        self.seam[EDGE // 2] = self.seam[:, EDGE // 2] = True

    def nats(self, tokens: np.ndarray, shift: int = EDGE // 2) -> np.ndarray:
        """Returns -ln p of each pixel of shifted pictures, int (N, L); float64 (N, H, W)."""
        grids = tokens.reshape(-1, EDGE, EDGE)
        rolled = np.roll(grids, (shift, shift), (1, 2)).reshape(tokens.shape)
        batches = self._scorer.pixel_nats(self._model.weights, rolled, 16)
        return np.concatenate([*batches]).reshape(grids.shape)

    def steps(self, tokens: np.ndarray) -> tuple[float, float]:
        """Returns the mean step in colour across the seam, and elsewhere."""
        colours = self._colours[tokens.reshape(-1, EDGE, EDGE)]
        across = []
        for axis in (1, 2):
            distances = np.linalg.norm(colours - np.roll(colours, 1, axis), axis=-1)
            across.append(np.moveaxis(distances, axis, 0))
        return tuple(np.mean([each[part].mean() for each in across]) for part in (0, np.s_[1:]))

    def row(self, name: str, tokens: np.ndarray) -> str:
        """Returns a row of the table, of pictures int (N, L)."""
        nats = self.nats(tokens) / math.log(2)
        inner = ~self.seam
        inner[0] = inner[:, 0] = False
        seam, rest = nats[:, self.seam].mean(), nats[:, inner].mean()
        at_seam, elsewhere = self.steps(tokens)
        own = self.nats(tokens, 0).mean() / math.log(2)
        return (
            f"| {name} | {seam:.2f} | {rest:.2f} | {seam / rest:.2f} | {at_seam:.1f} | "
            f"{elsewhere:.1f} | {own:.2f} |"
        )


def trained(name: str, folder: Path, n_steps: int) -> Predictor:
    """Returns a model of textures; trains it if it is not there."""
    if not (folder / name).exists():
        palette = folder / "textures.hex"
        palette.write_text("\n".join(PALETTE))
        colours = f"palette:{palette}"
        trainer = pixace.get_trainer(name, weights_dir=folder, colours=colours, **MODEL)
        trainer.train(
            images=str(folder / "train"),
            val_images=str(folder / "val"),
            steps_per_epoch=n_steps // TRAINING["n_epochs"],
            roll=name == "rolled",
            **TRAINING,
        )
    return pixace.get_predictor(name, weights_dir=folder)


def drawn(predictor: Predictor, n_pictures: int, best_of: int) -> Candidates:
    """Draws with --tile=xy."""
    tokens = np.zeros((n_pictures, best_of, EDGE * EDGE), np.int32)
    settings = DrawingSettings(batch_size=n_pictures, best_of=best_of, tile="xy", seed=SEED)
    for step in predictor.stream(settings):
        if step.tokens.shape[1] == EDGE * EDGE:
            rows, _, candidates = step.places.T
            tokens[rows, candidates] = step.tokens
    assert step.drawing is not None
    return Candidates(tokens, step.drawing.tokens[0])


def sheet(predictor: Predictor, halves: list[np.ndarray]) -> Image.Image:
    """Returns rows of pictures, int (N, L), each repeated three times across and down."""
    lines, pictures = [], predictor.config.pictures
    for tokens in halves:
        tiles = [
            np.kron(np.tile(picture_of(row, pictures), (3, 3, 1)), np.ones((TIMES, TIMES, 1)))
            for row in tokens[: ACROSS * DOWN]
        ]
        padded = [np.pad(t, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for t in tiles]
        lines += [np.hstack(padded[at : at + ACROSS]) for at in range(0, len(padded), ACROSS)]
        lines.append(np.full((2 * GAP, lines[0].shape[1], 3), 255))
    return Image.fromarray(np.uint8(np.vstack(lines[:-1])))


def main() -> None:
    """Trains, draws, prints a table and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="of textures and models")
    parser.add_argument("--cut", action="store_true", help="textures with seams of their own")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--n_pictures", type=int, default=50)
    parser.add_argument("--best_of", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("tiles.png"))
    options = parser.parse_args()

    for name, count, seed in (("train", N_TRAIN, 0), ("val", N_VAL, 1)):
        if not (options.folder / name).exists():
            make_textures(options.folder / name, count, seed, options.cut)
    models = {name: trained(name, options.folder, options.steps) for name in ("rolled", "plain")}
    judge = Judge(models["rolled"])
    print(f"{machine()}; {options.n_pictures} pictures\n")
    print(
        "| trained | taken | at the seam | elsewhere | ratio | colour step at the seam | elsewhere "
        "| bits per pixel |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, predictor in models.items():
        candidates = drawn(predictor, options.n_pictures, options.best_of)
        first, each = candidates.tokens[:, 0], np.arange(options.n_pictures)
        flat = candidates.tokens.reshape(-1, EDGE * EDGE)
        whole = Judge(predictor).nats(flat).reshape(*candidates.tokens.shape[:2], -1).sum(axis=2)
        way = "with --roll" if name == "rolled" else "without"
        print(judge.row(f"{way} | the first candidate", first))
        likeliest = candidates.tokens[each, whole.argmin(axis=1)]
        print(judge.row(f"{way} | the likeliest of {options.best_of}, rolled", likeliest))
        print(judge.row(f"{way} | --tile, of {options.best_of}", candidates.taken))
        if name == "rolled":
            sheet(predictor, [first, candidates.taken]).save(options.out)
    pictures = models["rolled"].config.pictures
    true = np.stack([tokens_of(path, pictures) for path in find_images(options.folder / "val")])
    print(judge.row("(held-out textures) |", true))


if __name__ == "__main__":
    main()
