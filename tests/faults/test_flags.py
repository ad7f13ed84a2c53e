"""Any value of any flag works, or is refused in one line that names the flag."""

import contextlib
import importlib
import io
import os
import random
import shutil
import signal
from pathlib import Path

import pytest
from absl import flags
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixace.cli import main
from pixace.commands import COMMANDS
from pixace.errors import CheckpointError
from tests.tools.tiny import TINY
from tests.tools.worded import write_worded

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("_messages_as_before")]

HANGS = 120  # seconds, for one command that reads a few tiny files


def flags_of(command: str) -> dict[str, flags.Flag]:
    """Returns the flags that a command has, from the command itself."""
    values = flags.FlagValues()
    importlib.import_module(f"pixace.commands.{command}").define_flags(values)
    return {name: values[name] for name in values}


FLAGS = [(command, name) for command in COMMANDS for name in flags_of(command)]

ALIASES = {"n_images": "batch_size", "model_dir": "weights_dir"}
# Of words, with those that need some to be said and those that say them.
NEED_WORDS, SAY_WORDS = ("guidance", "best_of_by", "labels"), ("text", "texts", "class")
CLUSTER = ("coordinator", "num_processes", "process_id")

# --- values -------------------------------------------------------------------------------------

HUGE = ["2147483648", str(2**63), str(10**30), "9" * 4000, "9" * 5000]
NUMBERS = ["-1", "0", "1", "7", "0x10", "1_000", " 5", "+5", "٣", "1e3", "²", *HUGE]
FRACTIONS = ["-0.0", "1e-320", "0.5", "1e308", "1e999", "nan", "-inf", "inf", "0,5"]
WORDS = [
    "",
    " ",
    ".",
    "..",
    "-",
    "--",
    "-x",
    "a/b",
    "a\\b",
    "none",
    "None",
    "true",
    "latest",
    "best",
    "é",
    "🙂",
    "a\0b",
    "a\nb",
    "a\x1b[2J",
    "\udcff",  # of a command line that is no UTF-8
    "x" * 300,
    "x" * 100_000,
    "%s{}$HOME`",
    "http://[",
    "ftp://x/y",
    "file:///nowhere",
    "~nobody/x",
    "o.png",
    ".png",
    "a\nb.png",
    "é\udcff.gif",
    "o.svg",
    "o.html",
    "x" * 300 + ".png",
    "#12",
    "hsl(nan,1%,1%)",
    "rgb(" + "9" * 5000 + ",0,0)",
    "#fffffffff",
    "?",
    "|",
    "frog:1 | a red heart:-2",
    "frog:21",
    "frog:1e999",
    ":",
    "\\:",
    "fr\u0301og\ufe0f",
]
LISTS = [",", "1,,2", "1,", ",1", "a,,b", '"', '"a', "1;2;3", "1," * 5000 + "1", "5,4,4", "0,0,0"]
LISTS += ["8,8,8", "-1,5,5", "nan,1", "1e308,inf", "1,2,3,4", "5,4,4,", "1\n2,3", "0.5,0.5"]
SIZES = ["10GB", "1 KB", "0GB", "-1GB", "9" * 12 + "TB", "1e9", "GB", "1.5.5GB", "1MBB"]
ADDRESSES = ["localhost:1", "x:0", "x:65536", ":1", "x:", "x:" + "1" * 5000, "[::1]:1", "a b:1"]
ADDRESSES += ["x:٣", "\0:1", "é\udcff:1"]
SWITCHES = ["true", "false", "yes", "1", "0", "TRUE", "maybe"]
DIGESTS = ["0" * 64, "g" * 64, "0" * 63, "٣" * 64, "0" * 64 + "\n"]
EDGES = [*NUMBERS, *FRACTIONS, *WORDS, *LISTS, *SIZES, *ADDRESSES, *SWITCHES, *DIGESTS]

# What can be an argument of a process, and NUL, which a file of flags can hold.
LETTERS = st.characters(exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]
)
TEXTS = st.text(LETTERS, max_size=40)
ANY_VALUE = st.one_of(
    st.sampled_from(EDGES),
    TEXTS,
    st.integers().map(str),
    st.integers(-5, 5000).map(str),
    st.floats().map(str),
    st.lists(st.integers(-2, 9).map(str) | TEXTS, max_size=5).map(",".join),
    st.builds("{}.{}".format, TEXTS, st.sampled_from(["png", "JPG", "webp", "gif", "svg", "html"])),
)

# --- commands that end soon, whatever the flag is -------------------------------------------------


