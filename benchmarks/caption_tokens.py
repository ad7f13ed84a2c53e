"""Bytes or byte-level BPE: which tokens of captions teach a model more in the same time?

Trains the pointer model of `model_types.py` twice on the same images and captions: captions as
bytes, as pixace has them, and as byte-level BPE of the training captions, by Hugging Face's
`tokenizers` (pip install tokenizers). A caption has the same letters either way, at most 64 bytes.
First the speed of a step is measured, both taking turns; BPE, whose captions are shorter, gets as
many more steps as fit into the time of the bytes'.

    python benchmarks/caption_tokens.py --images=DIR --tests DIR [DIR ...] [--steps=800]
        [--seeds 0] [--vocabularies 1000] [--background=white] [--folder=caption-tokens]

Prints a Markdown table: bits per pixel with the right caption, without, and with another
picture's. What is done lies in --folder and is not done again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import tokenizers
from measuring import machine, open_results, seconds_per_step
from model_types import BATCH_SIZE, N_ROUNDS, RECIPES, ROUND

from pixace.dataset.batches import Batch, training_batches
from pixace.dataset.caption_finding import FolderCaptions, find_captions
from pixace.dataset.captions import Captions
from pixace.dataset.reading import ImageSet, load_images
from pixace.dataset.shown_captions import ShownCaptions
from pixace.insight.likelihood import Scorer
from pixace.models import attention
from pixace.settings.model import CAPTION_LENGTH, ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.tokens.text import N_TEXT_TOKENS, TEXT_PAD_ID
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep

RECIPE = RECIPES["pointer"]
DROPOUT = 0.1  # of captions
SCORED = 20  # pictures at a time in validation


class TextTokens(NamedTuple):
    """How captions become tokens.

    Attributes:
      name: of the way.
      count: N, how many different ones there are, the pad included.
      length: P of a caption.
      of_bytes: makes them, int32 (B, P), of captions as bytes, int32 (B, 64).
    """

    name: str
    count: int
    length: int
    of_bytes: Callable[[np.ndarray], np.ndarray]


BYTES = TextTokens("bytes", N_TEXT_TOKENS, CAPTION_LENGTH, lambda captions: captions)


def byte_pairs(captions: Captions, size: int) -> TextTokens:
    """Returns byte-level BPE with a vocabulary of this size, learnt from captions."""
    texts = [text for alternatives in captions for text in alternatives]
    codec = tokenizers.ByteLevelBPETokenizer()
    codec.train_from_iterator(texts, vocab_size=size, min_frequency=2, show_progress=False)
    length = max(len(each.ids) for each in codec.encode_batch(texts))

    def of_bytes(rows: np.ndarray) -> np.ndarray:
        tokens = np.full((len(rows), length), TEXT_PAD_ID, np.int32)
        for row, said in zip(tokens, rows, strict=True):
            text = bytes((said[said != TEXT_PAD_ID] - 1).astype(np.uint8)).decode()
            ids = codec.encode(text).ids[:length]
            row[: len(ids)] = np.array(ids, np.int32) + 1
        return tokens

    return TextTokens(f"BPE of {size}", 1 + codec.get_vocab_size(), length, of_bytes)


def config_of(way: TextTokens, background: str) -> ModelConfig:
    """Returns the settings of the model that reads such captions."""
    return ModelConfig(
        RECIPE.model_type,
        16,
        (4, 3, 3),
        background=background,
        caption_length=way.length,
        **RECIPE.sizes,
    )


def batches(way: TextTokens, images: ImageSet, seed: int) -> Iterator[Batch]:
    """Yields batches whose captions are such tokens."""
    shown = ShownCaptions(images.captions, CAPTION_LENGTH, DROPOUT)
    for batch in training_batches(images.tokens, BATCH_SIZE, seed, captions=shown):
        yield batch._replace(captions=way.of_bytes(batch.captions))


def learner(way: TextTokens, images: ImageSet, n_steps: int, seed: int, background: str) -> Learner:
    """Returns a training of a number of steps, none of which is done."""
    config = config_of(way, background)
    settings = TrainingSettings(
        batch_size=BATCH_SIZE,
        n_epochs=1,
        steps_per_epoch=n_steps,
        learning_rate=RECIPE.learning_rate,
        warmup_steps=RECIPE.max_warmup,
        **RECIPE.training,
    )
    with mock.patch.object(attention, "N_TEXT_TOKENS", way.count):
        step = TrainingStep(config, settings, batch_mesh())
        return Learner(config, settings, seed, batches(way, images, seed), step)


def bits(trained: Learner, way: TextTokens, tests: ImageSet) -> list[float]:
    """Returns bits per pixel with the right captions, without, and with others'."""
    scorer, own = Scorer(trained.eval_model), tests.captions
    found = []
    for told in (own, Captions(() for _ in own), own.of_others()):
        words = way.of_bytes(told.spread_tokens(len(told), CAPTION_LENGTH))
        likelihood = scorer.likelihood(trained.weights, tests.tokens, SCORED, captions=words)
        found.append(likelihood.bits_per_pixel)
    return found


