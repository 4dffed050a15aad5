"""Our reader opens the parts that PyPI's gguf splits a file into and finds in them what was put there.

Usage: gguf_split_peer_test.py DUMP_GGUF. Exits with 77 (skipped) where the package is missing.
"""

import pathlib
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}; install tools/requirements-test.txt into .venv")
    sys.exit(77)

N_TENSORS = 7
TENSORS_A_PART = 3


def write_parts(folder, small_first_shard):
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama", split_max_tensors=TENSORS_A_PART,
                             small_first_shard=small_first_shard)
    writer.add_block_count(2)
    writer.add_token_list(["<s>", "a", "b"])
    random = np.random.default_rng(11)
    tensors = {f"blk.{i}.weight": random.standard_normal((i + 1, 32)).astype(np.float32) for i in range(N_TENSORS)}
    for i, (name, values) in enumerate(tensors.items()):
        if i % 2 == 0:
            writer.add_tensor(name, values)
            continue
        quantized = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, quantized, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        tensors[name] = gguf.quants.dequantize(quantized, gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def check_part(dump_gguf, part, tensors):
    floats = part.with_suffix(".f32")
    listed = subprocess.run([dump_gguf, part, floats], check=True, capture_output=True, text=True).stdout.splitlines()
    keys = [line.removeprefix("key ") for line in listed if line.startswith("key ")]
    assert keys == ["general.architecture", "llama.block_count", "tokenizer.ggml.tokens"], keys
    names = [line.removeprefix("tensor ") for line in listed if line.startswith("tensor ")]
    assert names == list(tensors), names
    expected = np.concatenate([values.astype(np.float32).ravel() for values in tensors.values()])
    assert np.array_equal(np.fromfile(floats, dtype=np.uint32), expected.view(np.uint32)), "values differ"


def main():
    for small_first_shard in (False, True):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            tensors = write_parts(folder, small_first_shard)
            parts = sorted(folder.glob("model-*-of-*.gguf"))
            n_parts = -(-N_TENSORS // TENSORS_A_PART) + small_first_shard
            assert len(parts) == n_parts, parts
            for part in parts:
                check_part(sys.argv[1], part, tensors)
            print(f"{len(tensors)} tensors in {n_parts} parts agree, whichever part is opened")


if __name__ == "__main__":
    main()
