#!/usr/bin/env python3
"""Writes the tables in README.md from the program's own tables, or checks that they are equal.

usage: update_readme.py [--check] [--program PATH]
A table stands between <!-- table: NAME --> and <!-- /table -->; `quandex info --markdown NAME` prints it.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--program", default=str(ROOT / "build/release/src/cli/quandex"))
    arguments = parser.parse_args()

    def printed(name):
        command = [arguments.program, "info", "--markdown", name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip("\n") + "\n"

    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    names = [match.group(2) for match in TABLE.finditer(before)]
    if sorted(names) != ["architectures", "formats"]:
        sys.exit(f"README.md: expected one table of formats and one of architectures, found {names}")
    after = TABLE.sub(lambda match: match.group(1) + printed(match.group(2)) + match.group(4), before)
    if arguments.check:
        if before != after:
            sys.exit("README.md: its tables are not what the program prints; run tools/update_readme.py")
    else:
        readme.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
