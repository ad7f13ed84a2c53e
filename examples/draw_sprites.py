"""Draw a folder of little 16x16 pixel-art sprites: sample pictures to train a model on.

    python examples/draw_sprites.py --out=FOLDER [--train=1000] [--val=100] [--seed=0] [--size=16]

writes FOLDER/train/<kind>-00000.png ... and FOLDER/val/<kind>-00000.png ...  The same arguments
give the same pixels on every machine, and no picture is drawn twice: none of val is in train.

A sprite is a stack of parts (body, eyes, mouth, hat, ...), each picked at random from the ones its
recipe lists. A part is the left half of a drawing; the right half is its mirror image.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

GRID = 16  # the sprites' native width and height in pixels
MAX_TRIES = 5000  # draws of one kind without a new picture, after which the kind is used up

# The colours lie well inside the bins of an HSV space cut at 4, 3 and 3 bits, so a model that
# sees no more than those bits still sees a small, clean palette.
RAMPS = {  # light, middle and dark
    "red": ("f06882", "f02c51", "901b31"),
    "orange": ("f0b568", "f09a2c", "905d1b"),
    "gold": ("f0ecac", "f0e42c", "90891b"),
    "green": ("68f071", "26d031", "1b9022"),
    "teal": ("68f0d7", "26d0b0", "1b907a"),
    "blue": ("68a4f0", "2c82f0", "1b4e90"),
    "violet": ("c668f0", "9b26d0", "6b1b90"),
    "pink": ("f0acd3", "f068b5", "902d65"),
    "silver": ("f0f0f0", "b0b0b0", "707070"),
}
INKS = {  # letters of one colour; besides them, ^Aa is a sprite's main ramp and *Bb its second one
    ".": "000000", "#": "000000", "K": "000000", "W": "f0f0f0", "S": "909090", "Y": "f0e42c",
    "C": "f0d3ac", "c": "b09879", "N": "905d1b", "G": "26d031", "g": "1b9022",
    "R": "f02c51", "P": "f068b5", "n": "50330f",
}  # fmt: skip

# Sheets of parts, side by side under their names. A dot leaves what lies below, a # clears it.
PARTS = """
smiley   ghost    slime    heart    face     crab     flask    cone     jar      vial
........ ........ ........ ........ ........ ........ ######## ######## ######## ########
.....^^^ .....^^^ ........ ........ ........ ........ #####NNN ######NN ######## #####NNN
...^^AAA ....^AAA ........ ..^^^... ........ .A.A.... #####NNN ######NN ###NNNNN #####NNN
..^AAAAA ...^AAAA ........ .^AAAA.. ........ AA.AA... ####SSSS #####SSS ###NNNNN ####SSSS
..^AAAAA ..^AAAAA ........ ^AAAAAA. ........ AAAAA... #####S.. ######S. ###SSSSS ####S...
.^AAAAAA ..AAAAAA ......^^ AAAAAAAA ...^^^^^ .AAA.... #####S.. ######S. ##S..... ####S...
.^AAAAAA ..AAAAAA ....^^AA AAAAAAAA ..^AAAAA ..A..... ####S... #####S.. ##S..... ####S...
.AAAAAAA ..AAAAAA ...^AAAA AAAAAAAA .^AAAAAA ..A.^^^^ ##SS.... #####S.. ##S..... ####S...
.AAAAAAA ..AAAAAA ..^AAAAA .AAAAAAA .AAAAAAA ...^AAAA ##S..... ####S... ##S..... ####S...
.AAAAAAA ..AAAAAA ..AAAAAA .aAAAAAA .AAAAAAA ..AAAAAA #S...... ####S... ##S..... ####S...
.aAAAAAA ..AAAAAA .^AAAAAA ..aAAAAA .AAAAAAA .aAAAAAA #S...... ###S.... ##S..... ####S...
..AAAAAA ..AAAAAA .AAAAAAA ...aAAAA .AAAAAAA a.AAAAAA #S...... ##S..... ##S..... ####S...
..aAAAAA ..AAAAAA .AAAAAAA ....aAAA .aAAAAAA a.aaaaaa ##S..... ##S..... ##S..... ####S...
...aaAAA ........ .aAAAAAA .....aAA ..aAAAAA .a.a.aaa ###S.... #S...... ##S..... #####S..
.....aaa ........ ..aaaaaa ......aA ...aaaaa a..a.... ####SSSS ##SSSSSS ###SSSSS ######SS
........ ........ ........ .......a ........ ........ ######## ######## ######## ########

