"""The process: `pixace`, and `python -m pixace`, which is the same."""

import signal
import sys

from pixace.system.allocator import keep_freed_memory
from pixace.system.signals import end_at_once


def main() -> int:
    """Runs one command; returns the exit status.

    Until the command's own code is ready to be stopped, a Ctrl-C just ends the process: Python's
    way would be a traceback out of the midst of an import.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, end_at_once)
    keep_freed_memory()
    from pixace import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
