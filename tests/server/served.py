"""`quandex start` for tests: started on a free port, asked whether it is ready, stopped by SIGTERM and judged by how it ends.
Needs nothing but Python.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time

START_S = 120  # a sanitizer's build loads slowly, and machines of CI are busy
STOP_S = 60
REPORTS = ("Sanitizer", "runtime error:", "CHECK failed", "terminate called")  # what a broken program writes


class Answer:
    """A whole HTTP answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


class Served:
    """A server of one model: `with Served(program, model, "--parallel", 4) as server`. Leaving the block stops it, and
    raises unless it ends with status 0 and without a sanitizer's report."""

    def __init__(self, program, model, *options, environment=None):
        self.log = tempfile.TemporaryFile()
        command = [str(program), "start", "--model", str(model), "--port", "0", *map(str, options)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUANDEX_API")}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={**inherited, **(environment or {})})
        try:
            self.port = self._wait_for_port()
            self.url = f"http://127.0.0.1:{self.port}"
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
            return
        self.kill()
        print(f"--- what the server wrote ---\n{self.output()[-6000:]}\n---", flush=True)

    def output(self):
        """All that it has written so far."""
        descriptor = self.log.fileno()  # shares its position with the server, so nothing may seek in it
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def _wait_for_port(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", self.output())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output()}")
            time.sleep(0.01)
        raise AssertionError(f"the server named no address within {START_S} s:\n{self.output()}")

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_S
        while True:
            try:
                if self.get("/health").status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server is not ready:\n{self.output()}")
            time.sleep(0.01)

    def request(self, method, path, body=None, headers=None, timeout_s=START_S):
        """`body`: bytes, or what becomes JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def stop(self, status=0):
        """SIGTERM, as an operating system ends a service."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            output = self.output()
            self.kill()
            raise AssertionError(f"the server goes on {STOP_S} s after SIGTERM:\n{output[-6000:]}") from None
        output = self.output()
        self.log.close()
        reports = [word for word in REPORTS if word in output]
        if self.process.returncode != status or reports:
            raise AssertionError(f"the server ended with {self.process.returncode}, {reports}:\n{output[-20000:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def resident_bytes(self):
        """Memory of the process that is in RAM, or None where the system does not say."""
        try:
            with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return None


def parse_metrics(text):
    """Prometheus' text format as {(name, ((label, value), …)): number}; raises on a line that is none."""
    metrics = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+.0-9eEinfINFaN]+)(?: \d+)?', line)
        if not found:
            raise AssertionError(f"no line of Prometheus' format: {line!r}")
        labels = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?', found.group(2) or "")
        metrics[found.group(1), tuple(labels)] = float(found.group(3))
    return metrics


class Metrics:
    """What /metrics says at one moment."""

    def __init__(self, server, headers=None):
        answer = server.get("/metrics", headers)
        if answer.status != 200:
            raise AssertionError(f"/metrics: {answer}")
        self.values = parse_metrics(answer.body.decode())

    def __call__(self, name, **labels):
        """The sum over all series of that name that have these labels; KeyError where there is none."""
        wanted = set(labels.items())
        found = [value for (series, has), value in self.values.items() if series == name and wanted <= set(has)]
        if not found:
            raise KeyError(f"{name} {labels} is not among {sorted({series for series, _ in self.values})}")
        return sum(found)


def wait_until(condition, what, timeout_s=60):
    """Asks until `condition()` is true. The wait is long because it ends a test that fails, never one that passes."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s} s still not: {what}")
        time.sleep(0.01)
