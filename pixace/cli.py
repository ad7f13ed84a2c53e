"""The `pixace` command: finds the command word, parses its flags, reports errors."""

from __future__ import annotations

import difflib
import importlib
import io
import logging
import signal
import sys
import textwrap
import warnings
from collections.abc import Sequence
from types import ModuleType

from absl import flags

from pixace import __version__
from pixace.commands import COMMANDS
from pixace.errors import PixaceError, UsageError
from pixace.system.command_clock import start_clock
from pixace.system.limits import THREADS_OF_PYTHON, n_cores, require_threads
from pixace.system.signals import SavedAndStopped, StopSignal, signals_held_back, stopping
from pixace.system.streams import lead_nowhere, open_standard_streams, tell
from pixace.wording import one_line, reason, shortage

_log = logging.getLogger(__name__)

_HELP_WORDS = ("-h", "-help", "--help", "-helpshort", "--helpshort")
_FULL_HELP_WORDS = ("-helpfull", "--helpfull")
_VERBOSE = "--verbose"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the words after the program's name; those of the process by default.

    Returns:
      The exit status: 0; 1 for a failure; 2 for wrong usage; 128 + the signal's number.
    """
    start_clock(is_process=argv is None)
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_standard_streams()
    _set_up_messages()
    try:
        with stopping():
            status = _dispatch(arguments)
            sys.stdout.flush()
            return status
    except SavedAndStopped as stop:
        tell(stop)
        return stop.exit_code
    except PixaceError as error:
        tell(one_line(f"pixace: {error}"))
        return error.exit_code
    except KeyboardInterrupt as stop:
        tell("pixace: stopped")
        return stop.exit_code if isinstance(stop, StopSignal) else 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of our output has gone: `pixace --help | head -1`
        lead_nowhere(sys.stdout.fileno())
        return 1
    except OSError as error:  # the machine's, not ours: `pixace --help > /dev/full`
        tell(f"pixace: {reason(error)}")
        lead_nowhere(sys.stdout.fileno())
        return 1
    except (MemoryError, ImportError, RuntimeError) as error:
        words = shortage(error)
        if words is None:
            raise
        tell(f"pixace: {words}")
        return 1


def _dispatch(arguments: list[str]) -> int:
    is_verbose = arguments[:1] == [_VERBOSE]
    arguments = arguments[is_verbose:]
    if not arguments or arguments[0] in (*_HELP_WORDS, *_FULL_HELP_WORDS, "help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(f"pixace {__version__}")
        return 0
    word, *rest = arguments
    if word not in COMMANDS:
        raise UsageError(_unknown_command(word))
    require_threads(THREADS_OF_PYTHON)
    with signals_held_back():
        command = importlib.import_module(f"pixace.commands.{word}")
        common = importlib.import_module("pixace.commands.flags")
    values = flags.FlagValues()
    command.define_flags(values)
    common.define_common_flags(values)
    if any(argument in _HELP_WORDS for argument in rest):
        print(_command_help(word, values))
        return 0
    if any(argument in _FULL_HELP_WORDS for argument in rest):
        print(f"{_usage(word)}\n{values.get_help()}")
        return 0
    try:
        _parse(word, values, rest)
        _run(command, common, values, is_verbose)
    except UsageError as error:
        raise UsageError(common.as_typed(str(error), rest)) from None
    _log.debug("%s is done", word)
    return 0


def _run(
    command: ModuleType, common: ModuleType, values: flags.FlagValues, is_verbose: bool
) -> None:
    """Does the work of a command."""
    if is_verbose or values["verbose"].value:
        logging.getLogger("pixace").setLevel(logging.DEBUG)
    python = sys.version.split()[0]
    _log.debug("pixace %s on %s: Python %s, %d cores", __version__, sys.platform, python, n_cores())
    with common.checkpoint_limit(values):
        command.run(values)


def _parse(word: str, values: flags.FlagValues, arguments: list[str]) -> None:
    """Fills the flags from the command line.

    Raises:
      UsageError: an unknown flag, a value that does not parse, or a word that is no flag.
    """
    try:
        _, *extra = values([word, *arguments])
    except (flags.Error, ValueError) as error:  # the latter from a file of flags that is no text
        message = " ".join(str(error).split())
        raise UsageError(f"{message} (see: pixace {word} --help)") from None
    if extra:
        raise UsageError(f"unexpected argument {extra[0]!r} (see: pixace {word} --help)")


def _unknown_command(word: str) -> str:
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    advice = f"did you mean {near[0]}?" if near else f"commands are {', '.join(COMMANDS)}"
    return f"unknown command {word!r}; {advice}"


def _overview() -> str:
    commands = "\n".join(f"  {word:<10} {purpose}" for word, purpose in COMMANDS.items())
    return (
        f"pixace {__version__}: learns to draw from a folder of images\n\n"
        f"usage: pixace COMMAND --flags\n\n{commands}\n\n"
        "pixace COMMAND --help lists the flags of a command; pixace --verbose COMMAND --flags\n"
        "tells what is happening inside."
    )


def _usage(word: str) -> str:
    return f"usage: pixace {word} --flags\n\n{COMMANDS[word]}\n"


def _command_help(word: str, values: flags.FlagValues) -> str:
    """Lists a command's own flags with their defaults, in the order of their definition."""
    lines = [_usage(word)]
    for name, flag in values._flags().items():  # keeps the order; the public views sort
        default = flag.default_as_str
        given = "" if default is None else f"={default.strip(chr(39))}"
        lines.append(f"  --{name}{given}")
        lines += textwrap.wrap(flag.help, 90, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


class _MessageFormatter(logging.Formatter):
    """Shows a message as it is; marks what the user should not overlook, and times the details."""

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record)
        if record.levelno <= logging.DEBUG:
            return f"{record.relativeCreated / 1000:7.2f} s  {message}"  # since the start
        return f"warning: {message}" if record.levelno >= logging.WARNING else message


class _StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever `sys.stderr` is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _set_up_messages() -> None:
    """Sends the package's messages to stderr, and those of the libraries below it nowhere.

    Results go to stdout, whatever letters they have.
    """
    logger = logging.getLogger("pixace")
    if not logger.handlers:
        handler = _StandardError()
        handler.setFormatter(_MessageFormatter())
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # A name may have letters that the output's encoding has not: they become \xe9, as on stderr.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    warnings.filterwarnings("ignore", module=r"(jax|trax|tensorflow|keras|gym)\b")
