"""Every format's decode on random blocks, bit for bit: PyPI's gguf for its formats, numpy here for those it does not
decode and for the formats in planes, and mlx for the affine ones where it is installed (then MLX's quantizer too).

Usage: decode_peer_test.py TRANSCODE_BLOCKS. Exits with 77 (skipped) where gguf or numpy is missing; without mlx its part
is left out.

Where the arithmetic differs:
- MXFP4 with the scale byte 255 is not a number here, as the OCP specification has it; gguf takes 2^128.
- mlx computes in the type of the scales. In float32 its bits are ours; in 16 bits it rounds the product and then the
  sum to 16 bits, which this test repeats and finds equal, and ours lies within these two roundings.
"""

import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}; install tools/requirements-test.txt into .venv")
    sys.exit(77)
try:
    import gguf
except ImportError:
    gguf = None
try:
    import mlx.core as mx
    mx.set_default_device(mx.cpu)
except ImportError:
    mx = None

np.seterr(all="ignore")  # infinite and undefined products are part of the test
N_BLOCKS = 600
F16_SCALES = {"q4_0": [0], "q4_1": [0, 2], "q5_0": [0], "q5_1": [0, 2], "q8_0": [0], "q8_1": [0], "q2_k": [80, 82],
              "q3_k": [108], "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208], "iq4_nl": [0], "iq4_xs": [0],
              "tq1_0": [52], "tq2_0": [64]}
UNIT_ROUNDOFF = {"f16": 2.0**-11, "bf16": 2.0**-8}
LEAST = {"f16": 2.0**-25, "bf16": 2.0**-134}  # half the distance of subnormal numbers


class Program:
    def __init__(self, path, folder):
        self.path, self.folder = path, pathlib.Path(folder)
        lines = subprocess.run([path, "list"], check=True, capture_output=True, text=True).stdout.splitlines()
        self.formats = [(name, *map(int, numbers)) for name, *numbers in map(str.split, lines)]

    def run(self, verb, name, array, dtype):
        array.tofile(self.folder / "in")
        subprocess.run([self.path, verb, name, self.folder / "in", self.folder / "out"], check=True)
        return np.fromfile(self.folder / "out", dtype=dtype)


def same_bits(what, ours, theirs):
    ours, theirs = ours.ravel(), np.asarray(theirs, np.float32).ravel()
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} values, expected {theirs.shape}"
    both_nan = np.isnan(ours) & np.isnan(theirs)
    wrong = (ours.view(np.uint32) != theirs.view(np.uint32)) & ~both_nan
    at = np.flatnonzero(wrong)
    assert not at.size, f"{what}: {at.size} of {wrong.size} differ, first {at[0]}: {ours[at[0]]!r}, {theirs[at[0]]!r}"


def random_blocks(name, block_bytes, rng):
    """Half with scales of every kind (infinite, not a number, subnormal), half with ordinary ones."""
    blocks = rng.integers(0, 256, size=(N_BLOCKS, block_bytes), dtype=np.uint8)
    half = N_BLOCKS // 2
    for offset in F16_SCALES.get(name, []):
        ordinary = rng.standard_normal(half).astype(np.float16)
        blocks[:half, offset:offset + 2] = ordinary.view(np.uint8).reshape(half, 2)
        special = np.array([0x7C00, 0xFC00, 0x7E00, 0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF], np.uint16)
        blocks[half:half + 8, offset:offset + 2] = special.view(np.uint8).reshape(8, 2)
    return blocks


def by_hand(name, blocks):
    """The formats that gguf does not decode."""
    if name == "i32":
        return blocks.view(np.int32).astype(np.float32)
    if name == "q8_1":
        return blocks[:, :2].copy().view(np.float16).astype(np.float32) * blocks[:, 4:].view(np.int8)
    assert name == "q8_k", f"{name}: no other decode is known"
    return blocks[:, :4].copy().view(np.float32) * blocks[:, 4:260].view(np.int8)


