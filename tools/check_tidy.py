#!/usr/bin/env python3
"""Runs clang-tidy 19 with the project's short list over src/; exits 77 (skipped) where that is missing.

usage: check_tidy.py BUILD_FOLDER (its compile_commands.json says how each file is compiled)
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check_format import ROOT, find_tool


def main(build):
    tool = find_tool("clang-tidy")
    commands = json.loads((Path(build) / "compile_commands.json").read_text())
    files = sorted({entry["file"] for entry in commands if Path(entry["file"]).is_relative_to(ROOT / "src")})

    def check(file):
        return subprocess.run([tool, "--quiet", "-p", build, file], capture_output=True, text=True)

    failed = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) as pool:
        for file, result in zip(files, pool.map(check, files)):
            if result.returncode != 0:
                failed += 1
                print(f"{file}\n{result.stdout}{result.stderr}")
    print(f"clang-tidy: {failed} of {len(files)} files have findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
