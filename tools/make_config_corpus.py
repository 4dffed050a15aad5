#!/usr/bin/env python3
"""Makes the seeds and dictionaries of fuzz/config_fuzzer and fuzz/mlx_fuzzer from the golden checkpoints' config.json.

usage: tools/make_config_corpus.py
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "fixtures" / "golden"
# The checkpoint that fuzz/mlx_fuzzer.cpp holds.
MLX_SHAPE = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 32,
             "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": 32, "tie_word_embeddings": False}
MLX_SEEDS = {
    "overrides": {"group_size": 32, "bits": 4, "lm_head": {"group_size": 32, "bits": 8}},
    "mode": {"group_size": 32, "bits": 4, "mode": "affine", "lm_head": {"group_size": 32, "bits": 8},
             "model.layers.0.mlp.down_proj": False},
    "mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 32},
    "no_override": {"group_size": 32, "bits": 4},
}


def words(value, found):
    """Every key and string of a JSON value, quoted as in a dictionary of libFuzzer."""
    if isinstance(value, dict):
        for key, inner in value.items():
            found.add(key)
            words(inner, found)
    elif isinstance(value, list):
        for inner in value:
            words(inner, found)
    elif isinstance(value, str):
        found.add(value)
    return found


def write_dictionary(path, found):
    lines = [json.dumps(json.dumps(word)) for word in sorted(found) if word.isascii() and len(word) < 40]
    lines += ['"null"', '"true"', '"false"', '"1e15"', '"0.5"', '"-1"', '"1e-6"']
    path.write_text("\n".join(lines) + "\n")


def main():
    config_folder, mlx_folder = ROOT / "fuzz/corpus/config", ROOT / "fuzz/corpus/mlx"
    for folder in (config_folder, mlx_folder):
        folder.mkdir(parents=True, exist_ok=True)
    found = set()
    for path in sorted(GOLDEN.glob("*/hf/config.json")):
        config = json.loads(path.read_text())
        words(config, found)
        (config_folder / f"{path.parent.parent.name}.json").write_text(json.dumps(config, separators=(",", ":")) + "\n")
    write_dictionary(ROOT / "fuzz/config_fuzzer.dict", found)
    found = set()
    llama = json.loads((GOLDEN / "llama/hf/config.json").read_text()) | MLX_SHAPE
    for name, quantization in MLX_SEEDS.items():
        key = "quantization_config" if name == "gptq" else "quantization"
        config = llama | {key: quantization}
        words(config, found)
        (mlx_folder / f"{name}.json").write_text(json.dumps(config, separators=(",", ":")) + "\n")
    write_dictionary(ROOT / "fuzz/mlx_fuzzer.dict", found)


if __name__ == "__main__":
    main()