daisy    tulip    sunny    rose     lily     blossom  king     prince   queen    tiara
.......A ........ .....A.A ........ .......^ ......^^ .*.....* .*...*.. .......* .......*
...A..AA ...^...^ ...A.AAA .....^^^ .^.....A .....AAA .A....^A .A...A.. ......^^ ......^A
...AA.AA ...AA.AA ....AA** ...^^AAA .AA...AA ..^^.AAA .A....AA .A..^AA. ....^^AA .*....AA
....AAA* ...AAAAA ..AA**BB ..^AAaaa ..AA..AA .^AAA.AA .AA...AA .AA.AAA. ..^^BBBA .A..*..A
..^^^A*B ...AAAAA ...A*BBB ..AAa^AA ..AAA.AA .AAAA*** .AA..AAA .AA.AAAA .^ABBBBA .AA.A.AA
..AAAA*B ...AAAAA ..AA*BBB ..AAaAaa ...AAAAA ..aA**BB .AAA.AAA .AAAAAAA .AABBBBA .AA.AAAA
....AAAb ...AAAAA ...AbBBB ...AAaAA ...aAAAA ....**BB .AAAAAAA .AAAAAAA .AABBBBA .AAAAAAA
...AA.AA ...aAAAA ....AbBB ...aAAAA ....aAAA ..AAA*** .AAAAAAA .AAAAAAA .AAAAAAA .AAAAAAA
...A..AA ....aaAA ...A.Abb ....aaaa .....aAA ..AAAA.g ........ ........ ........ ........
.......A ......aa .....A.A ........ ......aa ...aa... ........ ........ ........ ........

button   conical  parasol  flatcap  gable    steep    barn     dome     fort     pagoda
.....^^^ ......^^ ........ ........ ........ .......^ ........ .......W ........ .......^
...^^AAA .....^AA ....^^^^ ........ .......^ ......^A ........ .....^^^ ........ ......^A
..^AAAAA .....AAA ..^^AAAA ....^^^^ ......^A ......AA ....^^^^ ...^^AAA .^.^^.^^ ....^AAA
.^AAAAAA ....AAAA .^AAAAAA ..^^AAAA .....^AA .....AAA ...^AAAA ..^AAAAA .A.AA.AA ..aaaaaa
.AAAAAAA ...AAAAA .AAAAAAA .^AAAAAA ...^^AAA ....AAAA ..^AAAAA ..AAAAAA .AAAAAAA ....AAAA
AAAAAAAA ..AAAAAA AAAAAAAA AAAAAAAA ..^AAAAA ...AAAAA .^AAAAAA .AAAAAAA .AAAAAAA ..AAAAAA
AAAAAAAA .AAAAAAA AaAAaAAA AAAAAAAA .^AAAAAA ..AAAAAA .AAAAAAA .AAAAAAA .AAAAAAA ^AAAAAAA
aaaaaaaa aaaaaaaa a..aa..a aaaaaaaa aaaaaaaa aaaaaaaa aaaaaaaa aaaaaaaa .aaaaaaa aaaaaaaa

leaves   fronds   grass    pot      half     most     full     bulbs    star     pips     bands
.......g .......g .......g .......g ........ ........ ^^^^^^^^ ........ ........ ........ ........
.......g .......g .......g ..nnnnnn ........ ^^^^^^^^ AAAAAAAA ......** ......** .......* ........
.GG....g .......g ...G...g ..NNNNNN ^^^^^^^^ AAAAAAAA AAAAAAAA ......** .....*** ........ .....***
.GGG...g ....GG.g .G.G..Gg ...NNNNN AAAAAAAA AAAAAAAA AAAAAAAA ....*... .....*** ...*..*. ........
..GGGG.g ..GGGGGg .G.GG.Gg ...NNNNN AAAAAAAA AAAAAAAA AAAAAAAA ..***... ......** .*...... ..******
....GGGg .GG..GGg .gGGG.gg ...NNNNN AAAAAAAA AAAAAAAA AAAAAAAA ..***.** .**..... ....*..* ........
.....ggg ......gg ..gGgGgg ...nnnnn aaaaaaaa aaaaaaaa aaaaaaaa ...*..** .**..... ........ ........

