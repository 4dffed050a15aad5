"""GGUF through the `gguf` package, so not by our own writer, with the keys and tensor layouts that the format's common
converters write for each architecture."""

import math
from pathlib import Path

import gguf
import numpy as np

from golden.readers import gather_rope, layer_kinds, roped_layers, window_of, window_period
from golden.weights import GEMMAS, head_dim_of, is_sparse_layer
from golden.rope import inverse_frequencies, llama3

ARCHITECTURES = {"llama": "llama", "mistral": "llama", "mixtral": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
                 "qwen3_moe": "qwen3moe", "smollm3": "smollm3", "phi3": "phi3", "gemma2": "gemma2",
                 "gemma3_text": "gemma3"}
PERMUTED = ("llama", "smollm3")

LAYER_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp", "block_sparse_moe.gate": "ffn_gate_inp",
}
GEMMA_NAMES = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
               "post_feedforward_layernorm": "post_ffw_norm"}
EXPERT_NAMES = {"w1": "gate", "w3": "up", "w2": "down", "gate_proj": "gate", "up_proj": "up", "down_proj": "down"}
TYPES = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16,
         "bf16": gguf.GGMLQuantizationType.BF16}
FILE_TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
              "bf16": gguf.LlamaFileType.MOSTLY_BF16}


def inexpressible(config: dict) -> str | None:
    """Why GGUF's standard keys cannot say this, or None."""
    rope, model_type = gather_rope(config), config["model_type"]
    if rope["rope_type"] == "dynamic":
        return "no standard key for dynamic NTK"
    if rope["rope_type"] == "yarn" and any(key in rope for key in ("attention_factor", "mscale", "truncate")):
        return "no standard key for YaRN's mscale and truncate; of attention_factor programs make different things"
    if model_type == "smollm3" and roped_layers(config) != roped_layers({**config, "no_rope_layers": None,
                                                                        "no_rope_layer_interval": 4}):
        return "no standard key for a list of layers without RoPE"
    if model_type in ("qwen2", "qwen3", "qwen3_moe", "smollm3") and "sliding_attention" in layer_kinds(config):
        return "no standard key for windows on some layers of this architecture"
    if model_type == "qwen3_moe" and not all(is_sparse_layer(config, i) for i in range(config["num_hidden_layers"])):
        return "no standard key for dense layers among sparse ones of this architecture"
    if model_type == "gemma3_text" and window_period(config) is None:
        return "no standard key for an irregular list of windowed layers"
    return None


def add_keys(writer: gguf.GGUFWriter, config: dict) -> None:
    head_dim, model_type = head_dim_of(config), config["model_type"]
    rope = gather_rope(config)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if model_type != "phi3":
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    writer.add_vocab_size(config["vocab_size"])
    if model_type not in GEMMAS:
        writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(rope["rope_theta"])
    add_rope_scaling(writer, config, rope)
    if "sliding_attention" in layer_kinds(config) and window_of(config):
        writer.add_sliding_window(window_of(config))
    elif model_type == "phi3":
        writer.add_sliding_window(0)  # says that there is none; old files leave the key out and mean a default
    if model_type == "mixtral":
        writer.add_expert_count(config["num_local_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if model_type == "qwen3_moe":
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
        if not config["norm_topk_prob"]:
            writer.add_expert_weights_norm(False)
    if model_type in GEMMAS:
        add_gemma_keys(writer, config, head_dim)


def add_rope_scaling(writer: gguf.GGUFWriter, config: dict, rope: dict) -> None:
    original = rope["original_max_position_embeddings"]
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(original)
        for key, add in (("beta_fast", writer.add_rope_scaling_yarn_beta_fast),
                         ("beta_slow", writer.add_rope_scaling_yarn_beta_slow)):
            if key in rope:
                add(rope[key])
    elif rope["rope_type"] == "longrope":
        if config["model_type"] != "phi3":  # whose converters leave it to the tensors of factors
            writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        scale = rope.get("factor") or config["max_position_embeddings"] / original
        attention = rope.get("attention_factor") or math.sqrt(1 + math.log(scale) / math.log(original))
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(attention)


def add_gemma_keys(writer: gguf.GGUFWriter, config: dict, head_dim: int) -> None:
    if config.get("query_pre_attn_scalar", 256) != head_dim:
        writer.add_attention_scale(config["query_pre_attn_scalar"] ** -0.5)
    if config["model_type"] == "gemma2":
        if config["attn_logit_softcapping"]:
            writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        if config["final_logit_softcapping"]:
            writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    else:
        writer.add_rope_freq_base_swa(gather_rope(config, "sliding_attention")["rope_theta"])
        if window_period(config) != 6:
            writer.add_sliding_window_pattern(window_period(config))


def interleave_rows(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Half-split rows [first halves, second halves] of each head in the order of pairwise rotation."""
    head_dim = weight.shape[0] // n_heads
    halves = weight.reshape(n_heads, 2, head_dim // 2, *weight.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weight.shape)


def gguf_tensors(config: dict, tensors: dict) -> dict:
    """The checkpoint's tensors under GGUF's names and in its layout."""
    outer = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    is_gemma = config["model_type"] in GEMMAS
    names = LAYER_NAMES | (GEMMA_NAMES if is_gemma else {})
    stacks, result = {}, {}
    for name, values in tensors.items():
        stem, _, kind = name.rpartition(".")
        if is_gemma and stem.endswith("norm"):
            values = 1 + values
        if stem in outer:
            result[f"{outer[stem]}.{kind}"] = values
            continue
        _, _, layer, rest = stem.split(".", 3)
        if ".experts." in rest:
            stacks.setdefault(f"blk.{layer}.ffn_{EXPERT_NAMES[rest.rpartition('.')[2]]}_exps.weight", []).append(values)
            continue
        if ARCHITECTURES[config["model_type"]] in PERMUTED and rest in ("self_attn.q_proj", "self_attn.k_proj"):
            is_q = rest == "self_attn.q_proj"
            values = interleave_rows(values, config["num_attention_heads" if is_q else "num_key_value_heads"])
        result[f"blk.{layer}.{names[rest]}.{kind}"] = values
    return result | {name: np.stack(experts) for name, experts in stacks.items()}


def rope_tensors(config: dict) -> dict:
    rope = gather_rope(config)
    if rope["rope_type"] == "llama3":
        inverse = inverse_frequencies(rope["rope_theta"], head_dim_of(config))
        return {"rope_freqs.weight": inverse / llama3(inverse, rope)}
    if rope["rope_type"] == "longrope":
        return {f"rope_factors_{name}.weight": np.array(rope[f"{name}_factor"]) for name in ("long", "short")}
    return {}


def write_gguf(path: Path, config: dict, tensors: dict, type_name: str) -> None:
    writer = gguf.GGUFWriter(str(path), ARCHITECTURES[config["model_type"]])
    writer.add_name(f"golden {path.parent.name}")
    writer.add_file_type(FILE_TYPES[type_name])
    add_keys(writer, config)
    for name, values in rope_tensors(config).items():
        writer.add_tensor(name, values.astype(np.float32))
    for name, values in gguf_tensors(config, tensors).items():
        # Vectors and routers stay float32, as converters keep them.
        is_wide = values.ndim == 1 or "ffn_gate_inp" in name
        own = TYPES["f32"] if is_wide else TYPES[type_name]
        data = gguf.quants.quantize(values.astype(np.float32), own)
        writer.add_tensor(name, data, raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