def load(folder: str | Path, background: str) -> tuple[ImageSet, FolderCaptions]:
    """Returns a folder's images with their captions."""
    found = find_captions(folder)
    return load_images(folder, config_of(BYTES, background), captions=found), found


def main() -> None:
    """Trains what has not been trained yet, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of training images")
    parser.add_argument("--tests", required=True, nargs="+", type=Path, help="of others")
    parser.add_argument("--steps", type=int, default=800, help="of the training on bytes")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--vocabularies", nargs="+", type=int, default=[1000])
    parser.add_argument("--background", default="white")
    parser.add_argument("--folder", type=Path, default=Path("caption-tokens"))
    options = parser.parse_args()

    images, found = load(options.images, options.background)
    ways = [BYTES, *(byte_pairs(found.captions, size) for size in options.vocabularies)]
    done, keep = open_results(options.folder, 16)
    if not {way.name for way in ways} <= {*done.get("seconds", ())}:
        tried = {way.name: learner(way, images, 1000, 0, options.background) for way in ways}
        done["seconds"] = seconds_per_step(tried, N_ROUNDS, ROUND)
        keep()
    seconds = done["seconds"]
    n_steps = {way: round(options.steps * seconds["bytes"] / seconds[way]) for way in seconds}
    tests = {folder.name: load(folder, options.background)[0] for folder in options.tests}
    print(f"{machine()}; {len(images.tokens):,} images, {options.steps} steps of bytes\n")
    print("| captions | vocabulary | tokens of one | s/step | steps | seed | images |", end="")
    print(" right caption | none | wrong |\n| --- |" + " ---: |" * 5 + " --- |" + " ---: |" * 3)
    for seed in options.seeds:
        for way in ways:
            key = f"{way.name}, {n_steps[way.name]} steps, seed {seed}"
            if key not in done["bits"]:
                done["bits"][key] = trained_bits(
                    way, images, n_steps[way.name], seed, tests, options
                )
                keep()
            for name, figures in done["bits"][key].items():
                told = " | ".join(f"{each:.4f}" for each in figures)
                about = f"{way.name} | {way.count} | {way.length} | {seconds[way.name]:.3f}"
                print(f"| {about} | {n_steps[way.name]} | {seed} | {name} | {told} |", flush=True)


def trained_bits(
    way: TextTokens,
    images: ImageSet,
    n_steps: int,
    seed: int,
    tests: dict[str, ImageSet],
    options: Any,
) -> dict[str, list[float]]:
    """Trains a model; returns its bits on each folder of tests."""
    trained = learner(way, images, n_steps, seed, options.background)
    for _ in range(n_steps):
        trained.advance()
    return {name: bits(trained, way, each) for name, each in tests.items()}


if __name__ == "__main__":
    main()
