"""A terminal of its own for `quandex run`, and the program without one: what the tests of the chat share. Takes the program
and the model from the first two arguments of the test.
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

PROGRAM, MODEL = sys.argv[1:3]  # of whichever test imports this
TIMEOUT_S = 60
READING, READ = b"\x1b[?2004h", b"\x1b[?2004l"  # bracketed paste: on while a line is typed
UP, CTRL_C, CTRL_D, ALT_ENTER = "\x1b[A", "\x03", "\x04", "\x1b\r"
# Tokens of a prompt that may be computed again although they were computed before.
RECOMPUTED_AT_MOST = 0


def plain(output):
    """What a terminal shows: without escape sequences and carriage returns."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", output.decode())


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *arguments, environment=None, model=None, state):
        self.output = b""
        self.at = 0  # how much of the output has been looked at
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            home = {"HOME": state, "XDG_STATE_HOME": state, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
            kept = {name: os.environ[name] for name in os.environ if name not in ("NO_COLOR", "LC_ALL", "LC_CTYPE")}
            os.execve(PROGRAM, [PROGRAM, "run", model or MODEL, *arguments], {**kept, **home, **(environment or {})})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_more(self, deadline):
        """False at the end of the output."""
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came after:\n{plain(self.output[-2000:])}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.output += data
        return bool(data)

    def wait_for(self, mark):
        """What comes before the bytes `mark`."""
        deadline = time.monotonic() + TIMEOUT_S
        while (found := self.output.find(mark, self.at)) < 0:
            if not self.read_more(deadline):
                raise AssertionError(f"the program ended before {mark} came:\n{plain(self.output[-2000:])}")
        before, self.at = self.output[self.at:found], found + len(mark)
        return before

    def started(self):
        """What is shown before the first line can be typed."""
        return plain(self.wait_for(READING))

    def enter(self, text, key="\r"):
        """Types a line; what is shown up to the next one."""
        self.send(text + key)
        self.wait_for(READ)
        return plain(self.wait_for(READING)).lstrip("\n")

    def ended(self):
        """The exit status; everything that was shown is in `output` then."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.read_more(deadline):
            pass
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def call(*arguments, stdin=b"", status=0, environment=None):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=TIMEOUT_S,
                          env={**os.environ, **(environment or {})})
    if done.returncode != status:
        raise AssertionError(f"{arguments}: status {done.returncode}, expected {status}\n{done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def answer_of(*messages, options=("--seed", "1")):
    """What the program answers to the last of some messages outside a terminal."""
    prompts = [argument for message in messages for argument in ("-p", message)]
    lines = call("run", MODEL, *prompts, *options, "--json")[0].splitlines()
    return json.loads(lines[-1])["message"]["content"]


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return str(Path(self.folder) / name)

    def terminal(self, *arguments, environment=None, model=None):
        return Terminal(*arguments, environment=environment, model=model, state=self.folder)

    def saved(self, terminal, name="saved.json"):
        """The conversation as /save writes it."""
        self.assertIn("saved to", terminal.enter(f"/save {self.path(name)}"))
        return json.loads(Path(self.path(name)).read_text())
