"""How long the page of a report takes to open, in the browser of the tests."""

import pathlib
import sys

from .measure import Row, median

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "browser"))
from _chromium import Browser

SECOND_FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"


def row(tenon, folder, checkpoint, tensors, rounds):
    """From the navigation to the second frame that shows the report; the browser is already running."""
    path = folder / "report.html"
    tenon.run("check", checkpoint, "--html", path)
    with Browser() as browser:
        milliseconds = median(lambda: browser.open(path).evaluate(SECOND_FRAME) / 1e3, rounds) * 1e3
    return Row(f"page of `check --html`, {tensors} tensors, in Chromium", milliseconds, limit=2000)
