#!/usr/bin/env python3
"""Makes tests/fixtures/qwen3c and tests/fixtures/llama2c: tiny checkpoints in the formats of qwen3.c and llama2.c with
their vocabularies, and the logits that a forward pass in float64, written here, gives for them; and the seeds of their
fuzz targets.

Usage: tools/make_qwen3c_fixtures.py      (needs numpy; run from the project's root)

The formats and the quantization are written here a second time, apart from the C++ code, so that comparing bytes means
something. Weights come from a formula that the tests repeat, so the sources need not be stored.
"""

import json
import math
import pathlib
import struct

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
N_TOKENS = 48
EVERY = 5  # logits are kept for positions 0, 5, 10, ...


def weights(seed: int, shape: tuple, spread: float, mean: float = 0.0) -> np.ndarray:
    """float32 values mean + spread * [-1, 1) from the bits of a hash of the index; exact in every language."""
    mask = np.uint64(0xFFFFFFFF)
    x = np.arange(math.prod(shape), dtype=np.uint64)
    x = (x * np.uint64(2654435761) + np.uint64(seed * 40503)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(2246822519)) & mask
    x ^= x >> np.uint64(13)
    unit = (x >> np.uint64(8)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return (np.float32(mean) + np.float32(spread) * unit).astype(np.float32).reshape(shape)


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x, base, pairwise):
    """x [tokens, heads, head_dim]: neighbours are rotated (llama2.c), or first half with second (qwen3.c)."""
    n_tokens, _, head_dim = x.shape
    frequency = base ** (-np.arange(0, head_dim, 2) / head_dim)
    angle = np.arange(n_tokens)[:, None] * frequency
    cos, sin = np.cos(angle)[:, None, :], np.sin(angle)[:, None, :]
    a, b = (x[..., 0::2], x[..., 1::2]) if pairwise else np.split(x, 2, -1)
    turned = (a * cos - b * sin, a * sin + b * cos)
    return np.stack(turned, -1).reshape(x.shape) if pairwise else np.concatenate(turned, -1)