def check_gguf_format(program, name, gguf_id, block_bytes, rng):
    blocks = random_blocks(name, block_bytes, rng)
    ours = program.run("decode", name, blocks, np.float32).reshape(N_BLOCKS, -1)
    if name in ("i32", "q8_1", "q8_k"):
        return same_bits(name, ours, by_hand(name, blocks))
    if name == "mxfp4":
        blocks[0, 0] = 255
        ours = program.run("decode", name, blocks, np.float32).reshape(N_BLOCKS, -1)
        is_nan = blocks[:, 0] == 255
        assert np.isnan(ours[is_nan]).all() and not np.isnan(ours[~is_nan]).any()
        blocks, ours = blocks[~is_nan], ours[~is_nan]
    kind = gguf.GGMLQuantizationType(gguf_id)
    theirs = gguf.quants.dequantize(blocks.view({"f32": np.float32, "f16": np.float16}.get(name, np.uint8)), kind)
    same_bits(name, ours, theirs)


def to_bf16(values):
    """The nearest bfloat16, ties to even, as its bits."""
    bits = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def stored(values, scale_type):
    """Bytes of values in the type of the scales, a row an element."""
    values = np.asarray(values, np.float32)
    kept = {"f32": values, "f16": values.astype(np.float16), "bf16": to_bf16(values)}[scale_type]
    return np.ascontiguousarray(kept).view(np.uint8).reshape(values.size, -1)


def loaded(raw, scale_type):
    raw = np.ascontiguousarray(raw)
    if scale_type == "bf16":
        return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(-1, 1)
    return raw.view({"f32": np.float32, "f16": np.float16}[scale_type]).astype(np.float32).reshape(-1, 1)


def rounded(values, scale_type):
    return loaded(stored(values, scale_type), scale_type).reshape(np.shape(values))


def unpacked(codes, bits):
    """Codes from a little-endian stream of bits, a row a group."""
    stream = np.unpackbits(codes, axis=1, bitorder="little").reshape(len(codes), -1, bits)
    return (stream.astype(np.uint32) << np.arange(bits, dtype=np.uint32)).sum(axis=2)


def packed(codes, bits):
    stream = (codes[:, :, None].astype(np.uint32) >> np.arange(bits, dtype=np.uint32)) & 1
    return np.packbits(stream.astype(np.uint8).reshape(len(codes), -1), axis=1, bitorder="little")


def affine_quantized(values, bits):
    """MLX's quantizer in float32: codes, scales and biases before these are rounded to their type."""
    one, top = np.float32(1), np.float32(2**bits - 1)
    low, high = values.min(axis=1), values.max(axis=1)
    is_low = np.abs(low) > np.abs(high)
    width = np.maximum((high - low) / top, np.float32(1e-7))
    scale = np.where(is_low, width, -width)
    edge = np.where(is_low, low, high)
    steps = np.rint(edge / scale)
    scale = np.where(steps != 0, edge / np.where(steps != 0, steps, one), scale).astype(np.float32)
    bias = np.where(steps != 0, edge, np.float32(0)).astype(np.float32)
    codes = np.clip(np.rint((values - bias[:, None]) / scale[:, None]), 0, top).astype(np.uint32)
    return codes, scale, bias


def sample_values(group, scale_type, rng):
    values = rng.standard_normal((64, group)).astype(np.float32)
    values[:8] = np.abs(values[:8]) + 5
    values[8:12] = 0
    values[12:16] *= np.float32(1e-6)
    values[16:20] = np.float32(0.1)
    values[20:24] = -np.abs(values[20:24])
    return rounded(values, scale_type)


