"""Refusals that one reader adds to the other's, held against a list of how often each occurs."""

import os
import pathlib
import re

ROWS = "\n".join(path.read_text() for path in
                 sorted(pathlib.Path(os.environ["TENON_SOURCE_DIR"], "tests", "formats").glob("*_rows_test.cpp")))


def other_counts(listed, found):
    """A line for each reason that was not met exactly as often as listed."""
    return [f"{reason}: {found.get(reason, 0)} files, {listed.get(reason, 0)} are listed"
            for reason in sorted(listed.keys() | found.keys()) if found.get(reason, 0) != listed.get(reason, 0)]


def without_row(rows):
    """A line for each code of which no test of tests/formats by the name of its row says that it is refused so."""
    return [f"{code}: no test of row {row} asserts it" for code, row in rows.items()
            if not re.search(rf'"{row.replace("-", "_")}(_\w*)?".*"{code}"', ROWS)]