stem     stout    walls    bricks   squid    crabby   octo     skully   emblem   chimney
...CCCCC ..CCCCCC .CCCCCCC .BBBbBBB .....^^^ ...^^^^^ ...^^^^^ ..^^^^^^ ..AA**AA ..SS....
...CCCCC ..CCCCCC .CCCCCCC .BBBBBBb ....^AAA ..^AAAAA .^AAAAAA ..AAAAAA ..A****A ..SS....
...CCCCC ..CCCCCC .CCCCCCC .BbBBBBB ...^AAAA .AAAAAAA .AAAAAAA ..AAAAAA ..A**BBB ..SS....
...CCCCC ..CCCCCC .CCCCCCC .BBBBbBB ..^AAAAA .AAAAAAA .AAAAAAA AAAAAAAA ..AABBBB ..SS....
...CCCCC ..CCCCCC .CCCCCCC .BbBBBBB ..AAAAAA .A.AAAAA .AAAAAAA A.AAAAAA ...AABBB ..SS....
....cccc ...ccccc .ccccccc .bbbbbbb ..aaaaaa .A..aaaa ..aaaaaa A.aaaaaa ....AABB ..SS....

drip     sprout   crownlet feelers  horns    cap      pointed  door     arch     gate
.......^ ......G. ........ ...BB... ........ ........ .A...... ......NN .......N .....NNN
.......^ ....GGG. ....Y..Y ...BB... ..B..... ......BB .AA..... ......NN ......NN .....NnN
......^A .....GGg ....YY.Y ....b... ..BB.... ....BBBB .APA.... ......NN ......NN .....NNN
......^A .......g ....YYYY .....b.. ...BB... ...BBBBB .APPA... ......NN ......NN .....NnN
.....^AA .......g ....YYYY .....b.. ....Bb.. ..bbbbbb .AAAAAAA ......NN ......NN .....NNN

bubbles  drop     skull    gem      label    vee      rods     knobs    ears     velvet
.......W .......B .....WWW ........ ........ ...A.... ........ ...BB... .A...... .....bbb
......W. ......BB .....WKW ......BB ....WWWW ...A.... .....A.. ...BB... .AA..... ...bbBBB
.......W ......BB ......WW .....BBB ....WWWW ....A... .....A.. ....b... ..A..... ..BBBBBB
......W. ......bb ......KW ......bb ....WWWW ........ ........ ........ ........ ..BBBBBB

feet     splay    tripod   claw     pane     lamp     slit     attic    hedge    shell
...AA... ....AA.. .....A.A ..A..A.. ..WW.... ..YY.... ...K.... ......WW ........ .......b
..AA.AA. ...A..A. ....A..A .A...A.. ..WW.... ..YY.... ...K.... ......WW ........ ....b...
..A....A ..A....A ...A...A .A....A. ........ ..YY.... ...K.... ........ .P.P.... ........
.AA..... .A..A... ..A..... ..A..... ........ ........ ........ ........ gggGg... ........

dot      tall     happy    round    sleepy   angry    big      shades   loving   glow
........ ....KK.. ....K... ...WWW.. ........ ...K.... ...WW... .KKKKKKK ...R.R.. ....BB..
....KK.. ....KK.. ...K.K.. ...WKK.. ........ ....KK.. ...WK... ...KKKK. ...RRR.. ....BB..
....KK.. ....KK.. ........ ...WKK.. ...KKK.. ....KK.. ...WK... ....KK.. ....R... ........

