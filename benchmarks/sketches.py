"""How near do drawings come to a rough sketch, by the strength with which they follow it?

    python benchmarks/sketches.py --images=emoji/val [--model_name=emoji] [--n_sketches=10]
                                  [--n_pictures=8] [--out=sketches.png]

Sketches are made of held-out pictures: blurred, and painted with four colours. At each strength so
many pictures are drawn of each, with the same seed. Of each is told how far its colours are from
the sketch's, as the mean distance in CIELAB over the pixels; and how many bits a pixel costs the
model, which knows of no sketch. At a strength of 0 the tokens have to be those of drawings without
a sketch, and at 1 the nearest ones; it fails where they are not, or where the mean distance of a
sketch's drawings does not fall with the strength.

Prints a Markdown table. The sheet shows the sketches above one drawing of each at each strength.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from measuring import machine
from PIL import Image, ImageFilter

import pixace
from pixace.drawing.predictor import Predictor
from pixace.pictures.colour_error import colour_error, nearest
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import pixels_of
from pixace.tokens.vocabulary import N_RESERVED

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
N_COLOURS = 4
BLURRED = 1 / 20  # of the longer edge
TIMES = 5  # how often the sheet repeats each pixel
SEED = 0


def sketch_of(path: Path, pictures: PictureSettings) -> Image.Image:
    """Returns a picture as somebody might paint it roughly."""
    picture = open_image(path, pictures.background)
    blurred = picture.filter(ImageFilter.GaussianBlur(BLURRED * max(picture.size)))
    return blurred.quantize(N_COLOURS, dither=Image.Dither.NONE).convert("RGB")


def check_ends(
    predictor: Predictor, sketch: Image.Image, n_pictures: int, none: np.ndarray, all_: np.ndarray
) -> None:
    """Checks the tokens, int (N, L), that were drawn at a strength of 0 and of 1."""
    without = predictor.draw(n_pictures, seed=SEED).tokens[0]
    assert (none == without).all(), "a strength of 0 changes drawings"
    pictures = predictor.config.pictures
    colours = codec_of(pictures).colours()[N_RESERVED:]
    pixels = pixels_of(sketch, pictures).reshape(-1, 3)
    assert (all_ == nearest(pixels, colours) + N_RESERVED).all(), "1 is not the nearest colours"


def main() -> None:
    """Draws, prints a table and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder of held-out images")
    parser.add_argument("--model_name", default="emoji")
    parser.add_argument("--weights_dir", default="model-weights")
    parser.add_argument("--n_sketches", type=int, default=10)
    parser.add_argument("--n_pictures", type=int, default=8, help="of each, at each strength")
    parser.add_argument("--out", type=Path, default=Path("sketches.png"))
    options = parser.parse_args()

    predictor = pixace.get_predictor(options.model_name, weights_dir=options.weights_dir)
    pictures = predictor.config.pictures
    paths = find_images(options.images)
    paths = [Path(path) for path in paths[:: len(paths) // options.n_sketches]]
    sketches = [sketch_of(path, pictures) for path in paths[: options.n_sketches]]
    sheet = [[pixels_of(sketch, pictures) for sketch in sketches]]
    distances, bits = [], []
    for strength in STRENGTHS:
        drawn = [
            predictor.draw(options.n_pictures, init=sketch, init_strength=strength, seed=SEED)
            for sketch in sketches
        ]
        results = [[np.asarray(row[0]) for row in drawing.pictures()] for drawing in drawn]
        distances.append(
            [
                np.mean([colour_error(result, pixels) for result in some])
                for some, pixels in zip(results, sheet[0], strict=True)
            ]
        )
        bits.append(np.mean([tile["bits_per_pixel"] for each in drawn for tile in each.tiles()]))
        sheet.append([some[0] for some in results])
        if strength == 0:
            free = drawn[0].tokens[0]
    check_ends(predictor, sketches[0], options.n_pictures, free, drawn[0].tokens[0])

    print(f"{machine()}; {options.model_name}, {options.n_pictures} pictures of each sketch\n")
    print("| sketch | " + " | ".join(f"{strength:g}" for strength in STRENGTHS) + " |")
    print("| --- |" + " ---: |" * len(STRENGTHS))
    for path, row in zip(paths, np.transpose(distances), strict=False):
        print(f"| {path.stem} | " + " | ".join(f"{distance:.1f}" for distance in row) + " |")
    print("| all | " + " | ".join(f"{np.mean(row):.1f}" for row in distances) + " |")
    print("| bits per pixel | " + " | ".join(f"{each:.2f}" for each in bits) + " |")
    rows = np.vstack([np.hstack(row) for row in sheet])
    Image.fromarray(np.kron(rows, np.ones((TIMES, TIMES, 1), np.uint8))).save(options.out)
    assert (np.diff(distances, axis=0) < 0).all(), "a distance grows with the strength"


if __name__ == "__main__":
    main()
