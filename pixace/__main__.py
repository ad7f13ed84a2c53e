"""`python -m pixace` is the same as `pixace`."""

import sys

from pixace.cli import main

if __name__ == "__main__":
    sys.exit(main())
