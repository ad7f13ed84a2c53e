"""Does a model draw what the words say, what does it make of captions, and what do they cost?

    python benchmarks/captions.py sprites [--steps=800] [--seeds 0 1 2] [--folder=captions]
    python benchmarks/captions.py model --model_name=NAME --images DIR [DIR ...] [--checkpoint=...]
                                        [--weights_dir=model-weights]

`sprites` trains the demo's model on the demo's sprites, in class folders, and has it draw 100 of
them, all kinds in turns, at several guidances with the same noise. What is drawn is judged by
what it is nearest to: the kind of the one of 2,400 real sprites, none of which the model has been
trained on, whose pixels differ least (their squares summed over RGB, in the model's colours). How
often this judge is right of real sprites is measured, too. Then come bits per pixel of held-out
sprites with their own captions, without, and with others', and how many of these the model itself
gives to the right kind (`score --classes`). What is done lies in --folder and is not done again;
there, too, are two sheets of each model: a row for each kind at guidance 1, and two rows of each
with a column for each guidance.

`model` measures a trained model on folders of images with captions.

Both print Markdown tables, and say how long a picture takes with guidance 2, with 1 and without
words, all three in turns.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, mean_and_spread, open_results
from model_types import ATTENTION, BATCH_SIZE, RECIPES, config_of
from PIL import Image

import pixace
from pixace.drawing.predictor import Predictor
from pixace.insight.evaluation import Evaluation
from pixace.insight.evaluator import Evaluator
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from draw_sprites import KINDS, draw_new_sprites

RECIPE = RECIPES["pointer"]
assert RECIPE.sizes == ATTENTION  # as those of `examples/demo.sh`
SIZE = 16
N_TRAIN, N_VAL, N_REAL = 1000, 300, 2400  # sprites to train on, to measure with, to judge by
GUIDANCES = (0.0, 1.0, 2.0, 3.0, 5.0)
N_DRAWN = 100
N_ABREAST = 12  # of a kind, in a sheet
N_TIMED, N_ROUNDS = 4, 7  # pictures at a time, when drawing is timed, and how often

Sprites = list[tuple[str, Image.Image]]  # each with its kind


def sprites() -> tuple[Sprites, Sprites, Sprites]:
    """Returns sprites to train on, to measure with and to judge by: no picture is in it twice."""
    drawn = draw_new_sprites(np.random.Generator(np.random.PCG64(0)))
    train, val, real = (list(itertools.islice(drawn, n)) for n in (N_TRAIN, N_VAL, N_REAL))
    return train, val, real


def write_classes(folder: Path, pictures: Sprites) -> None:
    """Writes sprites into a folder for each kind, as class folders are."""
    for number, (kind, picture) in enumerate(pictures):
        path = folder / kind / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


class Judge:
    """Says what a picture shows: the kind of the real sprite whose pixels are nearest.

    Args:
      real: the sprites to compare with.
      config: of the model, whose colours they get.
    """

    def __init__(self, real: Sprites, config: ModelConfig) -> None:
        self._codec = codec_of(config.pictures)
        self._kinds = [kind for kind, _ in real]
        self._real = self._as_drawn(np.stack([np.asarray(picture) for _, picture in real]))

    def kinds(self, pixels: np.ndarray) -> list[str]:
        """Returns the kind of each of N pictures, uint8 (N, 16, 16, 3)."""
        pictures = self._as_drawn(pixels)
        # Of whole numbers, all of which float64 holds, so that a tie is one on every machine.
        squares = (self._real**2).sum(axis=1) - 2 * pictures @ self._real.T
        return [self._kinds[number] for number in squares.argmin(axis=1)]

    def _as_drawn(self, pixels: np.ndarray) -> np.ndarray:
        colours = self._codec.decode(self._codec.encode(pixels))
        return colours.reshape(len(pixels), -1).astype(np.float64)


def share_right(found: Sequence[str], asked: Sequence[str]) -> float:
    """Returns how many per cent of the pictures show what they should."""
    return 100 * float(np.mean([a == b for a, b in zip(found, asked, strict=True)]))


def train(options: argparse.Namespace, stored: str, seed: int) -> None:
    """Trains a model on the sprites in class folders."""
    config = config_of(RECIPE, SIZE)
    trainer = pixace.get_trainer(stored, weights_dir=options.folder, **config.to_dict())
    trainer.train(
        images=options.folder / "train",
        val_images=options.folder / "val",
        batch_size=BATCH_SIZE,
        n_epochs=1,
        steps_per_epoch=options.steps,
        learning_rate=RECIPE.learning_rate,
        warmup_steps=RECIPE.max_warmup,
        seed=seed,
        **RECIPE.training,
    )


def drawn_kinds(predictor: Predictor, judge: Judge) -> dict[str, list[str]]:
    """Returns what is drawn where all kinds are asked for in turns, at each guidance."""
    asked = [kind for kind, _ in zip(itertools.cycle(KINDS), range(N_DRAWN), strict=False)]
    kinds = {}
    for guidance in GUIDANCES:
        drawing = predictor.draw(class_name=asked, guidance=guidance, seed=0, scale="1x")
        pictures = [np.asarray(picture.convert("RGB")) for (picture,) in drawing.pictures()]
        kinds[f"{guidance:g}"] = judge.kinds(np.stack(pictures))
    return kinds


def seconds_per_picture(predictor: Predictor, words: str) -> dict[str, float]:
    """Returns how long a picture takes, of several at once; the ways to draw take turns."""
    ways: dict[str, dict[str, Any]] = {
        "guidance 2": {"text": words, "guidance": 2.0},
        "guidance 1": {"text": words, "guidance": 1.0},
        "without words": {},
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + N_ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            predictor.draw(batch_size=N_TIMED, seed=0, **way)
            times[name].append((time.perf_counter() - start) / N_TIMED)
    # In the first round, samplers are compiled.
    return {name: statistics.median(series[1:]) for name, series in times.items()}


def print_seconds(seconds: dict[str, float]) -> None:
    """Prints how long a picture takes."""
    print(f"\nSeconds per picture, {N_TIMED} at once, median of {N_ROUNDS} rounds in turns:\n")
    print(f"| {' | '.join(seconds)} |\n|{' ---: |' * len(seconds)}")
    print(f"| {' | '.join(f'{value:.2f}' for value in seconds.values())} |")


def told_bits(evaluation: Evaluation) -> list[float | None]:
    """Returns bits per pixel with the right caption, without, and with another's."""
    return [
        evaluation.bits_per_pixel,
        evaluation.bits_per_pixel_without_caption,
        evaluation.bits_per_pixel_wrong_caption,
    ]


