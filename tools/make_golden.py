#!/usr/bin/env python3
"""Makes the golden logits of tests/fixtures/golden: tiny seeded checkpoints of each architecture, written as GGUF with
the `gguf` package (so not by our own writer) and evaluated with transformers in double precision.

Usage: tools/make_golden.py [OUTPUT_DIRECTORY]      (in the environment that `scripts/setup tools` makes)

For each case three files: CASE.gguf (float32 weights, no tokenizer), CASE.f32 (logits [n_tokens, vocab], little-endian
float32) and CASE.json (where it all comes from, and the token ids).
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers

N_TOKENS = 48
COMMON = dict(
    vocab_size=128,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    max_position_embeddings=256,
    initializer_range=0.25,
    attn_implementation="eager",
)

# (GGUF architecture, transformers classes, what is special about the case)
CASES = {
    "llama": (
        "llama",
        transformers.LlamaConfig,
        transformers.LlamaForCausalLM,
        dict(num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=False,
             rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0,
                                  high_freq_factor=4.0, original_max_position_embeddings=32)),
    ),
    "llama-tied": (
        "llama",
        transformers.LlamaConfig,
        transformers.LlamaForCausalLM,
        dict(num_attention_heads=4, num_key_value_heads=4, rms_norm_eps=1e-6, tie_word_embeddings=True,
             attention_bias=True, rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    ),
    "qwen3": (
        "qwen3",
        transformers.Qwen3Config,
        transformers.Qwen3ForCausalLM,
        dict(num_attention_heads=6, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6, tie_word_embeddings=True,
             rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
    ),
    "qwen3-untied": (
        "qwen3",
        transformers.Qwen3Config,
        transformers.Qwen3ForCausalLM,
        dict(num_attention_heads=2, num_key_value_heads=1, head_dim=40, rms_norm_eps=1e-6, tie_word_embeddings=False,
             rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    ),
}

LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(hf_name: str) -> str:
    stem, _, suffix = hf_name.rpartition(".")
    if stem in OUTER_NAMES:
        return f"{OUTER_NAMES[stem]}.{suffix}"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[rest]}.{suffix}"


def interleave_rows(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Half-split rows [first halves, second halves] of each head in the order of pairwise rotation, as GGUF keeps Llama."""
    head_dim = weight.shape[0] // n_heads
    halves = weight.reshape(n_heads, 2, head_dim // 2, *weight.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weight.shape)


def llama3_rope_factors(head_dim: int, rope: dict) -> np.ndarray:
    """What each inverse frequency is divided by (Llama 3.1's scaling by wavelength)."""
    inverse_freq = rope["rope_theta"] ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    wavelength = 2 * np.pi / inverse_freq
    original, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = np.clip((original / wavelength - low) / (high - low), 0, 1)
    scaled = (1 - smooth) * inverse_freq / rope["factor"] + smooth * inverse_freq
    return (inverse_freq / scaled).astype(np.float32)


def randomize_norms(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Norm weights start as ones and biases as zeros, which would hide a forgotten one."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                noise = torch.randn(parameter.shape, generator=generator) * 0.3
                parameter.copy_(noise if name.endswith("bias") else 1 + noise)


def write_gguf(path: Path, architecture: str, config, model) -> None:
    writer = gguf.GGUFWriter(str(path), architecture)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_name(f"golden {path.stem}")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_rope_factors(head_dim, rope))
    for hf_name, tensor in model.state_dict().items():
        if hf_name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        weight = tensor.to(torch.float32).numpy()
        if architecture == "llama" and ".q_proj." in hf_name:
            weight = interleave_rows(weight, config.num_attention_heads)
        if architecture == "llama" and ".k_proj." in hf_name:
            weight = interleave_rows(weight, config.num_key_value_heads)
        writer.add_tensor(gguf_name(hf_name), weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_case(name: str, directory: Path) -> None:
    architecture, config_class, model_class, options = CASES[name]
    torch.manual_seed(20260101)
    config = config_class(**COMMON, **options)
    model = model_class(config).eval()
    generator = torch.Generator().manual_seed(7)
    randomize_norms(model, generator)
    ids = torch.randint(0, config.vocab_size, (1, N_TOKENS), generator=generator)
    write_gguf(directory / f"{name}.gguf", architecture, config, model)
    with torch.no_grad():
        logits = model.double()(ids).logits[0]
    logits.to(torch.float32).numpy().tofile(directory / f"{name}.f32")
    facts = {
        "source": "seeded random weights, no third-party data",
        "tools": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, gguf",
        "command": "tools/make_golden.py",
        "ids": ids[0].tolist(),
        "shape": list(logits.shape),
    }
    (directory / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{name}: largest logit {logits.abs().max():.3f}")


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests" / "fixtures" / "golden"
    directory.mkdir(parents=True, exist_ok=True)
    for name in CASES:
        make_case(name, directory)


if __name__ == "__main__":
    main()
