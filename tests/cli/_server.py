"""Runs tenon's commands in a program that has LibTorch started already (server.cpp): the same answers in a tenth of the time.

For tests of what a command answers. What a process is (its start, its streams, signals, memory) is tested with _support.tenon.
"""
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from _support import TENON

_SERVER = os.environ["TENON_SERVER"]
_of_thread = threading.local()


class _Server:
    """One command at a time."""

    def __init__(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(300)
        with theirs:
            self.process = subprocess.Popen([_SERVER, TENON], stdin=theirs, start_new_session=True)

    def run(self, arguments, folder):
        """The exit code, standard output and standard error."""
        words = [os.fspath(folder or os.getcwd()), *map(os.fspath, arguments)]
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            packet = b"".join(os.fsencode(word) + b"\0" for word in words)
            socket.send_fds(self.socket, [packet], [output.fileno(), errors.fileno()])
            code, = struct.unpack("i", self._answer(words))
            contents = []
            for stream in output, errors:
                stream.seek(0)
                contents.append(stream.read())
        return code, *contents

    def _answer(self, words):
        try:
            return self.socket.recv(4)
        except TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"no end: {words}") from None


def tenon(*arguments, cwd=None):
    """As _support.tenon."""
    if not hasattr(_of_thread, "server"):
        _of_thread.server = _Server()
    code, output, errors = _of_thread.server.run(arguments, cwd)
    return subprocess.CompletedProcess([TENON, *arguments], code, output, errors)


def document(*arguments):
    """As _support.document."""
    done = tenon(*arguments, "--json")
    return done.returncode, json.loads(done.stdout.decode("utf-8"))