def attention(q, k, v):
    n_tokens, n_heads, head_dim = q.shape
    k, v = (np.repeat(t, n_heads // t.shape[1], 1) for t in (k, v))
    scores = np.einsum("thd,shd->hts", q, k) / math.sqrt(head_dim)
    scores[:, np.triu(np.ones((n_tokens, n_tokens), bool), 1)] = -np.inf
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("hts,shd->thd", scores / scores.sum(-1, keepdims=True), v).reshape(n_tokens, -1)


def forward(tensors, ids, n_layers, n_heads, n_kv_heads, head_dim, eps, base, pairwise):
    """Logits [tokens, vocab] in float64; tensors by their GGUF names without .weight."""
    t = {name: values.astype(np.float64) for name, values in tensors.items()}
    x = t["token_embd"][ids]
    for i in range(n_layers):
        p = f"blk.{i}."
        h = rms_norm(x, t[p + "attn_norm"], eps)
        q, k, v = (
            (h @ t[p + name].T).reshape(len(ids), n, head_dim)
            for name, n in (("attn_q", n_heads), ("attn_k", n_kv_heads), ("attn_v", n_kv_heads))
        )
        if p + "attn_q_norm" in t:
            q, k = rms_norm(q, t[p + "attn_q_norm"], eps), rms_norm(k, t[p + "attn_k_norm"], eps)
        q, k = rotate(q, base, pairwise), rotate(k, base, pairwise)
        x = x + attention(q, k, v) @ t[p + "attn_output"].T
        h = rms_norm(x, t[p + "ffn_norm"], eps)
        gate = h @ t[p + "ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ t[p + "ffn_up"].T)) @ t[p + "ffn_down"].T
    return rms_norm(x, t["output_norm"], eps) @ t.get("output", t["token_embd"]).T


def save_logits(folder, model, logits, ids, more):
    kept = np.arange(0, N_TOKENS, EVERY)
    logits[kept].astype("<f4").tofile(folder / "tiny.f32")
    facts = {
        "source": "seeded random weights, no third-party data",
        "tool": f"numpy {np.__version__}",
        "command": "tools/make_qwen3c_fixtures.py",
        "model": model,
        "ids": [int(i) for i in ids],
        "positions": kept.tolist(),
        "shape": [len(kept), logits.shape[1]],
        **more,
    }
    (folder / "tiny.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{folder.name}: {(folder / 'tiny.bin').stat().st_size} bytes, largest logit {abs(logits).max():.3f}")


# qwen3.c


def quantize(values, group_size):
    groups = values.reshape(-1, group_size)
    scales = np.abs(groups).max(1) / np.float32(127)
    divisors = np.where(scales == 0, np.float32(1), scales)
    codes = np.rint(groups / divisors[:, None]).astype(np.int8)
    return codes, scales


def special_groups(embedding, group_size):
    """A group of zeros, and one whose scale is 1/64 so that values lie half way between codes."""
    embedding[1, :group_size] = 0
    embedding[2, 0] = np.float32(127 / 64)
    embedding[2, 1:group_size] = ((np.arange(1, group_size) - 8) + 0.5).astype(np.float32) / np.float32(64)


def qwen3c_tensors(dim, ffn, layers, heads, kv_heads, head_dim, vocab):
    q, kv = heads * head_dim, kv_heads * head_dim
    shapes = [(f"blk.{i}.{kind}", (dim,)) for kind in ("attn_norm", "ffn_norm") for i in range(layers)]
    shapes.append(("output_norm", (dim,)))
    shapes += [(f"blk.{i}.{kind}", (head_dim,)) for kind in ("attn_q_norm", "attn_k_norm") for i in range(layers)]
    shapes.append(("token_embd", (vocab, dim)))
    matrices = (("attn_q", (q, dim)), ("attn_k", (kv, dim)), ("attn_v", (kv, dim)), ("attn_output", (dim, q)),
                ("ffn_gate", (ffn, dim)), ("ffn_down", (dim, ffn)), ("ffn_up", (ffn, dim)))
    shapes += [(f"blk.{i}.{kind}", shape) for kind, shape in matrices for i in range(layers)]
    tensors = {}
    for seed, (name, shape) in enumerate(shapes, 1):
        is_norm = len(shape) == 1
        tensors[name] = weights(seed, shape, 0.25 if is_norm else 0.5, 1.0 if is_norm else 0.0)
    return tensors


def write_qwen3c(path, dim, ffn, layers, heads, kv_heads, head_dim, vocab, context):
    """Returns the tensors as the file has them, and the group size."""
    group_size = 64
    while dim % group_size or ffn % group_size or heads * head_dim % group_size:
        group_size //= 2
    tensors = qwen3c_tensors(dim, ffn, layers, heads, kv_heads, head_dim, vocab)
    special_groups(tensors["token_embd"], group_size)
    header = (0x616A6331, 1, dim, ffn, layers, heads, kv_heads, vocab, context, head_dim, 1, group_size)
    decoded = {}
    with open(path, "wb") as out:
        out.write(struct.pack("<I11i", *header).ljust(256, b"\0"))
        for name, values in tensors.items():
            if values.ndim == 1:
                out.write(values.astype("<f4").tobytes())
                decoded[name] = values
                continue
            codes, scales = quantize(values, group_size)
            out.write(codes.tobytes() + scales.astype("<f4").tobytes())
            decoded[name] = (codes.astype(np.float32) * scales[:, None]).reshape(values.shape)
    return decoded, group_size


def make_qwen3c(folder):
    layers, heads, kv_heads, head_dim = 2, 4, 2, 16
    tensors, group_size = write_qwen3c(folder / "tiny.bin", 32, 48, layers, heads, kv_heads, head_dim, 640, 256)
    ids = weights(99, (N_TOKENS,), 304, 304).astype(int)
    logits = forward(tensors, ids, layers, heads, kv_heads, head_dim, 1e-6, 1e6, False)
    save_logits(folder, "qwen3.c", logits, ids, {"group_size": group_size})


def byte_of_character():
    printable = [b for b in range(256) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE]
    characters = {chr(b): b for b in printable}
    others = (b for b in range(256) if b not in printable)
    characters.update({chr(256 + i): b for i, b in enumerate(others)})
    return characters


def write_qwen3c_vocabulary(path, tokens, merges, bos, eos):
    rank = {merge.replace(" ", ""): i for i, merge in enumerate(merges)}
    to_byte = byte_of_character()
    entries = b""
    for token in tokens:
        score = -math.log(rank[token] + 1) if token in rank else -1e6
        data = bytes(to_byte[character] for character in token)
        entries += struct.pack("<fI", score, len(data)) + data
    longest = max(map(len, tokens))
    path.write_bytes(struct.pack("<III", longest, tokens.index(bos), tokens.index(eos)) + entries)


def make_qwen3c_vocabulary(folder):
    """The vocabulary of tests/fixtures/tokenizer_qwen2.json."""
    source = json.loads((FIXTURES / "tokenizer_qwen2.json").read_text())
    write_qwen3c_vocabulary(folder / "tiny.bin.tokenizer", source["tokens"], source["merges"], "<|start|>", "<|end|>")


# llama2.c


def llama2c_vocabulary(size):
    text = "the cat sat on the mat and then the dog sat on the cat , so the cat ran . it was a sad , sad day ."
    words = [[" ", *word] for word in text.split()]
    pieces = []
    while len(pieces) < size - 3 - 60:  # plain byte-pair merging; of equal counts the first pair in order of text
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(pairs, key=pairs.get)
        pieces.append("".join(best))
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = ["".join(best)]
                i += 1
    characters = [" ", *"etaoinshrdlcumwfgypbvk,.'\"!?-\n", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "é", "—", "海"]
    return [*pieces, *characters][: size - 3]


def encode_llama2c(text, scores):
    """As llama2.c does it: a space in front, characters, then again and again the neighbours with the best score."""
    if not text:
        return [1]
    tokens = [" ", *text]
    while True:
        best = max((scores.get(a + b, -1e10), -i) for i, (a, b) in enumerate(zip(tokens, [*tokens[1:], "\0"])))
        if best[0] <= -1e10:
            break
        at = -best[1]
        tokens[at : at + 2] = [tokens[at] + tokens[at + 1]]
    return [1, *(3 + list(scores).index(token) if token in scores else 0 for token in tokens)]


def write_llama2c(path, dim, ffn, layers, heads, kv_heads, vocab, context):
    """With a head of its own; returns the tensors."""
    kv = dim // heads * kv_heads
    plan = [("token_embd", (vocab, dim))]
    for kind, shape in (("attn_norm", (dim,)), ("attn_q", (dim, dim)), ("attn_k", (kv, dim)), ("attn_v", (kv, dim)),
                        ("attn_output", (dim, dim)), ("ffn_norm", (dim,)), ("ffn_gate", (ffn, dim)),
                        ("ffn_down", (dim, ffn)), ("ffn_up", (ffn, dim))):
        plan += [(f"blk.{i}.{kind}", shape) for i in range(layers)]
    plan += [("output_norm", (dim,)), (None, (context * dim // heads,)), ("output", (vocab, dim))]
    tensors = {}
    with open(path, "wb") as out:
        out.write(struct.pack("<7i", dim, ffn, layers, heads, kv_heads, -vocab, context))
        for seed, (name, shape) in enumerate(plan, 1):
            values = weights(seed, shape, 0.25, 1.0) if len(shape) == 1 else weights(seed, shape, 0.5)
            out.write(values.astype("<f4").tobytes())
            if name:
                tensors[name] = values
    return tensors


def write_llama2c_vocabulary(path, scores):
    entries = [(0.0, "<unk>"), (0.0, "\n<s>\n"), (0.0, "\n</s>\n"), *((score, token) for token, score in scores.items())]
    data = struct.pack("<I", max(len(token.encode()) for _, token in entries))
    for score, token in entries:
        data += struct.pack("<fi", score, len(token.encode())) + token.encode()
    path.write_bytes(data)


def make_llama2c(folder):
    dim, layers, heads, kv_heads = 16, 2, 2, 1
    vocabulary = llama2c_vocabulary(120)
    vocab = 3 + len(vocabulary)
    tensors = write_llama2c(folder / "tiny.bin", dim, 32, layers, heads, kv_heads, vocab, 64)
    scores = {token: -float(i) for i, token in enumerate(vocabulary)}
    write_llama2c_vocabulary(folder / "tiny.tokenizer.bin", scores)
    texts = ["", "the cat", "the cat sat on the mat.", "THE  CAT", "so sad, so sad\nday", "海 é — it's", "zzz", " "]
    ids = weights(98, (N_TOKENS,), vocab / 2, vocab / 2).astype(int)
    logits = forward(tensors, ids, layers, heads, kv_heads, dim // heads, 1e-5, 1e4, True)
    save_logits(folder, "llama2.c", logits, ids, {"prompts": [[text, encode_llama2c(text, scores)] for text in texts]})


def make_fuzz_seeds(folder):
    for name in ("qwen3c", "llama2c"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_qwen3c(folder / "qwen3c" / "checkpoint.bin", 16, 16, 1, 1, 1, 16, 16, 8)
    tokens = [*"abc<|>", "ab", "abc", "bcab", "bc", "<|x|>", "<y>"]
    write_qwen3c_vocabulary(folder / "qwen3c" / "vocabulary.bin", tokens, ["b c", "a b", "ab c", "bc ab"], "<|x|>", "<y>")
    write_llama2c(folder / "llama2c" / "checkpoint.bin", 4, 4, 1, 2, 1, 4, 2)
    scores = {token: -float(i) for i, token in enumerate([" a", "ab", "b", "a", " ", "<0x0A>", "<0xFF>", "é", ""])}
    write_llama2c_vocabulary(folder / "llama2c" / "vocabulary.bin", scores)  # 12 tokens


def main() -> None:
    for name, make in (("qwen3c", (make_qwen3c, make_qwen3c_vocabulary)), ("llama2c", (make_llama2c,))):
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        for part in make:
            part(folder)
    make_fuzz_seeds(ROOT / "fuzz" / "corpus")


if __name__ == "__main__":
    main()
