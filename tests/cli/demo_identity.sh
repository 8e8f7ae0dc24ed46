#!/usr/bin/env bash
# The chapter of the ID encoders runs through, with every exit code that it shows.
set -euo pipefail
"$TENON_SOURCE_DIR/tools/demo" --identity
