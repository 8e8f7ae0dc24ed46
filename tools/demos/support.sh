# What every chapter of the demo begins with: the program, a folder that goes away, and two ways to speak.
# A chapter is run from the repository's root by tools/demo, which says in TENON which program to show.
set -euo pipefail

tenon() {
  "$TENON" "$@"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() {
  printf '\n\033[1m%s\033[0m\n' "$@"
}

# show EXIT_CODE COMMAND...: prints the command as one would type it, runs it, and insists on its exit code.
show() {
  local expected=$1 code=0
  shift
  printf '\n$ %s\n' "${*//$work\//}"
  set +e
  "$@" 2>&1 | sed "s#$work/##g"
  code=${PIPESTATUS[0]}
  set -e
  if [ "$code" -ne "$expected" ]; then
    echo "tools/demo: exit code $code, expected $expected" >&2
    exit 1
  fi
}