def measure_sprites(options: argparse.Namespace, stored: str, judge: Judge) -> dict[str, Any]:
    """Returns all figures of one trained model, and draws its sheets."""
    predictor = pixace.get_predictor(stored, weights_dir=options.folder)
    said: dict[str, Any] = {"class_name": KINDS, "seed": 0, "scale": "3x", "labels": True}
    sheet = predictor.predict(temperature=[1.0] * N_ABREAST, **said)
    sheet.save(options.folder / f"{stored}.png")
    sheet = predictor.predict(2, guidance=GUIDANCES, **said)
    sheet.save(options.folder / f"{stored}-guidances.png")
    evaluator = pixace.get_evaluator(stored, weights_dir=options.folder)
    chosen = evaluator.score(options.folder / "val", classes=True).classification
    return {
        "drawn": drawn_kinds(predictor, judge),
        "bits": told_bits(evaluator.evaluate(options.folder / "val")),
        "accuracy": 100 * chosen.accuracy,
        "seconds": seconds_per_picture(predictor, KINDS[0]),
    }


def print_sprites(results: Sequence[dict[str, Any]], known: float, options: Any) -> None:
    """Prints what all seeds' models draw and make of captions."""
    asked = [*itertools.islice(itertools.cycle(KINDS), N_DRAWN)]
    print(f"{machine()}; {SIZE} x {SIZE}, {options.steps} steps of {BATCH_SIZE}\n")
    print(f"The judge is right of {known:.1f} % of {N_VAL} real sprites.\n")
    print("| guidance | right kinds, % | by seed | what was asked for, and drawn otherwise |")
    print("| ---: | --- | --- | --- |")
    for guidance in results[0]["drawn"]:
        found = [result["drawn"][guidance] for result in results]
        shares = [share_right(each, asked) for each in found]
        cells = mean_and_spread(shares), ", ".join(f"{share:.0f}" for share in shares)
        print(f"| {guidance} | {' | '.join(cells)} | {', '.join(missed(found, asked))} |")
    print("\n| right caption | none | wrong | `score --classes`, % |")
    print("| --- | --- | --- | --- |")
    bits = [
        f"{statistics.mean(each):.3f}" for each in zip(*(r["bits"] for r in results), strict=True)
    ]
    print(f"| {' | '.join(bits)} | {mean_and_spread([r['accuracy'] for r in results])} |")
    print_seconds(results[-1]["seconds"])


