"""The servers that bench/serve.py measures: ours, PyPI's llama-cpp-python, and any that runs already."""

import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from serve_load import Target
from served import Served

ROOT = Path(__file__).resolve().parent.parent
START_S = 300
SLACK = 2  # tokens of a word of the made-up prompts, at most: most are one or two


def context_of(arguments):
    if arguments.ctx:
        return arguments.ctx
    words = max(arguments.longest, arguments.beside_prefill)
    return SLACK * words + (8192 if arguments.beside_prefill else arguments.tokens + 32)


def start_ours(arguments, stack):
    options = ["--ctx", context_of(arguments), "--parallel", arguments.parallel, "--threads", arguments.threads]
    server = stack.enter_context(Served(arguments.program, arguments.model, *options, *arguments.option))
    version = subprocess.run([arguments.program, "--version"], capture_output=True, text=True, check=True).stdout
    return Target("quandex", version.splitlines()[0], server.port, {"ignore_eos": True})


def ending_tokens(model):
    """Ids of a GGUF file's control tokens: whatever could end an answer is among them."""
    from gguf import GGUFReader
    fields = GGUFReader(str(model)).fields
    ids = {int(fields[name].contents()) for name in fields if re.fullmatch(r"tokenizer\.ggml\.(eos|eot|eom)_token_id", name)}
    kinds = fields.get("tokenizer.ggml.token_type")
    if kinds:
        ids |= {number for number, kind in enumerate(kinds.contents()) if kind == 3}
    return sorted(ids)


def start_llama_cpp_python(arguments, stack):
    python = ROOT / ".venv-bench/bin/python"
    if not python.exists():
        raise SystemExit("llama-cpp-python is not installed: scripts/setup bench")
    log = stack.enter_context(tempfile.TemporaryFile())
    port = free_port()
    command = [python, "-m", "llama_cpp.server", "--model", arguments.model, "--host", "127.0.0.1", "--port", port,
               "--n_ctx", context_of(arguments), "--n_threads", arguments.threads, "--n_threads_batch",
               arguments.threads, "--verbose", "false",
               "--interrupt_requests", "false"]  # true, the default, ends a stream when another request comes
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               env={**os.environ, "PYTHONUNBUFFERED": "1"})
    stack.callback(end, process)
    wait_for(f"http://127.0.0.1:{port}/v1/models", process, log)
    version = subprocess.run([python, "-c", "import llama_cpp; print(llama_cpp.__version__)"], capture_output=True,
                             text=True, check=True).stdout.strip()
    bias = {str(number): -100 for number in ending_tokens(arguments.model)}
    return Target("llama-cpp-python", version, port, {"logit_bias": bias})


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, log):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    text = os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode(errors="replace")
    raise SystemExit(f"{url} does not answer:\n{text[-4000:]}")


def end(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def running(text):
    found = re.fullmatch(r"([^=]+)=https?://([^:/]+):(\d+)/?", text)
    if not found:
        raise SystemExit(f"--url {text}: not NAME=http://HOST:PORT")
    return Target(found.group(1), text, int(found.group(3)), {"ignore_eos": True}, found.group(2))


def start_targets(arguments, stack):
    """All servers of the call, ours first; `stack` ends them."""
    targets = [] if arguments.only_others else [start_ours(arguments, stack)]
    if "llama-cpp-python" in arguments.against:
        targets.append(start_llama_cpp_python(arguments, stack))
    targets += [running(text) for text in arguments.url]
    if not targets:
        raise SystemExit("no server to measure")
    return targets
