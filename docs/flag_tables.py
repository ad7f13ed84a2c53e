"""Fills the README's tables of flags from the flags themselves.

    python docs/flag_tables.py [--check]

Below the heading of a command, the first cell of a row names a flag; this script writes the others:
its default, and what it is in one sentence. With --check it only says whether it would change them.
"""

import re
import sys
from pathlib import Path

from absl import flags

from pixace.commands import COMMANDS
from pixace.commands.completion import flags_of

README = Path(__file__).parents[1] / "README.md"
_SWITCH = {"false": "off", "true": "on"}


def main() -> None:
    """Rewrites the README, or compares it with what it should be."""
    text = README.read_text(encoding="utf-8")
    if sys.argv[1:] != ["--check"]:
        README.write_text(filled(text), encoding="utf-8")
    elif filled(text) != text:
        sys.exit(f"{README.name} and the flags differ; run: python docs/flag_tables.py")


def filled(text: str) -> str:
    """Returns a document whose rows say of each flag what its command does."""
    lines, command = [], ""
    for line in text.split("\n"):
        if heading := re.fullmatch(r"#+ (.*)", line):
            command = heading[1]
        row = re.fullmatch(r"\| `--(\w+)` \|.*", line)
        lines.append(_row(flags_of(command)[row[1]]) if row and command in COMMANDS else line)
    return "\n".join(lines)


def _row(flag: flags.Flag) -> str:
    """Returns the row of one flag."""
    help_text = re.sub(r"^<.*?>: ", "", flag.help)  # the choices of an enumeration
    first = re.split(r"\.(?= [A-Z]|$)", help_text)[0]
    found = re.fullmatch(r"(.*?)(?: \(default: (.*)\))?", first)
    assert found is not None, "every part may be missing"
    sentence, unset = found[1][0].lower() + found[1][1:], found[2] or ""
    for word in [r"--\w+(=\S+)?", *getattr(flag.parser, "enum_values", ())]:
        sentence = re.sub(rf"(?<![`\w]){word}(?!\w)", r"`\g<0>`", sentence)
    default = (flag.default_as_str or "").strip("'")
    cells = (f"`--{flag.name}`", _SWITCH.get(default, default) or unset, sentence)
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


if __name__ == "__main__":
    main()
