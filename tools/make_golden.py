#!/usr/bin/env python3
"""Makes tests/fixtures/golden: tiny seeded checkpoints of each architecture in every file family, with the logits they must
give. The logits are those of a float64 forward in numpy (golden/witness.py); transformers is the second witness.

Usage: tools/make_golden.py [--output DIRECTORY] [CASE...]     (in the environment that `scripts/setup tools` makes)

Without cases it makes them all, and the README.md that lists them. For each case a folder: case.json (what it proves, token
ids, errors of the second witness), logits-N.f32 (logits [n_tokens, vocab], little-endian float32) and one file or folder
per family.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

from golden.build import Builder  # noqa: E402
from golden.cases import CASES  # noqa: E402
from golden.readme import write_readme  # noqa: E402


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    by_name = {case.name: case for case in CASES}
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=root / "tests" / "fixtures" / "golden")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    for name in set(arguments.cases) - set(by_name):
        parser.error(f"no case is called {name}; there are {', '.join(by_name)}")
    for name in arguments.cases or by_name:
        builder = Builder(by_name[name], arguments.output / name)
        builder.build()
        errors = {key: value for key, value in builder.facts.items() if key.endswith("_error")}
        print(name, f"largest logit {builder.facts['largest_logit']}", errors, builder.facts.get("change_without", ""))
    if not arguments.cases:
        write_readme(arguments.output, CASES)


if __name__ == "__main__":
    main()
