#!/usr/bin/env python3
"""Checks what compilers do not: include order, file length, macros, words that must not be in the project.

usage: check_source.py [--notes] [ROOT]
Prints PATH:LINE: MESSAGE for every violation and exits 1 if there is any. Needs nothing but Python.
"""

import re
import subprocess
import sys
from pathlib import Path

MAX_LINES = 800
LONG_LINES = 500  # worth a second look; a note, not a violation

# What each folder of src/ may include besides itself. cpu, metal, sim and cuda appear nowhere on the right: their
# factories are declared in backend/.
MAY_INCLUDE = {
    "base": [],
    "format": ["base"],
    "kernels": ["base", "format"],
    "backend": ["base", "format", "kernels"],
    "cpu": ["base", "format", "kernels", "backend"],
    "metal": ["base", "format", "kernels", "backend"],
    "sim": ["base", "format", "kernels", "backend"],
    "cuda": ["base", "format", "kernels", "backend"],
    "model": ["base", "format", "backend"],
    "text": ["base", "format"],
    "engine": ["base", "format", "backend", "model", "text"],
    "registry": ["base", "format"],
    "server": ["base", "format", "backend", "model", "text", "engine", "registry"],
    "export": ["base", "format", "backend", "model"],
    "cli": ["base", "format", "backend", "model", "text", "engine", "registry", "server", "export"],
}

CODE = {".h", ".cpp", ".inl", ".c", ".metal", ".cu"}
TEXT = CODE | {".py", ".sh", ".md", ".txt", ".cmake", ".json", ".yml", ".yaml", ""}
GENERATED = {"quandex_version.h"}

# Preprocessor conditions live where the platform is hidden; everywhere else CMake picks files.
MAY_BRANCH = ("src/base/", "src/kernels/prelude/", "src/cpu/isa", "src/cpu/simd", "include/quandex/")
MAY_DEFINE = ("src/base/check.h", "src/base/log.h", "src/kernels/prelude/", "include/quandex/")
ASKED_FOR = "PCRE2_CODE_UNIT_WIDTH"  # a definition that a library's header demands

# Split so that this file does not contain them.
FORBIDDEN = [
    (re.compile("/" + r"(home|root|Users|work)/\w"), "a path of one machine"),
    (re.compile("/" + r"tmp/(?!\S*XXXX)"), "a fixed temporary path (use mktemp or the build folder)"),
    (re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?!\(#\d+\))"), "unfinished work must name an issue, as in (#12)"),
]
CODE_FORBIDDEN = [
    (re.compile(r"#\s*include\s*<regex>"), "std::regex is not used here: PCRE2 or a loop"),
    (re.compile(r"^\s*using namespace std\s*;"), "using namespace std"),
    (re.compile(r"\.detach\(\);"), "detached thread"),
]


def project_files(root):
    """Files that git knows or would add; in an unpacked archive, every file outside build folders."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
        paths = [root / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = {".git", "build", ".venv", ".venv-bench", ".venv-tools", ".cache", "__pycache__"}
        paths = [p for p in root.rglob("*") if not skipped.intersection(p.relative_to(root).parts)]
    return sorted(p for p in paths if p.is_file() and not p.is_symlink())


def check_includes(root, name, lines):
    parts = name.split("/")
    folder = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    includes = []
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if match:
            includes.append((number, match.group(1)))
    for number, path in includes:
        if path in GENERATED:
            continue
        in_source = (root / "src" / path).is_file() or (root / "include" / path).is_file()
        in_tests = parts[0] in ("tests", "bench", "fuzz") and (root / "tests" / path).is_file()
        if not (in_source or in_tests):
            yield number, f'"{path}" is not a path from src/ (write "folder/file.h")'
            continue
        target = path.split("/")[0]
        if folder and target != folder and target in MAY_INCLUDE and target not in MAY_INCLUDE.get(folder, []):
            yield number, f"{folder}/ must not include {target}/"
    if folder and folder not in MAY_INCLUDE:
        yield 1, f"src/{folder} is not in the include order (tools/check_source.py)"
    if folder and name.endswith(".cpp"):
        own = name[len("src/"):-len(".cpp")] + ".h"
        if (root / "src" / own).is_file() and (not includes or includes[0][1] != own):
            yield includes[0][0] if includes else 1, f'the first include must be its own header, "{own}"'


def check_preprocessor(name, lines):
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line) and not name.startswith(MAY_BRANCH):
            yield number, "preprocessor condition: choose files in CMake instead"
        if re.match(rf"\s*#\s*define\s+(?!{ASKED_FOR}\b)", line) and name.startswith("src/") and not name.startswith(MAY_DEFINE):
            yield number, "macro: use a constant, a function or a template"


def check_file(root, path):
    name = path.relative_to(root).as_posix()
    if path.suffix not in TEXT or name == "LICENSE" or name.startswith(("tests/fixtures/", "models/quandex")):
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        if path.suffix:
            yield name, 1, "is not UTF-8"
        return
    lines = text.splitlines()
    found = []
    if path.suffix in CODE:
        if len(lines) > MAX_LINES:
            found.append((MAX_LINES, f"{len(lines)} lines, at most {MAX_LINES}"))
        if path.suffix == ".h" and "#pragma once" not in lines:
            found.append((1, "no #pragma once"))
        found += check_includes(root, name, lines)
        found += check_preprocessor(name, lines)
    patterns = FORBIDDEN + (CODE_FORBIDDEN if path.suffix in CODE else [])
    for number, line in enumerate(lines, 1):
        found += [(number, message) for pattern, message in patterns if pattern.search(line)]
        if line != line.rstrip() and path.suffix != ".md":
            found.append((number, "space at the end of the line"))
    if text and not text.endswith("\n"):
        found.append((len(lines), "no newline at the end of the file"))
    for number, message in sorted(found):
        yield name, number, message


def check_tree(root):
    """All violations as (path, line, message)."""
    found = []
    if not (root / "LICENSE").is_file():
        found.append(("LICENSE", 1, "is missing"))
    for path in project_files(root):
        found += check_file(root, path)
    return found


def long_files(root):
    for path in project_files(root):
        if path.suffix in CODE:
            n_lines = len(path.read_text(encoding="utf-8").splitlines())
            if n_lines > LONG_LINES:
                yield path.relative_to(root).as_posix(), n_lines


def main(arguments):
    root = Path(next((a for a in arguments if not a.startswith("-")), Path(__file__).resolve().parent.parent)).resolve()
    found = check_tree(root)
    for name, number, message in found:
        print(f"{name}:{number}: {message}")
    if "--notes" in arguments or not found:
        for name, n_lines in long_files(root):
            print(f"note: {name} has {n_lines} lines, worth a second look above {LONG_LINES}")
    print(f"check_source: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
