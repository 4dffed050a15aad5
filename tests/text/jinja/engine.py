"""The engine under test, in a process of its own that stays: render_cases.cpp."""
import json
import subprocess
import threading


class Engine:
    """Renders pairs of template and context. A rendering that ends the process is told apart, and the next goes on."""

    def __init__(self, program, now):
        self.command = [program, "--now", str(now)]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, lines):
        """Writes beside the reader: neither pipe can fill up while the other side waits."""
        def write(pipe):
            try:
                pipe.write(b"".join(lines))
                pipe.flush()
            except BrokenPipeError:
                pass  # the reader sees the end
        writer = threading.Thread(target=write, args=(self.process.stdin,))
        writer.start()
        return writer

    def ask(self, requests, meanwhile=None):
        """The answers to a list of requests; `meanwhile` runs while they are made."""
        lines = [json.dumps(request, ensure_ascii=False).encode() + b"\n" for request in requests]
        if self.process is None:
            self.start()
        answers, writer = [], self.send(lines)
        if meanwhile:
            meanwhile()
        while len(answers) < len(lines):
            line = self.process.stdout.readline()
            if line.endswith(b"\n"):
                answers.append(json.loads(line))
                continue
            writer.join()
            answers.append({"crash": self.process.wait()})
            self.start()
            writer = self.send(lines[len(answers):])
        writer.join()
        return answers

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
