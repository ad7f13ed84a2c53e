"""What does it gain to use freed memory again, as the `pixace` command does on Linux?

    python benchmarks/allocator.py [--small] [--batch_size=2] [--rounds=3] [--steps=3]

Trains a pointer on random tokens in processes of their own, in turns: with memory given back to the
system as the C library does it by itself, and kept. The table shows the medians of the rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import statistics
import subprocess
import sys

from measuring import READY_CONFIG, machine
from training import prepare_ours

from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.allocator import keep_freed_memory

WAYS = ("given back", "kept")


def measure(config: ModelConfig, batch_size: int, n_steps: int) -> dict[str, float]:
    """Returns what a step takes of this process: seconds, those of the kernel, pages, memory."""
    train = prepare_ours(config, TrainingSettings(batch_size=batch_size), n_steps)
    train()
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds = train()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "s": seconds,
        "of the kernel": (after.ru_stime - before.ru_stime) / n_steps,
        "fresh pages": (after.ru_minflt - before.ru_minflt) / n_steps,
        "peak GB": after.ru_maxrss / 1e6,
    }


def main() -> None:
    """Measures both ways in turns, and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="as large as the ready model")
    parser.add_argument("--batch_size", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # of a process of its own
    arguments = parser.parse_args()
    config = ModelConfig("pointer")
    if arguments.small:
        config = dataclasses.replace(READY_CONFIG, model_type="pointer")
    if arguments.way is not None:
        if arguments.way == WAYS[1]:
            keep_freed_memory()
        print(json.dumps(measure(config, arguments.batch_size, arguments.steps)))
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(arguments.rounds):
        for way in WAYS:
            command = [sys.executable, *sys.argv, f"--way={way}"]
            asked = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[way].append(json.loads(asked.stdout.splitlines()[-1]))
    print(f"{machine()}\n")
    names = list(found[WAYS[0]][0])
    print(f"| a step, memory | {' | '.join(names)} |\n| --- {'| ---: ' * len(names)}|")
    for way in WAYS:
        values = [statistics.median(one[name] for one in found[way]) for name in names]
        print(f"| {way} | {' | '.join(f'{value:,.3f}' for value in values)} |")


if __name__ == "__main__":
    main()
