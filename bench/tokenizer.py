#!/usr/bin/env python3
"""Speed of our tokenizers beside that of the PyPI package `tokenizers`: the same files and texts, one thread, one run,
each figure the median of several with the least and the most, in seconds of the processor (which other programs of the
machine lengthen less than those of the clock; nothing is waited for). Ids that differ are an error. Run from the
project's root after `. scripts/lib.sh; configure release; build release tokenizer_bench`:

    .venv/bin/python bench/tokenizer.py [--tokenizer FOLDER]... [--text FILE]... [--no-runs] [--no-load]

Without flags it takes the vocabularies and texts of ../shared where that is there, else a vocabulary that it trains on
a text that it makes up. Not run by the tests.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

import tokenizer_material as material  # noqa: E402: the variables come first

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


def their_load(folder):
    from tokenizers import Tokenizer
    start = time.process_time()
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    print(json.dumps({"seconds": [time.process_time() - start], "n_vocab": tokenizer.get_vocab_size()}))


def their_encode(folder, repeats, text, ids_file, max_seconds):
    """What tokenizer_bench encode does, by `tokenizers`: the faster of its ways, without offsets."""
    import array
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    content = pathlib.Path(text).read_bytes().decode()
    encode = lambda: tokenizer.encode_batch_fast([content], add_special_tokens=False)[0]
    seconds, begin = [], time.process_time()
    if int(repeats) > 1:
        encode()
    while len(seconds) < int(repeats) and (not seconds or time.process_time() - begin < float(max_seconds)):
        start = time.process_time()
        encoding = encode()
        seconds.append(time.process_time() - start)
    pathlib.Path(ids_file).write_bytes(array.array("i", encoding.ids).tobytes())
    print(json.dumps({"seconds": seconds, "n_ids": len(encoding.ids)}))


class Bench:
    def __init__(self, binary, repeats, limit, folder):
        self.binary, self.repeats, self.limit, self.folder = binary, repeats, limit, folder
        self.n_different = 0

    def call(self, is_ours, arguments):
        """The figures that a program prints, or in words why there are none: only ours has to succeed."""
        program = [self.binary] if is_ours else [sys.executable, __file__, "--worker"]
        try:
            done = subprocess.run([*program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=self.limit, text=True)
        except subprocess.TimeoutExpired:
            return f"over {self.limit:.0f} s"
        if done.returncode != 0 and is_ours:
            raise SystemExit(f"{program} {arguments} failed:\n{done.stderr}")
        if done.returncode != 0:
            return f"fails: {done.stderr.splitlines()[-1].split(': ', 1)[-1]}"
        return json.loads(done.stdout.splitlines()[-1])

    def load_seconds(self, path):
        """Of both; each load has a process of its own, as a program that starts has. A GGUF file is ours alone."""
        sides = [True, False] if path.is_dir() else [True]
        results = [[self.call(is_ours, ["load", path]) for _ in range(self.repeats)] for is_ours in sides]
        return [next((result for result in side if isinstance(result, str)), None) or
                [result["seconds"][0] for result in side] for side in results]

    def encode_seconds(self, tokenizer, text, repeats):
        """Of both, or why there are none; compares their ids."""
        results, files = [], [self.folder / "ours.ids", self.folder / "theirs.ids"]
        for is_ours, ids in zip([True, False], files):
            ids.unlink(missing_ok=True)
            results.append(self.call(is_ours, ["encode", tokenizer, repeats, text, ids, self.limit / 2]))
        if any(isinstance(result, str) for result in results):
            return [result if isinstance(result, str) else result["seconds"] for result in results], None
        equal = files[0].read_bytes() == files[1].read_bytes()
        self.n_different += not equal
        return [result["seconds"] for result in results], equal


def spread(values, form):
    if isinstance(values, str):
        return values
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def ratio(ours, theirs):
    if isinstance(ours, str) or isinstance(theirs, str):
        return "-"
    return f"{statistics.median(theirs) / statistics.median(ours):.1f}"


def print_row(*cells, widths=(36, 30, 26, 26, 7, 9)):
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)).rstrip(), flush=True)


def bench_encode(bench, tokenizers, texts):
    print_row("encode, MB/s", "text", "ours", "tokenizers", "ratio", "ids")
    for tokenizer in tokenizers:
        for text in texts:
            (ours, theirs), equal = bench.encode_seconds(tokenizer, text, bench.repeats)
            speeds = [seconds if isinstance(seconds, str) else [text.stat().st_size / 1e6 / value for value in seconds]
                      for seconds in (ours, theirs)]
            print_row(tokenizer.name, f"{text.name} ({text.stat().st_size / 1e6:.1f} MB)",
                      *(spread(values, "{:.1f}") for values in speeds), ratio(ours, theirs), told(equal))


def told(equal):
    return {True: "equal", False: "DIFFER", None: "-"}[equal]


def bench_runs(bench, tokenizers, runs):
    print()
    print_row("runs of one character, seconds", "run", "ours", "tokenizers", "ratio", "ids")
    for tokenizer in tokenizers:
        for run in runs:
            (ours, theirs), equal = bench.encode_seconds(tokenizer, run, 1)
            cells = [values if isinstance(values, str) else f"{values[0]:.2f}" for values in (ours, theirs)]
            print_row(tokenizer.name, f"{run.name} ({run.stat().st_size / 1e6:.0f} MB)", *cells, ratio(ours, theirs),
                      told(equal))


def bench_load(bench, tokenizers, n_bytes):
    print()
    print_row("load, seconds", "size", "ours", "tokenizers", "ratio")
    largest = max(tokenizers, key=lambda folder: (folder / "tokenizer.json").stat().st_size)
    paths = list(tokenizers)
    for as_pairs in [True, False]:
        folder = bench.folder / f"{largest.name} grown, {'pairs' if as_pairs else 'texts'}"
        paths.append(material.grow_vocabulary(largest, folder, n_bytes, as_pairs))
    for folder in [largest, paths[-1]]:
        gguf = bench.folder / f"{folder.name}.gguf"
        subprocess.run([bench.binary, "convert", folder, gguf], check=True, stderr=subprocess.DEVNULL)
        paths.append(gguf)
    for path in paths:
        file = path / "tokenizer.json" if path.is_dir() else path
        seconds = bench.load_seconds(path)
        n_vocab = bench.call(True, ["load", path])["n_vocab"]
        print_row(path.name, f"{file.stat().st_size / 1e6:.1f} MB, {n_vocab} tokens",
                  *(spread(values, "{:.3f}") for values in seconds), ratio(*seconds) if len(seconds) > 1 else "")


def processor():
    info = pathlib.Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] \
        if info.exists() else []
    return names[0] if names else platform.processor()


def print_conditions():
    import tokenizers
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; commit {commit.stdout.strip()}; "
          f"tokenizers {tokenizers.__version__}; one thread each; by processor time; median (least to most)\n", flush=True)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default=ROOT / "build/release/bench/tokenizer_bench", type=pathlib.Path)
    parser.add_argument("--tokenizer", action="append", type=pathlib.Path, help="a folder with a tokenizer.json")
    parser.add_argument("--text", action="append", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60, help="seconds that one measurement may take")
    parser.add_argument("--run-bytes", type=int, default=10_000_000)
    parser.add_argument("--load-bytes", type=int, default=10_000_000)
    parser.add_argument("--no-runs", action="store_true")
    parser.add_argument("--no-load", action="store_true")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["--worker"]:
        return {"load": their_load, "encode": their_encode}[sys.argv[2]](*sys.argv[3:])
    arguments = read_arguments()
    print_conditions()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        texts = arguments.text or material.shared_texts(SHARED, folder) or [
            material.make_text(folder / "made up.txt", 2_000_000)]
        names = ["gpt2", "llama3.2-assembled", "qwen3-assembled"]
        tokenizers = arguments.tokenizer or [SHARED / "tokenizers" / name for name in names
                                             if (SHARED / "tokenizers" / name).exists()]
        if not tokenizers:
            tokenizers = [material.train_vocabulary(folder / "trained", texts[0])]
        bench = Bench(arguments.bench, arguments.repeats, arguments.limit, folder)
        bench_encode(bench, tokenizers, texts)
        if not arguments.no_load:
            bench_load(bench, tokenizers, arguments.load_bytes)
        if not arguments.no_runs:
            bench_runs(bench, tokenizers, material.make_runs(folder, arguments.run_bytes))
    return 1 if bench.n_different else 0


if __name__ == "__main__":
    sys.exit(main())