@pytest.fixture(scope="module")
def world(weights_dir, painted, tmp_path_factory):
    """A folder with what commands need."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copytree(painted / "val", folder / "photos")
    shutil.copytree(weights_dir / "transformer", folder / "models" / "transformer")
    write_worded(folder / "models", "pixelcnn", "worded")
    for name, whole in (("damaged", "transformer"), ("damaged-words", "worded")):
        damaged = folder / "models" / name
        damaged.mkdir()
        shutil.copy(folder / "models" / whole / "config.json", damaged)
        (damaged / "model.pkl.gz").write_bytes(b"no weights")
    return folder


def words_for(command: str, flag: str, world: Path) -> list[str]:
    """Returns flags with which a command checks all others, and then has next to nothing to do."""
    photos, models = f"--images={world}/photos", f"--weights_dir={world}/models"
    prompt = f"--prompt={world}/photos/disc-000.png"
    tiny = [f"--{name}={value}" for name, value in TINY.items() if name != "bitdepth"]
    tiny += ["--bitdepth=2,1,2", "--model_type=transformer"]
    worded = [models, "--model_name=damaged-words"]
    damaged, real = [models, "--model_name=damaged"], [models, "--model_name=transformer"]
    url = f"--url={world}/models/transformer/model.pkl.gz"
    others = ["--coordinator=localhost:1", "--num_processes=2", "--process_id=0"]
    # All of a prompt is kept, so that nothing needs drawing.
    kept = [*real, prompt, f"--cut={TINY['image_size'] ** 2}", "--scale=9"]
    words = {
        "completion": [],
        "download": [f"--weights_dir={world}/fetched", "--model_name=new", url],
        "check": [photos],
        "quantize": [photos, "--n_images=2", "--scale=64", "--image_size=8"],
        "train": [photos, *damaged, *tiny],
        "plan": ["--images=missing", *tiny, "--memory=1MB"],
        "predict": [*damaged, prompt],
        "evaluate": [photos, *damaged],
        "score": [photos, *damaged],
        "plot": damaged,
        "report": real,
        "serve": [models, "--model_name=missing"],
        "export": [*damaged, "--out=m.safetensors"],
    }
    special = {
        # Which is no address of this machine, so that a model that there is does not serve it.
        ("serve", "model_name"): [models, "--host=203.0.113.1"],
        ("check", "split"): [photos, "--out=split"],
        ("check", "out"): [photos, "--split=0.5"],
        ("train", "model_name"): [*words["train"], "--checkpoint=missing"],
        ("train", "weights_dir"): [*words["train"], "--checkpoint=missing"],
        ("train", "model_dir"): [*words["train"], "--checkpoint=missing"],
        **{("train", name): ["--images=missing", *others] for name in CLUSTER},
        **{("predict", name): kept for name in ("out", "film", "sheet", "prompt")},
        ("plot", "out"): real,
        **{("predict", name): [*worded, "--text=frog"] for name in NEED_WORDS},
        **{("predict", name): worded for name in SAY_WORDS},
        ("score", "text"): [photos, *worded, "--text=frog"],
        ("score", "classes"): [photos, *worded],
        **{(command, "captions"): [photos, *worded] for command in ("evaluate", "score")},
    }
    return special.get((command, flag), words[command])


def said(words: list[str]) -> tuple[int, str]:
    """Runs a command in this process; returns its exit code and what it has written to stderr."""

    def hangs(number, frame):
        raise AssertionError(f"it hangs: {words}")

    err = io.StringIO()
    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS)
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as out,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            return main(words), err.getvalue()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(command: str, flag: str, words: list[str], usual: str | None = None) -> None:
    """Checks that a command works, or refuses its words in one line that names what is wrong.

    Args:
      command: its name.
      flag: what the line names.
      words: of the command.
      usual: what the command says that works, and then meets what is damaged or missing; None where
        the flag may name other things that are missing.
    """
    code, err = said([command, *words])
    assert code in (0, 1, 2)
    if code:
        last = err.splitlines()[-1]
        assert last.startswith("pixace: ")
        assert err.endswith("\n")
        assert last.isprintable()
    if code == 2:
        names = {flag, ALIASES.get(flag, flag)}
        assert err.count("\n") == 1
        assert any(name in last for name in names), f"{last} does not name --{flag}"
    if code == 1 and usual is not None:
        assert last == usual


@pytest.mark.parametrize(("command", "name"), FLAGS)
def test_any_value_works_or_is_refused_in_one_line(world, tally, monkeypatch, command, name):
    here = world / "cwd" / command / name / "some" / "way" / "below"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    flag = flags_of(command)[name]
    before = words_for(command, name, world)
    is_number = flag.flag_type() in ("int", "float")
    usual = "".join(said([command, *before])[1].splitlines()[-1:]) if is_number else None
    edges = NUMBERS + FRACTIONS if is_number else SWITCHES if flag.boolean else EDGES
    few = random.Random(f"{command} {name}").sample(edges, min(len(edges), 6))
    tried = []

    def attempt(value: str) -> None:
        tried.append(value)
        shutil.rmtree("split", ignore_errors=True)
        judge(command, name, [*before, f"--{name}={value}"], usual)

    for value in EDGES if tally.thorough else few:
        attempt(value)
    examples = settings(
        max_examples=tally.cases(3, 100),
        derandomize=not tally.thorough,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    examples(given(ANY_VALUE)(attempt))()
    for words in (
        [f"--{name}"],
        [f"-{name}=1"],
        [f"--no{name}"],
        [f"--no{name}=1"],
        [f"--{name}=1", f"--{name}=,"],
    ):
        tried.append(words)
        judge(command, name, [*before, *words])
    tally.add(
        "wild values of the command line's flags", len(tried), lost="nothing: refused by name"
    )


# --- names that could lead out of the weights folder ----------------------------------------------

NAMES = ["../x", "../../x", "/tmp/x", "", ".", "..", "...", "a\0b", "a\nb", "x" * 101, "x" * 255]
NAMES += ["x" * 5000, "é" * 51, "a/b", "a/../../x", "a\\..\\b", "..\\x", "~", "~/x", "-x", "--help"]
NAMES += ["CON", "NUL.txt", "a:b", "C:\\x", "C:x", " x", "x ", "x.", ".x", "\udcff", "\u202ex", "*"]
LINKS = ["link", "dangling", "looping", "way-out"]


def contents(folder: Path) -> dict[str, object]:
    """Returns what lies below a folder, by name: the target of a link, the bytes of a file."""
    found = {}
    for top, folders, files in os.walk(folder):
        for path in (Path(top, name) for name in folders + files):
            whole = str(path.relative_to(folder))
            if path.is_symlink():
                found[whole] = os.readlink(path)
            else:
                found[whole] = path.is_dir() or path.read_bytes()
    return found


def add_links(models: Path, outside: Path) -> None:
    """Puts ways out of a weights folder into it."""
    (outside / "pictures").mkdir(parents=True)
    (outside / "precious").write_text("mine")
    (models / "link").symlink_to(outside)
    (models / "dangling").symlink_to(outside / "new")
    (models / "looping").symlink_to("looping")
    (models / "way-out").mkdir()
    (models / "way-out" / ".lock").symlink_to(outside / "precious")
    (models / "way-out" / "pictures").symlink_to(outside / "pictures")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(word, marks=pytest.mark.slow) if word == "train" else word
        for word, name in FLAGS
        if name == "model_name"
    ],
)
def test_no_name_of_a_model_leads_out_of_the_weights_folder(world, tally, monkeypatch, command):
    here = world / "named" / command
    models = here / "models"
    models.mkdir(parents=True)
    (here / "cwd").mkdir()
    add_links(models, here / "outside")
    monkeypatch.chdir(here / "cwd")
    words = [word for word in words_for(command, "model_name", world) if "missing" not in word]
    words += [f"--weights_dir={models}"]
    words += ["--steps_per_epoch=1", "--n_epochs=1"] * (command == "train")
    before = contents(here)
    # Those that are plain names after all would be trained, which takes its time.
    names = [*(name for name in NAMES if command != "train" or not is_plain(name)), *LINKS]
    for name in names:
        judge(command, "model_name", [*words, f"--model_name={name}"])
        after = contents(here)
        new = {path for path in after if after[path] != before.get(path)}
        assert all(Path("models") in Path(path).parents for path in new), name
        assert before.items() <= after.items(), name
    tally.add("names of models that lead elsewhere", len(names), lost="nothing outside is touched")


def is_plain(name: str) -> bool:
    """Says whether a model may be called so."""
    return name in ("-x", "--help", "CON", "NUL.txt", "a:b", "C:x", "x.", "*")


def test_a_lock_that_a_stranger_has_put_there_is_no_way_out(tmp_path):
    """A FIFO is not waited for, and the other name of a file costs nothing of what it holds."""
    from pixace.checkpoints.lock import training_lock

    (tmp_path / "precious").write_text("mine")
    for name, make in (
        ("hard", lambda path: os.link(tmp_path / "precious", path)),
        ("fifo", os.mkfifo),
    ):
        (tmp_path / name).mkdir()
        make(tmp_path / name / ".lock")
        with training_lock(tmp_path / name):
            pass
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path):
    """Not even a new file is made outside."""
    from pixace.checkpoints.lock import training_lock

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / ".lock").symlink_to(tmp_path / "outside")
    with (
        pytest.raises(CheckpointError, match="leads elsewhere|cannot write here"),
        training_lock(tmp_path / "model"),
    ):
        pass
    assert not (tmp_path / "outside").exists()
