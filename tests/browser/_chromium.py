"""A headless Chromium, driven over its debugging pipe. Standard library only."""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE_S = 60


def program():
    """TENON_CHROMIUM, or the program of Debian's package."""
    found = os.environ.get("TENON_CHROMIUM") or shutil.which("chromium")
    if not found:
        raise FileNotFoundError("no chromium: tools/setup chromium installs it, or TENON_CHROMIUM names one")
    return found


class Browser:
    """One process; messages are JSON, each ended by a NUL."""

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="tenon-chromium-")
        reading, self.to = os.pipe()
        self.back, writing = os.pipe()
        flags = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run",
                 "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-extensions"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # it refuses to run as root otherwise
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{reading} 4>&{writing}', program(), *flags, "about:blank"],
            pass_fds=(reading, writing), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(reading)
        os.close(writing)
        self.received, self.events, self.last = b"", [], 0
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    def next_message(self):
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self.received:
            ready, _, _ = select.select([self.back], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.back, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser says nothing more")
            self.received += chunk
        message, self.received = self.received.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, session=None, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next_message()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        """The page at a file's path, loaded."""
        return Page(self, path)


class Page:
    def __init__(self, browser, path):
        self.browser = browser
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())
        while not self.seen("Page.loadEventFired"):
            browser.events.append(browser.next_message())

    def ask(self, method, **parameters):
        return self.browser.ask(method, self.session, **parameters)

    def seen(self, method):
        """The parameters of all events of this page that are called `method`."""
        return [e["params"] for e in self.browser.events if e.get("sessionId") == self.session and e["method"] == method]

    def evaluate(self, expression):
        """The value of an expression, awaited; what it throws is an error here."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def requests(self):
        return [event["request"]["url"] for event in self.seen("Network.requestWillBeSent")]

    def complaints(self):
        """Everything that went wrong in the page: exceptions, errors of the log, dialogs."""
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        thrown = [event["exceptionDetails"] for event in self.seen("Runtime.exceptionThrown")]
        logged = [event["entry"] for event in self.seen("Log.entryAdded")]
        return thrown + logged + self.seen("Page.javascriptDialogOpening")

    def type(self, selector, text):
        """Puts text into a field as a user does: focused, replaced whole, key by key."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        self.ask("Input.dispatchKeyEvent", type="keyDown", key="Delete", windowsVirtualKeyCode=46)
        for character in text:
            self.ask("Input.dispatchKeyEvent", type="keyDown", text=character, key=character)
            self.ask("Input.dispatchKeyEvent", type="keyUp", key=character)

    def click(self, selector, text):
        """Clicks the element of that selector that begins with that text, with the mouse."""
        x, y = self.evaluate(f"""(() => {{
          const found = [...document.querySelectorAll({json.dumps(selector)})].find((e) => e.textContent.startsWith({json.dumps(text)}));
          found.scrollIntoView({{block: "center"}});
          const box = found.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
