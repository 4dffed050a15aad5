"""Names, shapes and values of a checkpoint's tensors, as its config.json implies them."""

import zlib

import numpy as np

GEMMAS = ("gemma2", "gemma3_text")


def head_dim_of(config: dict) -> int:
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def is_tied(config: dict) -> bool:
    return config.get("tie_word_embeddings", config["model_type"] in (*GEMMAS, "smollm3"))


def is_sparse_layer(config: dict, layer: int) -> bool:
    if config["model_type"] == "mixtral":
        return True
    if config["model_type"] != "qwen3_moe":
        return False
    return layer not in (config.get("mlp_only_layers") or []) and (layer + 1) % config.get("decoder_sparse_step", 1) == 0


def attention_shapes(config: dict) -> dict:
    dim, head_dim = config["hidden_size"], head_dim_of(config)
    q_rows, kv_rows = config["num_attention_heads"] * head_dim, config["num_key_value_heads"] * head_dim
    if config["model_type"] == "phi3":
        return {"qkv_proj.weight": (q_rows + 2 * kv_rows, dim), "o_proj.weight": (dim, q_rows)}
    rows = {"q_proj": q_rows, "k_proj": kv_rows, "v_proj": kv_rows}
    shapes = {f"{name}.weight": (n, dim) for name, n in rows.items()} | {"o_proj.weight": (dim, q_rows)}
    if config["model_type"] == "qwen2" or config.get("attention_bias"):
        shapes |= {f"{name}.bias": (n,) for name, n in rows.items()}
    if config.get("attention_bias"):
        shapes["o_proj.bias"] = (dim,)
    if config["model_type"] in ("qwen3", "qwen3_moe", "gemma3_text"):
        shapes |= {"q_norm.weight": (head_dim,), "k_norm.weight": (head_dim,)}
    return shapes


def feed_forward_shapes(config: dict, layer: int) -> dict:
    dim, ffn = config["hidden_size"], config["intermediate_size"]
    if config["model_type"] == "phi3":
        return {"mlp.gate_up_proj.weight": (2 * ffn, dim), "mlp.down_proj.weight": (dim, ffn)}
    if not is_sparse_layer(config, layer):
        rows = {"gate_proj": (ffn, dim), "up_proj": (ffn, dim), "down_proj": (dim, ffn)}
        shapes = {f"mlp.{name}.weight": shape for name, shape in rows.items()}
        if config.get("mlp_bias"):
            shapes |= {f"mlp.{name}.bias": shape[:1] for name, shape in rows.items()}
        return shapes
    if config["model_type"] == "mixtral":
        block, names, n_experts = "block_sparse_moe", ("w1", "w3", "w2"), config["num_local_experts"]
    else:
        block, names, n_experts = "mlp", ("gate_proj", "up_proj", "down_proj"), config["num_experts"]
        ffn = config["moe_intermediate_size"]
    shapes = {f"{block}.gate.weight": (n_experts, dim)}
    for expert in range(n_experts):
        for name, shape in zip(names, ((ffn, dim), (ffn, dim), (dim, ffn))):
            shapes[f"{block}.experts.{expert}.{name}.weight"] = shape
    return shapes


def tensor_shapes(config: dict) -> dict:
    """Name -> shape, with the names that the hub's checkpoints of this architecture have."""
    dim = config["hidden_size"]
    norms = ["input_layernorm", "post_attention_layernorm"]
    if config["model_type"] in GEMMAS:
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], dim)}
    for layer in range(config["num_hidden_layers"]):
        parts = {f"self_attn.{name}": shape for name, shape in attention_shapes(config).items()}
        parts |= feed_forward_shapes(config, layer) | {f"{norm}.weight": (dim,) for norm in norms}
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in parts.items()}
    shapes["model.norm.weight"] = (dim,)
    if not is_tied(config):
        shapes["lm_head.weight"] = (config["vocab_size"], dim)
    return shapes


def exact_in_16_bits(values: np.ndarray) -> np.ndarray:
    """Rounded to bfloat16, and to zero below the normal range of float16, so that both hold the value exactly."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.abs(rounded) < 2.0**-14, np.float32(0), rounded)


def on_int8_lattice(values: np.ndarray, run: int = 32) -> np.ndarray:
    """Multiples of one power of two within ±127 steps, 127 reached in each run: 8-bit formats that take the scale from the
    largest value (qwen3.c's Q8, GGUF's Q8_0) hold it exactly."""
    step = 2.0 ** np.round(np.log2(3 * values.std() / 127))
    steps = np.clip(np.round(values / step), -127, 127).reshape(-1, run)
    largest = np.abs(steps).argmax(axis=1)
    rows = np.arange(len(steps))
    steps[rows, largest] = np.where(steps[rows, largest] < 0, -127, 127)
    return (steps * step).reshape(values.shape).astype(np.float32)


# Standard deviation of a matrix's product with a normed vector. Queries and keys are sharper than what a network starts
# with, so that attention is far from uniform; the router is sharper still, so that no choice of experts hangs on rounding.
GAINS = {"q_proj": 1.5, "k_proj": 1.5, "qkv_proj": 1.5, "gate": 3.0, "lm_head": 3.0}


def draw(name: str, shape: tuple, config: dict, rng: np.random.Generator) -> np.ndarray:
    stem, _, kind = name.rpartition(".")
    noise = rng.standard_normal(shape)
    if kind == "bias":
        return 0.5 * noise
    if len(shape) == 1:
        centre = 0.4 if stem.endswith(("q_norm", "k_norm")) else 0.0  # sharper attention
        return centre + 0.3 * noise + (0.0 if config["model_type"] in GEMMAS else 1.0)
    if stem.endswith("embed_tokens"):
        if config["model_type"] in GEMMAS:
            return 2.0 / np.sqrt(shape[1]) * noise
        return (0.5 if is_tied(config) else 1.0) * noise
    return GAINS.get(stem.rpartition(".")[2], 1.1) / np.sqrt(shape[1]) * noise


def make_tensors(config: dict, seed: str, lattice: bool = False) -> dict:
    """Name -> float32 values, each tensor's drawn from a stream of its own."""
    tensors = {}
    for name, shape in tensor_shapes(config).items():
        rng = np.random.default_rng(zlib.crc32(f"{seed} {name}".encode()))
        values = draw(name, shape, config, rng)
        tensors[name] = on_int8_lattice(values) if lattice and len(shape) == 2 else exact_in_16_bits(values)
    return tensors


def stack_experts(tensors: dict) -> dict:
    """The same tensors as transformers 5 holds them, and saves them when not asked for the hub's names: per layer
    experts.gate_up_proj [n_experts, 2 * ffn, dim] and experts.down_proj [n_experts, dim, ffn]."""
    stacked, experts = {}, {}
    roles = {"w1": 0, "gate_proj": 0, "w3": 1, "up_proj": 1, "w2": 2, "down_proj": 2}
    for name, values in tensors.items():
        own = name.replace(".block_sparse_moe.", ".mlp.")
        if ".experts." not in own:
            stacked[own] = values
            continue
        block, _, rest = own.partition(".experts.")
        experts.setdefault(block, ([], [], []))[roles[rest.split(".")[1]]].append(values)
    for block, (gate, up, down) in experts.items():
        stacked[f"{block}.experts.gate_up_proj"] = np.concatenate([np.stack(gate), np.stack(up)], axis=1)
        stacked[f"{block}.experts.down_proj"] = np.stack(down)
    return stacked
