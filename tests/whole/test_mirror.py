"""The tests lie as the package does: what a module does is tested in the file of its name."""

import ast

import pytest

from tests.tools.places import ROOT

PACKAGE, TESTS = ROOT / "pixace", ROOT / "tests"

# Test file -> modules that it tests, which have none of their own name.
TESTED_BY = {
    "backend/test_compilation_cache.py": "backend.programs",
    "checkpoints/safe_pickle/test_safe_pickle.py": """checkpoints.safe_pickle.arrays
        checkpoints.safe_pickle.compressed checkpoints.safe_pickle.dtypes
        checkpoints.safe_pickle.limits checkpoints.safe_pickle.records
        checkpoints.safe_pickle.source checkpoints.safe_pickle.stack
        checkpoints.safe_pickle.stream""",
    "checkpoints/test_file.py": "checkpoints.fitting checkpoints.lock",
    "dataset/test_batches.py": "dataset.shown_captions",
    "dataset/test_cache.py": "dataset.contents",
    "dataset/test_caption_finding.py": """dataset.caption_metadata dataset.caption_sources
        dataset.caption_texts""",
    "dataset/test_examine.py": "dataset.findings",
    "dataset/test_quantisation.py": "commands.quantize",
    "drawing/test_drawing_by_words.py": "drawing.known_words",
    "drawing/test_plan.py": "drawing.draw_request",
    "drawing/test_predictor.py": "drawing.drawn drawing.samplers drawing.signature",
    "drawing/test_recipe.py": "pictures.metadata",
    "drawing/test_sampler.py": "drawing.choice drawing.noise drawing.one_by_one",
    "drawing/test_sketch.py": "drawing.canvas drawing.used_files",
    "faults/test_api_values.py": "settings.checks settings.drawing settings.training",
    "faults/test_keep_policy.py": "checkpoints.keeping",
    "faults/test_writes.py": "commands.download",
    "insight/test_evaluator.py": "commands.evaluate",
    "insight/test_plots.py": "commands.plot",
    "insight/test_report.py": "commands.report",
    "models/layers/test_dropout.py": "models.layers.replacing",
    "models/layers/test_masked_convolutions.py": "models.layers.raster",
    "models/test_export.py": "commands.export",
    "models/test_pointer.py": "models.layers.pointer_head",
    "drawing/test_particles.py": "drawing.completing models.memory",
    "models/test_build.py": """backend.types models.attention models.layers.closed_ids
        models.weights""",
    "pictures/test_collage.py": "pictures.writing",
    "pictures/formats/test_orientation.py": "pictures.formats.avif",
    "pictures/test_palettes.py": "pictures.known_palettes",
    "pictures/test_reading.py": "pictures.rgb",
    "pictures/test_walking.py": "pictures.folder pictures.formats.suffixes",
    "serving/test_server.py": "commands.serve",
    "settings/test_model.py": "checkpoints.config_file",
    "test_cli.py": "__init__ __main__ commands errors",
    "tokens/test_codec.py": "tokens.grey tokens.levels tokens.rgb",
    "tokens/test_tokens.py": "tokens.hsv tokens.vocabulary",
    "training/test_planning.py": "commands.plan",
    "training/test_run.py": "training.watching.observer",
    "web/test_download.py": "web.limits",
    "zoo/test_download.py": "zoo.catalogue",
}

# Folders of tests, and tests among those of a room, that are about no one module.
OF_SEVERAL = (
    *("examples", "faults", "tools", "whole"),
    *("drawing/test_drawing_by_words.py", "drawing/test_sampling_models.py"),
)


def modules():
    """Returns the modules that hold more than a docstring; a package is called as its folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
            if len(ast.parse(path.read_text("utf-8")).body) < 2:
                continue
        found[".".join(parts)] = path
    return found


MODULES = modules()


def own_tests(name):
    """Returns where the tests of a module of that name may lie; those of a package also inside."""
    *rooms, last = name.split(".")
    folder = TESTS.joinpath(*rooms)
    return {folder / f"test_{last}.py", folder / last / f"test_{last}.py"}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_tested_where_one_looks_for_it(name):
    elsewhere = {TESTS / file for file, names in TESTED_BY.items() if name in names.split()}
    assert any(path.exists() for path in own_tests(name) | elsewhere), (
        f"write tests/{name.replace('.', '/')} with test_ before its last part, or name in "
        "TESTED_BY the file that tests it"
    )


@pytest.mark.parametrize("file", TESTED_BY)
def test_what_the_table_names_is_there(file):
    assert (TESTS / file).exists()
    assert set(TESTED_BY[file].split()) <= MODULES.keys()


def test_a_test_has_the_name_of_what_it_tests():
    named = set().union(*map(own_tests, MODULES))
    for path in TESTS.rglob("test_*.py"):
        place = path.relative_to(TESTS)
        is_of_several = place.parts[0] in OF_SEVERAL or place.as_posix() in OF_SEVERAL
        assert is_of_several or path in named, f"no module has the name of {place}"
