import dataclasses

import pytest

from pixace.dataset.advice import advise
from pixace.dataset.findings import Findings

FLAWLESS = Findings(
    n_images=5000,
    unreadable=[],
    sizes={"64x64": 5000},
    n_oblong=0,
    image_size=32,
    n_enlarged=0,
    median_short_edge=64.0,
    modes={"RGB": 5000},
    n_transparent=0,
    soft_alpha=0.0,
    n_grey=10,
    classes={"(top folder)": 5000},
    exact_duplicates=[],
    near_duplicates=[["a", "b"]],
    n_val_images=200,
    shared_with_val=[],
    bitdepth="5,4,4",
    quantisation={"3,2,2": 10.0, "4,3,3": 4.5, "5,4,4": 2.0},
    palettes={"palette:auto:16": 7.0, "palette:auto:64": 3.0, "palette:auto:256": 1.5},
    n_files=5000,
    n_cut=0,
    n_empty=0,
    n_uneven=0,
    not_read={},
    made_larger={},
    n_colours=None,
    fit="squash",
    n_other_shapes=0,
    suitable_size=None,
    captions={"source": ""},
    val_captions=None,
)


def advice_on(**flaws) -> list[str]:
    return advise(dataclasses.replace(FLAWLESS, **flaws), "white")


def test_there_is_nothing_to_say_about_a_good_folder():
    assert advice_on() == advice_on(not_read={".txt": 5000, "no suffix": 3}) == []
    for colours in ("0,0,4", "grey:4", "palette:000000"):
        assert advice_on(n_grey=5000, bitdepth=colours) == []


@pytest.mark.parametrize(
    ("flaws", "words"),
    [
        ({"n_images": 0}, ["No image can be read"]),
        ({"unreadable": [{"path": "a", "problem": "b"}]}, ["1 file cannot be read"]),
        (
            {"not_read": {".heic": 2, ".txt": 9, ".tga": 1}},
            ["3 files are pictures of kinds that are not read (2 .heic, 1 .tga): save as PNG"],
        ),
        ({"not_read": {".heic": 1}}, ["1 file is a picture of a kind that is not read (1 .heic)"]),
        ({"n_images": 300}, ["knows 300 images by heart"]),
        (
            {"n_other_shapes": 900},
            ["900 images of 5000", "1.33 times as long", "squeezed into a square", "--fit=crop"],
        ),
        (
            {"n_other_shapes": 900, "image_size": "32x18"},
            ["900 images of 5000", "1.33 times as wide or high, in proportion, as 32x18, will"],
        ),
        (
            {"sizes": {"24x16": 5000}, "suitable_size": "24x16"},
            ["Most images are 24x16: --image_size=24x16 keeps that."],
        ),
        ({"suitable_size": "32x18"}, ["Most images have the shape of 32x18: --image_size=32x18"]),
        (
            {"n_enlarged": 4000, "suitable_size": "24x16"},
            ["smaller than 32x32, will be enlarged", "Try --image_size=24x16."],
        ),
        (
            {"n_enlarged": 4000, "median_short_edge": 8.0, "image_size": "48x32"},
            ["smaller than 48x32, will be enlarged", "Try --image_size=12x8."],
        ),
        (
            {"n_enlarged": 4000, "median_short_edge": 17.0},
            ["4000 images of 5000, smaller than 32x32", "--image_size=16"],
        ),
        ({"n_uneven": 2}, ["In 2 files pixels are left over", "--sheet=FILE shows"]),
        ({"n_transparent": 1}, ["1 image of 5000", "--background=white", "be drawn so: --alpha"]),
        ({"n_transparent": 2, "soft_alpha": 0.123}, ["--alpha. 12.3% of the pixels are half"]),
        ({"n_grey": 5000}, ["--bitdepth=0,0,6"]),
        (
            {"quantisation": {"4,3,3": 2.2, "5,4,4": 2.0}},
            ["--bitdepth=4,3,3 is fine enough", "its colour error is 2.2,"],
        ),
        (
            {"bitdepth": "3,2,2"},
            ["--bitdepth=3,2,2 is coarse", "error is 10.0, that of --bitdepth=5,4,4 2.0;"],
        ),
        (
            {"n_colours": 17},
            ["few colours", "--colours=palette:auto:64 keeps every one"],
        ),
        (
            {"bitdepth": "rgb:1,1,1", "quantisation": {"rgb:1,1,1": 9.0, "5,4,4": 2.0}},
            ["--colours=rgb:1,1,1 is coarse", "that of --bitdepth=5,4,4 2.0;"],
        ),
        (
            {"exact_duplicates": [["a", "b"]], "near_duplicates": [["a", "b", *range(60)]]},
            ["61 images of 5000 can be taken for another one"],
        ),
        ({"shared_with_val": [["v", "t"]]}, ["1 of 200 validation images", "better than it is"]),
        (
            {"classes": {"cats": 4500, "dogs": 400, "emus": 100}},
            ["cats has 4500 images and emus has 100"],
        ),
        (
            {"classes": {"(top folder)": 4999, "\x1b[2J\n": 1}},
            [r"(top folder) has 4999 images and \x1b[2J\n has 1:"],
        ),
        ({"n_val_images": None}, ["no validation folder", "--split=0.05"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_each_flaw_is_told_with_its_figures(flaws, words):
    (advice,) = advice_on(**flaws)
    for word in words:
        assert word in advice


def test_colours_of_a_sample_are_not_taken_for_all():
    assert advice_on(palettes={"palette:auto:16": 0.0}) == []


@pytest.mark.parametrize("n_enlarged", [0, 5000])
def test_pixel_art_made_larger_is_not_to_keep_its_size(n_enlarged):
    sizes = {"sizes": {"48x32": 5000}, "suitable_size": "48x32", "n_enlarged": n_enlarged}
    advice = advice_on(**sizes, image_size=64, made_larger={"24x16": 5000})
    assert len(advice) == (2 if n_enlarged else 1)
    assert "--image_size=24x16 --unscale takes that back" in advice[-1]
    assert not any("--image_size=48x32" in sentence for sentence in advice)


@pytest.mark.parametrize(
    ("image_size", "made_larger", "is_told"),
    [(32, "24x16", True), ("24x16", "24x16", False), (16, "16x16", False), (32, "16x16", True)],
)
def test_unscaled_pixel_art_needs_a_word_only_where_its_size_is_another(
    image_size, made_larger, is_told
):
    report = dataclasses.replace(
        FLAWLESS, image_size=image_size, made_larger={made_larger: 4000, "8x8": 100}
    )
    advice = advise(report, "white", unscale=True)
    assert [f"most often from {made_larger}" in sentence for sentence in advice] == [True] * is_told


def test_who_is_dividing_the_images_needs_no_validation_folder():
    report = dataclasses.replace(FLAWLESS, n_val_images=None)
    assert advise(report, "black", is_split=True) == []


def test_transparency_that_stays_needs_a_word_only_where_it_is_soft():
    clear = dataclasses.replace(FLAWLESS, n_transparent=5000, soft_alpha=0.009)
    assert advise(clear, "black", alpha=True) == []
    (advice,) = advise(dataclasses.replace(clear, soft_alpha=0.25), "black", alpha=True)
    assert "25.0% of the pixels are neither transparent nor opaque" in advice
