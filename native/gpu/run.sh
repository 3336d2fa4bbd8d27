#!/bin/sh
# Runs the kit on a machine with a GPU: ./run.sh [PART...], see run.py. Reports go to $OUT, or to
# report/ beside this file.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
exec python3 "$here/run.py" "$@"