smile    grin     oh       flat     sad      tongue   fangs    kitty    nose     iris
....K... ...KKKKK .......K ........ .....KKK ....KKKK ....KKKK .......P .......P ...BB...
.....KKK ...KWWWW .......K ....KKKK ....K... ......RR .....W.. .......K ......K. ...BK...
........ ....KKKK ........ ........ ........ .......R ........ .....KK. .......K ...BK...

lobes    waves    rags     stripes  whisker  stalks   cheeks   wings    arms     peepers
..AAA.AA ..AA.AA. ..A.A.A. .......a W....... .....WW. ........ WW...... .A...... .....BB.
..aaa.aa ..aa.aa. ..a.a.a. .....a.a ........ .....WK. ..PP.... WWW..... aA...... .....BK.
...a...a ..a...a. ..a...a. .......a W....... ......A. ........ .WW..... ........ ......A.

plain    studded  ermine
.^^^^^^^ .^^^^^^^ .WWWWWWW
.AAAAAAA .AB*AAB* .WWKWWKW
.aaaaaaa .aaaaaaa .WKWWKWW
"""


class Recipe(NamedTuple):
    """How to draw a kind: the colours of its two ramps, and (top row, parts to pick one from)."""

    main: str
    second: str
    layers: tuple[tuple[int, str], ...]


ALL = " ".join(RAMPS)
VIVID = ALL.replace(" silver", "")
RECIPES = {  # a "-" among the parts stands for none of them
    "cat": Recipe("orange silver blue violet pink gold", "gold green teal", (
        (1, "pointed"), (0, "face"), (5, "- stripes"), (10, "- whisker"), (9, "- - cheeks"),
        (7, "iris dot tall happy round sleepy"), (10, "kitty nose"))),
    "crab": Recipe("red orange blue teal violet pink", "gold green silver", (
        (0, "crab"), (5, "stalks peepers"), (7, "- shell"), (9, "- cheeks arms"),
        (9, "smile grin oh flat sad fangs tongue"))),
    "crown": Recipe("gold orange silver pink teal", "red green blue violet", (
        (6, "- velvet"), (2, "king prince queen tiara"), (10, "plain studded ermine"))),
    "flower": Recipe("red orange gold pink violet blue silver", "gold orange red pink", (
        (9, "leaves fronds grass pot"), (0, "daisy tulip sunny rose lily blossom"))),
    "ghost": Recipe(ALL, VIVID, (
        (0, "ghost"), (12, "lobes waves rags"), (8, "- arms"), (8, "- - cheeks"),
        (5, "dot tall happy round sleepy angry big glow"), (9, "smile oh flat sad tongue fangs"))),
    "heart": Recipe("red pink violet orange blue green", "gold teal pink silver", (
        (0, "heart"), (6, "- wings"), (5, "dot tall happy round sleepy glow"),
        (8, "smile oh flat sad tongue"), (5, "- - emblem"))),
    "house": Recipe("red orange violet blue teal green", "silver pink", (
        (2, "- chimney"), (0, "gable steep barn dome fort pagoda"), (8, "walls bricks"),
        (9, "door arch gate"), (9, "pane lamp slit"), (10, "- hedge"), (4, "- attic"))),
    "invader": Recipe(VIVID, ALL, (
        (2, "- vee rods knobs ears"), (4, "squid crabby octo skully"),
        (10, "feet splay tripod claw"), (6, "dot tall angry glow"))),
    "mushroom": Recipe("red orange violet blue teal pink", "silver gold", (
        (8, "stem stout"), (0, "button conical parasol flatcap"), (0, "- bulbs star pips bands"),
        (9, "- dot tall happy"))),
    "potion": Recipe(VIVID, VIVID, (
        (7, "half most full"), (0, "flask cone jar vial"), (9, "- bubbles drop skull gem label"))),
    "slime": Recipe(VIVID, "red gold blue pink", (
        (0, "slime"), (1, "- drip sprout crownlet feelers horns cap"),
        (8, "dot tall happy round sleepy angry big loving"), (11, "smile oh flat tongue fangs"))),
    "smiley": Recipe("gold orange green blue pink", "red", (
        (0, "smiley"), (7, "- cheeks"),
        (5, "dot tall happy round sleepy angry big shades loving"),
        (9, "smile grin oh flat sad tongue fangs"))),
}  # fmt: skip
KINDS = tuple(RECIPES)


def _read_parts(sheets: str) -> dict[str, list[str]]:
    """Cut the sheets of parts up: the rows of each part under its name."""
    parts = {}
    for sheet in sheets.strip().split("\n\n"):
        names, *rows = (line.split() for line in sheet.splitlines())
        for name, *column in zip(names, *rows, strict=True):
            parts[name] = column
    return parts


DRAWINGS = {"-": [], **_read_parts(PARTS)}


def _pick(rng: np.random.Generator, words: str) -> str:
    """One of the words, all equally likely."""
    choices = words.split()
    return choices[int(rng.integers(len(choices)))]


def draw_sprite(rng: np.random.Generator, kind: str) -> Image.Image:
    """Draw a random sprite of a kind (one of KINDS): a 16x16 RGB picture on black."""
    recipe = RECIPES[kind]
    main = _pick(rng, recipe.main)
    second = _pick(rng, " ".join(name for name in recipe.second.split() if name != main))
    inks = INKS | dict(zip("^Aa*Bb", RAMPS[main] + RAMPS[second], strict=True))

    half = [["."] * (GRID // 2) for _ in range(GRID)]
    for top, names in recipe.layers:
        for y, letters in enumerate(DRAWINGS[_pick(rng, names)], start=top):
            half[y] = [
                new if new != "." else old for old, new in zip(half[y], letters, strict=True)
            ]
    pixels = [[tuple(bytes.fromhex(inks[letter])) for letter in row + row[::-1]] for row in half]
    return Image.fromarray(np.array(pixels, dtype=np.uint8))


def draw_new_sprites(rng: np.random.Generator) -> Iterator[tuple[str, Image.Image]]:
    """Draw (kind, sprite) one kind after the other, over and over, never the same picture twice."""
    seen: set[bytes] = set()
    while True:
        for kind in KINDS:
            for _ in range(MAX_TRIES):
                sprite = draw_sprite(rng, kind)
                if sprite.tobytes() not in seen:
                    break
            else:
                raise ValueError(f"there is no new {kind} left to draw: ask for fewer pictures")
            seen.add(sprite.tobytes())
            yield kind, sprite


def write_sprites(
    out: str | Path, n_train: int = 1000, n_val: int = 100, seed: int = 0, size: int = GRID
) -> int:
    """Write n_train pictures to out/train and n_val others to out/val; return how many in all.

    Sprites that an earlier call left there are removed. The size is a multiple of 16.
    """
    if n_train < 0 or n_val < 0:
        raise ValueError(f"the numbers of pictures must not be negative: {n_train}, {n_val}")
    if size < GRID or size % GRID:
        raise ValueError(f"the size must be a multiple of {GRID}, not {size}")
    sprites = draw_new_sprites(np.random.Generator(np.random.PCG64(seed)))
    for split, count in (("train", n_train), ("val", n_val)):
        folder = Path(out) / split
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.png"):
            if re.fullmatch(rf"({'|'.join(KINDS)})-\d{{5,}}\.png", old.name):
                old.unlink()
        for number in range(count):
            kind, sprite = next(sprites)
            if size != GRID:
                sprite = sprite.resize((size, size), Image.Resampling.NEAREST)
            sprite.save(folder / f"{kind}-{number:05d}.png")
    return n_train + n_val


def main() -> None:
    """Read the command line and write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, help="folder to write train/ and val/ to")
    parser.add_argument("--train", type=int, default=1000, help="pictures to train on")
    parser.add_argument("--val", type=int, default=100, help="pictures to validate with")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pictures")
    parser.add_argument("--size", type=int, default=GRID, help="in pixels, a multiple of 16")
    args = parser.parse_args()
    try:
        count = write_sprites(args.out, args.train, args.val, args.seed, args.size)
    except ValueError as error:
        parser.error(str(error))
    print(f"wrote {count} sprites to {args.out} ({args.train} in train, {args.val} in val)")


if __name__ == "__main__":
    main()
