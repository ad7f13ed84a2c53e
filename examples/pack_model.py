"""Makes a small copy of a trained model: its best weights as float16, and its settings.

    python examples/pack_model.py --model=model-weights/emoji --out=pixace/weights/emoji

float16 keeps 11 bits of each weight, which moves the likelihood in the fourth digit; the optimiser,
two thirds of a checkpoint, is left out. The copy is a model's folder like any other.
"""

import argparse
import gzip
import tempfile
from pathlib import Path

import numpy as np

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import Checkpoint, read_checkpoint, stored_config, write_checkpoint
from pixace.checkpoints.folder import LATEST_NAME, find_checkpoint
from pixace.checkpoints.resume import ResumeState
from pixace.system.files import file_sha256, write_atomically


def pack(folder: Path, out: Path, which: str) -> Path:
    """Writes the small copy of one of a model's checkpoints into a folder; returns its path."""
    path = find_checkpoint(folder, which)
    checkpoint = read_checkpoint(path)
    config = stored_config(path, checkpoint)
    if config is None:
        raise SystemExit(f"{path}: no settings beside it or inside")
    small = Checkpoint(
        checkpoint.step,
        [to_float16(array) for array in checkpoint.weights],
        history=checkpoint.history,
        resume=ResumeState(config=config, words=checkpoint.resume.words),
    )
    with tempfile.TemporaryDirectory() as scratch:
        stored = Path(scratch) / LATEST_NAME
        write_checkpoint(stored, small, {})
        contents = gzip.decompress(stored.read_bytes())
    save_config(out, config)
    write_atomically(out / LATEST_NAME, gzip.compress(contents, mtime=0))
    return out / LATEST_NAME


def to_float16(array: np.ndarray) -> np.ndarray:
    """Rounds an array to float16; stops where a number is too large for it."""
    small = array.astype(np.float16)
    if not np.isfinite(small).all():
        raise SystemExit("a weight is too large for float16")
    return small


def main() -> None:
    """Packs what the command line names, and prints the size of the copy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a trained model's folder")
    parser.add_argument("--checkpoint", default="best", help="a step, a path, latest or best")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the small copy")
    chosen = parser.parse_args()
    path = pack(chosen.model, chosen.out, chosen.checkpoint)
    print(f"{path}: {path.stat().st_size:,} bytes, SHA-256 {file_sha256(path)}")


if __name__ == "__main__":
    main()
