#!/usr/bin/env python3
"""Writes tests/fixtures/affine/affine.json with mlx: for every MLX affine format one group of values, what mx.quantize
makes of it (a block: codes, scale, bias) and what mx.dequantize makes of that, all as the bytes in hexadecimal, numbers in
the type of the scales. A numpy version of both, written from the definition, must agree bit for bit before anything is
written.

    pip install mlx[cpu]==0.32.4 numpy
    python tools/make_affine_fixtures.py
"""

import importlib.metadata
import json
import pathlib

import mlx.core as mx
import numpy as np

FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "affine" / "affine.json"
TYPES = {"f16": mx.float16, "bf16": mx.bfloat16, "f32": mx.float32}


def rounded(values, kind):
    """float32 values rounded to a type of mlx and back."""
    return np.array(mx.array(np.asarray(values, np.float32)).astype(kind).astype(mx.float32))


def raw(values, kind):
    """The bytes of float32 values that the type holds exactly."""
    values = np.asarray(values, np.float32)
    if kind == mx.float32:
        return values.tobytes()
    if kind == mx.float16:
        return values.astype(np.float16).tobytes()
    return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()


def quantized(x, bits, kind):
    """Codes, scale and bias of one group: everything in float32, scale and bias rounded to their type at the end."""
    top = np.float32(2**bits - 1)
    low, high = x.min(), x.max()
    is_low = abs(low) > abs(high)
    scale = max((high - low) / top, np.float32(1e-7))
    scale = scale if is_low else -scale
    edge = low if is_low else high
    steps = np.rint(edge / scale)
    scale, bias = (edge / steps, edge) if steps != 0 else (scale, np.float32(0))
    codes = np.clip(np.rint((x - bias) / scale), 0, top).astype(np.uint32)
    return codes, rounded(scale, kind), rounded(bias, kind)


def packed(codes, bits):
    stream = (codes[:, None] >> np.arange(bits, dtype=np.uint32)) & 1
    return np.packbits(stream.astype(np.uint8).ravel(), bitorder="little").tobytes()


def main():
    mx.set_default_device(mx.cpu)
    rng = np.random.default_rng(20240613)
    cases = {}
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            for type_name, kind in TYPES.items():
                name = f"affine{bits}_g{group}_{type_name}"
                x = rounded(rng.standard_normal(group) * 0.05 + rng.standard_normal() * 0.02, kind)
                w, s, b = mx.quantize(mx.array(x[None]).astype(kind), group_size=group, bits=bits)
                decoded = np.array(mx.dequantize(w, s, b, group_size=group, bits=bits).astype(mx.float32))[0]
                codes, scale, bias = quantized(x, bits, kind)
                block = packed(codes, bits) + raw(scale, kind) + raw(bias, kind)
                theirs = np.array(w).tobytes() + raw(np.array(s.astype(mx.float32)), kind) + \
                    raw(np.array(b.astype(mx.float32)), kind)
                assert block == theirs, f"{name}: quantized otherwise"
                again = rounded(rounded(codes.astype(np.float32) * scale, kind) + bias, kind)
                assert again.tobytes() == decoded.tobytes(), f"{name}: decoded otherwise"
                cases[name] = {"values": raw(x, kind).hex(), "block": block.hex(), "decoded": raw(decoded, kind).hex()}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    meta = {"source": "PyPI mlx", "version": importlib.metadata.version("mlx"),
            "command": "python tools/make_affine_fixtures.py", "formats": cases}
    FILE.write_text(json.dumps(meta, indent=0) + "\n")


if __name__ == "__main__":
    main()
