#!/bin/sh
# All that a GPU is to be asked about pixace, in one command of at most nine minutes; what it takes
# and what it writes is told by gpu.py beside it.
#
#     sh benchmarks/gpu.sh --folder=FOLDER [--packages=FOLDER] [--images=DIR --val_images=DIR] ...
#
# PYTHON names the interpreter that has JAX, python3 by default.
set -eu

PYTHON=${PYTHON:-python3}
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$PYTHON is no Python of 3.11 or later; name one: PYTHON=... sh $0" >&2
    exit 1
fi
exec "$PYTHON" "$(dirname "$0")/gpu.py" "$@"
