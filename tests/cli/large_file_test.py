"""A model file far larger than the memory it may cost: inspect and convert, with their anonymous memory measured.

usage: large_file_test.py PROGRAM [unittest arguments]
The mapped file's pages do not count: the kernel takes them back when it needs them.
"""

import filecmp
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = ""
LARGEST_ANONYMOUS_MB = 64  # most of it a vocabulary of 151,936 tokens and its merges; the file has 347
INTERVAL_S = 0.01


def anonymous_mb(process):
    """Anonymous memory of a running process; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except ProcessLookupError:
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found.group(1)) / 1024 if found else 0


def run_measured(*arguments):
    """Runs the program; returns what it wrote and its peaks in MB: of anonymous memory as sampled, and of all resident
    memory as the kernel counts it."""
    anonymous = 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT)
        ended = 0
        while not ended:
            anonymous = max(anonymous, anonymous_mb(process))
            time.sleep(INTERVAL_S)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    if process.returncode != 0:
        raise AssertionError(f"{arguments}: status {process.returncode}\n{text}")
    return text, anonymous, usage.ru_maxrss / 1024


class LargeFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.model = str(Path(cls.folder.name) / "model.gguf")
        run_measured("make-model", "--shape", "qwen3-0.6b", "--layers", "1", "--format", "bf16", cls.model)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def converted(self, name, *options):
        path = str(Path(self.folder.name) / name)
        _, anonymous, _ = run_measured("convert", self.model, path, *options)
        self.assertGreater(anonymous, 1)  # it was seen running
        self.assertLessEqual(anonymous, LARGEST_ANONYMOUS_MB)
        return path

    def test_the_file_is_several_times_larger_than_the_memory_allowed(self):
        self.assertGreater(Path(self.model).stat().st_size, 5 * LARGEST_ANONYMOUS_MB << 20)

    def test_inspect_reads_no_weights_into_memory(self):
        text, _, resident = run_measured("inspect", self.model, "--json")
        self.assertLessEqual(resident, LARGEST_ANONYMOUS_MB)  # even with the file's pages
        self.assertTrue(json.loads(text)["supported"])

    def test_convert_copies_weights_in_pieces_and_changes_none(self):
        self.assertTrue(filecmp.cmp(self.model, self.converted("same.gguf"), shallow=False))

    def test_convert_rounds_weights_in_pieces(self):
        path = self.converted("f16.gguf", "--type", "f16")
        found = json.loads(run_measured("inspect", path, "--json", "--tensors")[0])
        matrices = {tensor["type"] for tensor in found["tensors"] if len(tensor["shape"]) > 1}
        self.assertEqual(matrices, {"f16"})


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
