"""PyPI's gguf reads a file that our writer wrote and finds in it what was put there.

Usage: gguf_peer_test.py WRITE_SAMPLE_GGUF. Exits with 77 (skipped) where the package is missing.
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

# As tests/format/sample_gguf.h sets them.
EXPECTED_METADATA = {
    "general.architecture": "llama",
    "general.alignment": 64,
    "sample.u8": 200,
    "sample.i8": -100,
    "sample.u16": 60000,
    "sample.i16": -30000,
    "sample.u32": 4294967295,
    "sample.i32": -2000000000,
    "sample.f32": 0.15625,
    "sample.yes": True,
    "sample.no": False,
    "sample.string": "na\u00efve \u2713",
    "sample.empty": "",
    "sample.u64": 2**64 - 5,
    "sample.i64": -(2**63) + 5,
    "sample.f64": 1.0 / 3.0,
    "sample.array.u8": [1, 255],
    "sample.array.i8": [-1, 127],
    "sample.array.u16": [65535],
    "sample.array.i16": [-32768, 5],
    "sample.array.u32": [7, 4294967295],
    "sample.array.i32": [3, -4, 5],
    "sample.array.f32": [-0.5, float(np.float32(1e30))],
    "sample.array.bool": [True, False, True],
    "sample.array.string": ["a", "", "a string that is longer than fifteen bytes"],
    "sample.array.u64": [2**40],
    "sample.array.i64": [-(2**40), 2],
    "sample.array.f64": [0.1, -2.0],
}
EXPECTED_SHAPES = {"norm.weight": [5], "three": [2, 3, 7], "four": [2, 1, 3, 2]}  # outermost first
N_FORMATS = 21


def check_metadata(reader):
    for key, expected in EXPECTED_METADATA.items():
        found = reader.fields[key].contents()
        assert found == expected, f"{key}: found {found!r}, expected {expected!r}"
    ours = [key for key in reader.fields if not key.startswith("GGUF.")]  # those are the reader's own
    assert ours == list(EXPECTED_METADATA), f"keys or their order differ: {ours}"


def decode(tensor):
    """The tensor's values as the package decodes them, or as the layout is defined where it does not."""
    if tensor.tensor_type == gguf.GGMLQuantizationType.I32:
        return tensor.data
    if tensor.tensor_type == gguf.GGMLQuantizationType.Q8_1:
        # The package counts 40 bytes a block, so what it shows runs past the end of the tensor's blocks of 36.
        blocks = np.frombuffer(tensor.data.tobytes()[:tensor.n_elements // 32 * 36], np.uint8).reshape(-1, 36)
        return blocks[:, :2].copy().view(np.float16).astype(np.float32) * blocks[:, 4:].view(np.int8)
    if tensor.tensor_type == gguf.GGMLQuantizationType.Q8_K:
        blocks = tensor.data.reshape(-1, 292)
        return blocks[:, :4].copy().view(np.float32) * blocks[:, 4:260].view(np.int8)
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type)


def check_tensors(reader, values):
    assert len(reader.tensors) == N_FORMATS + len(EXPECTED_SHAPES)
    names = {tensor.name for tensor in reader.tensors}
    assert set(EXPECTED_SHAPES) < names, names
    start = 0
    for tensor in reader.tensors:
        shape = [int(dim) for dim in reversed(tensor.shape)]
        if tensor.name in EXPECTED_SHAPES:
            assert shape == EXPECTED_SHAPES[tensor.name], f"{tensor.name}: shape {shape}"
        else:
            assert tensor.name == f"blk.0.{tensor.tensor_type.name.lower()}.weight", tensor.name
            assert shape[0] == 2
        expected = values[start:start + tensor.n_elements]
        start += tensor.n_elements
        decoded = decode(tensor).astype(np.float32).ravel()
        assert np.array_equal(decoded.view(np.uint32), expected.view(np.uint32)), f"{tensor.name}: values differ"
    assert start == len(values)


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "sample.gguf"
        floats = pathlib.Path(folder) / "sample.f32"
        subprocess.run([sys.argv[1], file, floats], check=True)
        reader = gguf.GGUFReader(file)
        check_metadata(reader)
        check_tensors(reader, np.fromfile(floats, dtype=np.float32))
        print(f"{len(EXPECTED_METADATA)} keys and {len(reader.tensors)} tensors agree")
        del reader  # it maps the file


if __name__ == "__main__":
    main()
