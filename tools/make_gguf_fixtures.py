#!/usr/bin/env python3
"""Writes tests/fixtures/gguf/peer.gguf and peer.json with PyPI's gguf, so that the reader is tested on a file that our
writer had no part in. The JSON states where it came from and what the tensors decode to, as float32 bits in hexadecimal.

    .venv/bin/pip install -r tools/requirements-test.txt
    .venv/bin/python tools/make_gguf_fixtures.py
"""

import importlib.metadata
import json
import pathlib

import gguf
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "gguf"
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q6_K"]
ONE_BLOCK_TYPES = ["Q2_K", "Q3_K", "Q5_K", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4"]
# Where a block keeps its float16 scales: random bytes there would be infinities, so they get ordinary values.
SCALE_OFFSETS = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208],
                 "Q2_K": [80, 82], "Q3_K": [108], "Q5_K": [0, 2], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52],
                 "TQ2_0": [64], "MXFP4": []}


def random_rows(name, rng):
    """Two rows of two blocks of random codes, or one of one, as they lie in the file."""
    if name in ("F32", "F16", "BF16"):
        values = rng.standard_normal((2, 5)).astype(np.float32)
        kind = gguf.GGMLQuantizationType[name]
        return gguf.quants.quantize(values, kind) if name != "F32" else values
    kind = gguf.GGMLQuantizationType[name]
    block_bytes = gguf.GGML_QUANT_SIZES[kind][1]
    n_blocks = 1 if name in ONE_BLOCK_TYPES else 4
    blocks = rng.integers(0, 256, size=(n_blocks, block_bytes), dtype=np.uint8)
    for offset in SCALE_OFFSETS[name]:
        scales = rng.standard_normal(n_blocks).astype(np.float16)
        blocks[:, offset:offset + 2] = scales.view(np.uint8).reshape(n_blocks, 2)
    if name == "MXFP4":
        blocks[:, 0] = 127 - 5
    return blocks.reshape(-1, min(n_blocks, 2) * block_bytes)


def main():
    rng = np.random.default_rng(20240607)
    FOLDER.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(FOLDER / "peer.gguf", "llama")
    writer.add_custom_alignment(64)
    writer.add_block_count(3)
    writer.add_rope_freq_base(500000.0)
    writer.add_uint8("peer.u8", 250)
    writer.add_int8("peer.i8", -7)
    writer.add_uint16("peer.u16", 65000)
    writer.add_int16("peer.i16", -31000)
    writer.add_int32("peer.i32", -123456789)
    writer.add_uint64("peer.u64", 2**63 - 1)
    writer.add_int64("peer.i64", -(2**62))
    writer.add_float64("peer.f64", 0.1)
    writer.add_bool("peer.bool", True)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "caf\u00e9", "\u2581the"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.5, -2.25])
    writer.add_array("tokenizer.ggml.token_type", [3, 1, 1])
    decoded = {}
    for name in TYPES + ONE_BLOCK_TYPES:
        rows = random_rows(name, rng)
        kind = gguf.GGMLQuantizationType[name]
        raw_type = None if name in ("F32", "F16") else kind
        if name == "F16":
            rows = rows.view(np.float16)
        tensor_name = f"blk.0.{name.lower()}.weight"
        writer.add_tensor(tensor_name, rows, raw_dtype=raw_type)
        values = gguf.quants.dequantize(rows, kind).astype(np.float32)
        decoded[tensor_name] = {"type": name.lower(), "shape": list(values.shape),
                                "values": "".join(f"{bits:08x}" for bits in values.view(np.uint32).ravel())}
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    meta = {"source": "PyPI gguf", "version": importlib.metadata.version("gguf"),
            "command": "python tools/make_gguf_fixtures.py", "tensors": decoded}
    (FOLDER / "peer.json").write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    main()
