"""llama2.c's `.bin`: seven integers (a negative vocabulary says that the output matrix is its own), then float32 tensors,
all layers of one kind together, Q and K rows in the order of pairwise rotation, and the tables that rotation once used."""

import struct
from pathlib import Path

import numpy as np

from golden.rope import inverse_frequencies
from golden.weights import head_dim_of, is_tied
from golden.write_gguf import interleave_rows


def write_llama2c(path: Path, config: dict, tensors: dict) -> None:
    n_layers, n_positions = config["num_hidden_layers"], config["max_position_embeddings"]
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    vocab = config["vocab_size"] if is_tied(config) else -config["vocab_size"]
    header = struct.pack("<7i", config["hidden_size"], config["intermediate_size"], n_layers, heads["q_proj"],
                         heads["k_proj"], vocab, n_positions)

    def layers(name: str) -> list:
        own = [tensors[f"model.layers.{layer}.{name}.weight"] for layer in range(n_layers)]
        projection = name.rpartition(".")[2]
        return [interleave_rows(weight, heads[projection]) for weight in own] if projection in heads else own

    parts = [tensors["model.embed_tokens.weight"], *layers("input_layernorm")]
    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        parts += layers(f"self_attn.{name}")
    parts += layers("post_attention_layernorm")
    for name in ("gate_proj", "down_proj", "up_proj"):
        parts += layers(f"mlp.{name}")
    angles = np.outer(np.arange(n_positions), inverse_frequencies(1e4, head_dim_of(config)))
    parts += [tensors["model.norm.weight"], np.cos(angles), np.sin(angles)]
    if not is_tied(config):
        parts.append(tensors["lm_head.weight"])
    path.write_bytes(header + b"".join(part.astype("<f4").tobytes() for part in parts))
