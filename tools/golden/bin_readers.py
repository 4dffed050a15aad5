"""The witness's Model from the two `.bin` files. Neither names its tensors: the order is the layout."""

import struct
from pathlib import Path

import numpy as np

from golden.rope import inverse_frequencies
from golden.witness import FeedForward, Layer, Linear, Model, Rope, silu


class Cursor:
    def __init__(self, raw: bytes, offset: int):
        self.raw, self.offset = raw, offset

    def take(self, dtype: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.raw, dtype=dtype, count=count, offset=self.offset)
        self.offset += values.nbytes
        return values

    def floats(self, *shape: int) -> np.ndarray:
        return self.take("<f4", int(np.prod(shape))).reshape(shape).astype(np.float64)

    def codes(self, group_size: int, *shape: int) -> np.ndarray:
        codes = self.take("i1", int(np.prod(shape))).astype(np.float64)
        scales = self.take("<f4", codes.size // group_size).astype(np.float64)
        return (codes.reshape(-1, group_size) * scales[:, None]).reshape(shape)


def make_model(parts: dict, norms: dict, n_heads: int, n_kv_heads: int, rope: Rope, eps: float) -> Model:
    n_layers, head_dim = len(parts["q"]), parts["q"][0].shape[0] // n_heads
    layers = []
    for i in range(n_layers):
        q, k, v, o, gate, down, up = (Linear(parts[name][i]) for name in ("q", "k", "v", "o", "gate", "down", "up"))
        layers.append(Layer(
            attn_norm=norms["attn"][i], q=q, k=k, v=v, o=o, ffn_norm=norms["ffn"][i],
            ffn=FeedForward(gate, up, down, silu), n_heads=n_heads, n_kv_heads=n_kv_heads, scale=head_dim**-0.5,
            rope=rope, q_norm=norms["q"][i] if "q" in norms else None, k_norm=norms["k"][i] if "k" in norms else None))
    return Model(embedding=parts["embedding"], embedding_scale=1.0, layers=layers, norm=norms["final"],
                 head=parts.get("head", parts["embedding"]), eps=eps)


def read_qwen3c(path: Path) -> Model:
    raw = path.read_bytes()
    magic, version, dim, ffn, n_layers, n_heads, n_kv_heads, vocab, _, head_dim, shared, group = struct.unpack(
        "<I11i", raw[:48])
    assert (magic, version) == (0x616A6331, 1) and not any(raw[48:256])
    cursor = Cursor(raw, 256)
    norms = {"attn": cursor.floats(n_layers, dim), "ffn": cursor.floats(n_layers, dim), "final": cursor.floats(dim),
             "q": cursor.floats(n_layers, head_dim), "k": cursor.floats(n_layers, head_dim)}
    q_rows, kv_rows = n_heads * head_dim, n_kv_heads * head_dim
    parts = {"embedding": cursor.codes(group, vocab, dim)}
    for name, shape in (("q", (q_rows, dim)), ("k", (kv_rows, dim)), ("v", (kv_rows, dim)), ("o", (dim, q_rows)),
                        ("gate", (ffn, dim)), ("down", (dim, ffn)), ("up", (ffn, dim))):
        parts[name] = [cursor.codes(group, *shape) for _ in range(n_layers)]
    if not shared:
        parts["head"] = cursor.codes(group, vocab, dim)
    assert cursor.offset == len(raw)
    inverse = inverse_frequencies(1e6, head_dim)  # qwen3.c knows no other base, and no other epsilon
    return make_model(parts, norms, n_heads, n_kv_heads, Rope(lambda n: (inverse, 1.0)), 1e-6)


def read_llama2c(path: Path) -> Model:
    raw = path.read_bytes()
    dim, ffn, n_layers, n_heads, n_kv_heads, vocab, n_positions = struct.unpack("<7i", raw[:28])
    head_dim = dim // n_heads
    kv_rows, cursor, norms = n_kv_heads * head_dim, Cursor(raw, 28), {}
    parts = {"embedding": cursor.floats(abs(vocab), dim)}
    norms["attn"] = cursor.floats(n_layers, dim)
    for name, rows in (("q", dim), ("k", kv_rows), ("v", kv_rows), ("o", dim)):
        parts[name] = cursor.floats(n_layers, rows, dim)
    norms["ffn"] = cursor.floats(n_layers, dim)
    for name, shape in (("gate", (ffn, dim)), ("down", (dim, ffn)), ("up", (ffn, dim))):
        parts[name] = cursor.floats(n_layers, *shape)
    norms["final"] = cursor.floats(dim)
    cosines, sines = cursor.floats(n_positions, head_dim // 2), cursor.floats(n_positions, head_dim // 2)
    assert np.allclose(cosines**2 + sines**2, 1)
    if vocab < 0:
        parts["head"] = cursor.floats(-vocab, dim)
    assert cursor.offset == len(raw)
    inverse = inverse_frequencies(1e4, head_dim)
    return make_model(parts, norms, n_heads, n_kv_heads, Rope(lambda n: (inverse, 1.0), interleaved=True), 1e-5)
