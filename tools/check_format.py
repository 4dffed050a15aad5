#!/usr/bin/env python3
"""Fails where a C++ file differs from what clang-format 19 makes of it; exits 77 (skipped) where that is missing.

usage: check_format.py [--fix]
"""

import shutil
import subprocess
import sys
from pathlib import Path

from check_source import project_files

ROOT = Path(__file__).resolve().parent.parent


def find_tool(name):
    """The tool in version 19, under its Debian name or, where the version agrees, its plain one."""
    if path := shutil.which(f"{name}-19"):
        return path
    path = shutil.which(name)
    if path and "version 19." in subprocess.run([path, "--version"], capture_output=True, text=True).stdout:
        return path
    print(f"{name} 19 is not installed: skipped")
    sys.exit(77)


def main(arguments):
    tool = find_tool("clang-format")
    files = [str(p) for p in project_files(ROOT) if p.suffix in (".h", ".cpp", ".inl")]
    mode = ["-i"] if "--fix" in arguments else ["--dry-run", "--Werror"]
    return subprocess.run([tool, *mode, *files]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