def missed(found: Sequence[Sequence[str]], asked: Sequence[str]) -> Iterator[str]:
    """Yields how often each kind was not drawn where it was asked for, the worst first."""
    counts = dict.fromkeys(KINDS, 0)
    for each in found:
        for drawn, kind in zip(each, asked, strict=True):
            counts[kind] += drawn != kind
    worst = sorted((count, kind) for kind, count in counts.items() if count)
    return (f"{kind} {count}" for count, kind in reversed(worst))


def run_sprites(options: argparse.Namespace) -> None:
    """Trains and measures what has not been yet, and prints tables."""
    pictures, val, real = sprites()
    done, keep = open_results(options.folder, SIZE)
    if not (options.folder / "train").exists():
        write_classes(options.folder / "val", val)
        write_classes(options.folder / "train", pictures)
    judge = Judge(real, config_of(RECIPE, SIZE))
    kinds = judge.kinds(np.stack([np.asarray(picture) for _, picture in val]))
    names = [f"sprites-{options.steps}-{seed}" for seed in options.seeds]
    for seed, stored in zip(options.seeds, names, strict=True):
        if stored not in done:
            train(options, stored, seed)
            done[stored] = measure_sprites(options, stored, judge)
            keep()
    known = share_right(kinds, [kind for kind, _ in val])
    print_sprites([done[stored] for stored in names], known, options)


def run_model(options: argparse.Namespace) -> None:
    """Measures a trained model, and prints tables."""
    named = {"weights_dir": options.weights_dir, "checkpoint": options.checkpoint}
    evaluator: Evaluator = pixace.get_evaluator(options.model_name, **named)
    print(f"{machine()}\n")
    print("| images | of them | right caption | none | wrong |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for folder in options.images:
        evaluation = evaluator.evaluate(folder)
        bits = ("-" if each is None else f"{each:.3f}" for each in told_bits(evaluation))
        print(f"| {folder.name} | {evaluation.n_images:,} | {' | '.join(bits)} |", flush=True)
    predictor = pixace.get_predictor(options.model_name, **named)
    print_seconds(seconds_per_picture(predictor, options.text))


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ways = parser.add_subparsers(dest="way", required=True)
    of_sprites = ways.add_parser("sprites", help="train on sprites, and see what is drawn")
    of_sprites.add_argument("--steps", type=int, default=800, help="of each training")
    of_sprites.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    of_sprites.add_argument("--folder", type=Path, default=Path("captions"))
    of_sprites.set_defaults(run=run_sprites)
    of_model = ways.add_parser("model", help="measure a model that is trained")
    of_model.add_argument("--model_name", required=True)
    of_model.add_argument("--weights_dir", default="model-weights")
    of_model.add_argument("--checkpoint", help='a file, a step, "latest" or "best"')
    of_model.add_argument("--images", required=True, nargs="+", type=Path, help="folders")
    of_model.add_argument("--text", default="a red heart", help="to draw, when that is timed")
    of_model.set_defaults(run=run_model)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
