"""qwen3.c's `.bin` version 1, written as its exporter does: a header of 256 bytes, norms in float32, then every matrix as
int8 codes followed by float32 scales, all layers of one kind together."""

import struct
from pathlib import Path

import numpy as np

from golden.weights import head_dim_of, is_tied

MAGIC = 0x616A6331


def group_size_of(dim: int) -> int:
    size = 64
    while dim % size:
        size //= 2
    return size


def quantize(values: np.ndarray, group_size: int) -> bytes:
    """Codes, then scales; float32 throughout, codes rounded half to even."""
    groups = values.astype(np.float32).reshape(-1, group_size)
    scales = np.abs(groups).max(axis=1, keepdims=True) / np.float32(127)
    codes = np.round(np.divide(groups, scales, out=np.zeros_like(groups), where=scales != 0)).astype(np.int8)
    return codes.tobytes() + scales.astype("<f4").tobytes()


def write_qwen3c(path: Path, config: dict, tensors: dict) -> None:
    n_layers, group_size = config["num_hidden_layers"], group_size_of(config["hidden_size"])
    header = struct.pack("<Iiiiiiiiiiii", MAGIC, 1, config["hidden_size"], config["intermediate_size"], n_layers,
                         config["num_attention_heads"], config["num_key_value_heads"], config["vocab_size"],
                         config["max_position_embeddings"], head_dim_of(config), int(is_tied(config)), group_size)
    layers = lambda name: [tensors[f"model.layers.{layer}.{name}.weight"] for layer in range(n_layers)]
    norms = [*layers("input_layernorm"), *layers("post_attention_layernorm"), tensors["model.norm.weight"],
             *layers("self_attn.q_norm"), *layers("self_attn.k_norm")]
    matrices = [tensors["model.embed_tokens.weight"]]
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
                 "mlp.down_proj", "mlp.up_proj"):
        matrices += layers(name)
    if not is_tied(config):
        matrices.append(tensors["lm_head.weight"])
    path.write_bytes(header.ljust(256, b"\0") + b"".join(norm.astype("<f4").tobytes() for norm in norms)
                     + b"".join(quantize(matrix, group_size) for matrix in matrices))
