#!/usr/bin/env bash
# The chapter of the failures runs through: each file is refused for its reason or loads, with the exit code that is shown.
set -euo pipefail
"$TENON_SOURCE_DIR/tools/demo" --failures
