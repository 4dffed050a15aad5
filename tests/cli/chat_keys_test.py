"""Random keys, pastes and window sizes on `quandex run`: whatever is typed, the program ends well, and when asked to.

usage: chat_keys_test.py PROGRAM MODEL [SECONDS [SEED]]; prints its seed
"""

import fcntl
import os
import random
import select
import signal
import struct
import sys
import tempfile
import termios
import time

from chat_terminal import Terminal

# But for Ctrl-D, Ctrl-Z and Ctrl-\\, which leave, and Ctrl-S, by which the terminal itself holds output back.
PIECES = [
    "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~", "\x1b[1;5C", "\x1b[1;5D", "\x1b[200~", "\x1b[201~",
    "\x1b\r", "\x1bb", "\x1bf", "\x1bd", "\x1bx", "\x1b.", "\x1b", *(chr(c) for c in range(32) if c not in (3, 4, 19, 26, 28)),
    "\x7f", "z\x03", "hello ", "x" * 300, "é", "🎉", "日本", "e\u0301", '"""', "\\\r", "/set ", "/tokens ", "/retry\r",
    "/clear\r", "/help\r", "/stats\r", "/system a\r", "/think on\r",
]


def chat(generator, seconds):
    """The exit status of one chat after a request to end."""
    environment = {"TERM": generator.choice(["xterm-256color", "screen", "vt100"]), "LANG": generator.choice(["C", "C.UTF-8"])}
    with tempfile.TemporaryDirectory() as state, \
            Terminal("-n", "6", "--ctx", "128", "--on-overflow", generator.choice(["stop", "drop-oldest"]),
                               environment=environment, state=state) as terminal:
        terminal.wait_for(b"> ")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            readable, writable, _ = select.select([terminal.fd], [terminal.fd], [], 1)
            if readable and not terminal.read_more(end + 60):
                break
            terminal.output, terminal.at = terminal.output[-2000:], 0
            if writable:
                if generator.random() < 0.1:
                    size = struct.pack("HHHH", generator.choice([1, 2, 5, 24, 60]), generator.choice([1, 2, 8, 20, 80]), 0, 0)
                    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, size)
                terminal.send(generator.choice(PIECES))
        os.kill(terminal.pid, signal.SIGTERM)
        return terminal.ended()


def main(seconds="60", seed=None):
    seed = int(seed or random.SystemRandom().randrange(1 << 31))
    print(f"seed {seed}", flush=True)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        status = chat(random.Random(seed), 5)
        if status not in (0, 128 + signal.SIGTERM):  # 0: keys that came together as Ctrl-C twice
            print(f"seed {seed}: the chat ended with status {status}")
            return 1
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[3:]))
