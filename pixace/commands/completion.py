"""`pixace completion`."""

from __future__ import annotations

import importlib
import shlex

from absl import flags

from pixace.commands import COMMANDS
from pixace.commands.flags import define_common_flags

_BASH = """\
_pixace() {{
    local words
    case $COMP_CWORD:${{COMP_WORDS[1]}} in
        1:*) words={commands} ;;
{cases}
    esac
    [[ ${{COMP_WORDS[COMP_CWORD]}} == -* || $COMP_CWORD == 1 ]] || words=
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -o nospace -F _pixace pixace"""
# zsh runs the same, by its own emulation of bash.
_ZSH = """\
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
"""
_SHELLS = ("bash", "zsh", "fish")


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    flags.DEFINE_enum(
        "shell",
        "bash",
        _SHELLS,
        'The shell: eval "$(pixace completion --shell=bash)" in its start-up file, for fish '
        "pixace completion --shell=fish | source.",
        flag_values=values,
    )


def flags_of(command: str) -> dict[str, flags.Flag]:
    """Returns the flags that a command has, by name."""
    values = flags.FlagValues()
    importlib.import_module(f"pixace.commands.{command}").define_flags(values)
    define_common_flags(values)
    return {name: values[name] for name in values}


def run(values: flags.FlagValues) -> None:
    """Prints the script that makes a shell complete commands and flags."""
    shell = values["shell"].value
    if shell == "fish":
        print(_fish())
    else:
        print(_ZSH * (shell == "zsh") + _bash())


def _bash() -> str:
    cases = []
    for command in COMMANDS:
        words = (f"--{name}" + "=" * (not flag.boolean) for name, flag in flags_of(command).items())
        cases.append(f"        *:{command}) words={shlex.quote(' '.join(words))} ;;")
    return _BASH.format(commands=shlex.quote(" ".join(COMMANDS)), cases="\n".join(cases))


def _fish() -> str:
    lines = []
    for command, purpose in COMMANDS.items():
        lines.append(
            f"complete -c pixace -n __fish_use_subcommand -f -a {command} -d {shlex.quote(purpose)}"
        )
        for name, flag in flags_of(command).items():
            value = "" if flag.boolean else " -r"
            lines.append(
                f"complete -c pixace -n '__fish_seen_subcommand_from {command}' -l {name}{value} "
                f"-d {shlex.quote((flag.help or '').partition('.')[0])}"
            )
    return "\n".join(lines)