def check_affine(program, name, planes, rng):
    width, group, scale_type = name.removeprefix("affine").split("_")
    bits, group = int(width), int(group[1:])
    codes = rng.integers(0, 256, size=(N_BLOCKS, planes[0]), dtype=np.uint8)
    parts = rng.standard_normal((2, N_BLOCKS)).astype(np.float32)
    parts[0] *= np.float32(0.01)
    parts[0, :6] = [np.inf, -np.inf, np.nan, 0, -0.0, 1e-40]
    parts[1, 6:12] = [np.inf, -np.inf, np.nan, 0, -0.0, 1e-40]
    raw = [stored(part, scale_type) for part in parts]
    scale, bias = (loaded(part, scale_type) for part in raw)
    q = unpacked(codes, bits).astype(np.float32)
    ours = program.run("decode", name, np.hstack([codes, *raw]), np.float32).reshape(N_BLOCKS, group)
    same_bits(name, ours, q * scale + bias)
    if mx:
        check_mlx_decode(name, codes, scale, bias, q, ours, (bits, group, scale_type))
    values = sample_values(group, scale_type, rng)
    want_codes, want_scale, want_bias = affine_quantized(values, bits)
    want = np.hstack([packed(want_codes, bits), stored(want_scale, scale_type), stored(want_bias, scale_type)])
    got = program.run("encode", name, values, np.uint8).reshape(want.shape)
    assert np.array_equal(got, want), f"{name}: encode differs in {(got != want).any(axis=1).sum()} blocks"
    if mx:
        theirs = mx.quantize(mx.array(values).astype(mlx_type(scale_type)), group_size=group, bits=bits)
        assert np.array_equal(np.array(theirs[0]).view(np.uint8), want[:, :planes[0]]), f"{name}: codes differ from mlx"
        for part, at in zip(theirs[1:], (planes[0], planes[0] + planes[1])):
            assert np.array_equal(stored(np.array(part.astype(mx.float32)), scale_type),
                                  want[:, at:at + planes[1]]), f"{name}: scales or biases differ from mlx"


def mlx_type(scale_type):
    return {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}[scale_type]


def check_mlx_decode(name, codes, scale, bias, q, ours, layout):
    bits, group, scale_type = layout
    kind = mlx_type(scale_type)
    theirs = mx.dequantize(mx.array(codes.view(np.uint32)), mx.array(scale).astype(kind), mx.array(bias).astype(kind),
                           group_size=group, bits=bits)
    theirs = np.array(theirs.astype(mx.float32))
    if scale_type == "f32":
        return same_bits(f"{name} by mlx", ours, theirs)
    product = rounded(q * scale, scale_type)
    same_bits(f"{name} by mlx", rounded(product + bias, scale_type), theirs)
    unit = UNIT_ROUNDOFF[scale_type]
    bound = unit * np.abs(q * scale) + unit * (1 + unit) * np.abs(product + bias) + 2 * LEAST[scale_type]
    finite = np.isfinite(theirs) & np.isfinite(ours)
    assert (np.abs(ours - theirs)[finite] <= bound[finite] * (1 + 1e-6)).all(), f"{name}: beyond two roundings of mlx"


def check_q8_f32(program, name, planes, rng):
    codes = rng.integers(-128, 128, size=(N_BLOCKS, planes[0]), dtype=np.int8)
    scale = rng.standard_normal((N_BLOCKS, 1)).astype(np.float32)
    scale[:5, 0] = [np.inf, np.nan, 0, 1e-42, 3e38]
    blocks = np.hstack([codes.view(np.uint8), scale.view(np.uint8)])
    same_bits(name, program.run("decode", name, blocks, np.float32), codes.astype(np.float32) * scale)
    values = sample_values(planes[0], "f32", rng)
    scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
    codes = np.rint(values / np.where(scale == 0, np.float32(1), scale)).astype(np.int8)
    want = np.hstack([codes.view(np.uint8), scale.view(np.uint8)])
    got = program.run("encode", name, values, np.uint8).reshape(want.shape)
    assert np.array_equal(got, want), f"{name}: encode differs"


def main():
    rng = np.random.default_rng(20240611)
    counts = {"gguf": 0, "affine": 0, "q8": 0}
    with tempfile.TemporaryDirectory() as folder:
        program = Program(sys.argv[1], folder)
        for name, gguf_id, _, *planes in program.formats:
            if name.startswith("affine"):
                check_affine(program, name, planes, rng)
                counts["affine"] += 1
            elif gguf_id < 0:
                check_q8_f32(program, name, planes, rng)
                counts["q8"] += 1
            elif gguf:
                check_gguf_format(program, name, gguf_id, planes[0], rng)
                counts["gguf"] += 1
    print(f"agree: {counts}; mlx {'agrees' if mx else 'is not installed'}")
    if not gguf:
        print("skipped: gguf is missing; install tools/requirements-test.txt into .venv")
        sys.exit(77)


if __name__ == "__main__":
    main()
