#!/usr/bin/env bash
# The demo runs through, which it only does when every verb answers with the exit code it shows.
set -euo pipefail
"$TENON_SOURCE_DIR/tools/demo"
