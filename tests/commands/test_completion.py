"""Shells complete the commands and flags that there are."""

import importlib
import shutil
import subprocess

import pytest
from absl import flags

from pixace.cli import main
from pixace.commands import COMMANDS


@pytest.fixture
def script(capsys):
    """Returns a function from a shell's name to its script."""

    def of(shell: str) -> str:
        assert main(["completion", f"--shell={shell}"]) == 0
        return capsys.readouterr().out

    return of


def completions(script: str, *words: str) -> list[str]:
    """Returns what bash makes of the last word of a command line."""
    quoted = " ".join(f"'{word}'" for word in words)
    program = f"{script}\nCOMP_WORDS=(pixace {quoted})\nCOMP_CWORD={len(words)}\n_pixace\n"
    done = subprocess.run(
        ["bash", "-c", program + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands(script):
    assert completions(script("bash"), "") == list(COMMANDS)
    assert completions(script("bash"), "ev") == ["evaluate"]


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_completes_the_flags_of_a_command(command, script):
    values = flags.FlagValues()
    importlib.import_module(f"pixace.commands.{command}").define_flags(values)
    found = {word.lstrip("-").rstrip("=") for word in completions(script("bash"), command, "--")}
    assert found == {*values, "verbose"}


def test_bash_leaves_the_values_of_flags_to_file_names(script):
    assert completions(script("bash"), "train", "--images", "=", "tr") == []
    assert completions(script("bash"), "train", "--model_n") == ["--model_name="]
    assert completions(script("bash"), "train", "--mirr") == ["--mirror"]


def test_zsh_emulates_bash(script):
    assert script("zsh").endswith(script("bash"))
    assert "bashcompinit" in script("zsh")


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_zsh_takes_its_script(script, tmp_path):
    program = script("zsh") + "print $_comps[pixace]"
    done = subprocess.run(
        ["zsh", "-f", "-c", program], capture_output=True, text=True, env={"HOME": str(tmp_path)}
    )
    assert done.stderr == ""
    assert "_pixace" in done.stdout


def test_fish_has_a_line_for_each_command_and_flag(script):
    lines = script("fish").splitlines()
    for command in COMMANDS:
        assert any(f" -a {command} " in line for line in lines)
    assert any("from train'" in line and " -l learning_rate -r " in line for line in lines)
    assert any("from train'" in line and " -l mirror -d " in line for line in lines)


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish")
def test_fish_takes_its_script(script):
    program = script("fish") + "complete -C 'pixace train --learning_r'"
    done = subprocess.run(["fish", "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("--learning_rate")
