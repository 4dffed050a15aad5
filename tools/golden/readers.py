"""Makes the witness's Model from files as they lie on disk: a Hugging Face or MLX folder, GGUF, qwen3.c, llama2.c. Each
reader knows its family's layout on its own, so that the writers are checked and not only repeated."""

import json
import struct
from pathlib import Path

import gguf
import numpy as np

from golden.rope import inverse_frequencies, make_table
from golden.witness import Experts, FeedForward, Layer, Linear, Model, Rope, gelu_tanh, silu

# ---- safetensors ----------------------------------------------------------------------------------------------------


def bf16_to_float(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def read_safetensors(path: Path) -> dict:
    raw = path.read_bytes()
    (header_size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + header_size])
    types = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "U32": "<u4", "F64": "<f8"}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + header_size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(raw[begin:end], dtype=types[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = bf16_to_float(values).reshape(entry["shape"]) if entry["dtype"] == "BF16" else values
    return tensors


def read_folder_tensors(folder: Path) -> dict:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return read_safetensors(folder / "model.safetensors")
    tensors = {}
    weight_map = json.loads(index.read_text())["weight_map"]
    for shard in sorted(set(weight_map.values())):
        for name, values in read_safetensors(folder / shard).items():
            assert weight_map[name] == shard, name
            tensors[name] = values
    return tensors


def dequantize_affine(words, scales, biases, bits: int, group_size: int) -> np.ndarray:
    """MLX affine: each row is a little-endian stream of codes; value = code * scale + bias of its group."""
    *outer, n_words = words.shape
    n_groups = scales.shape[-1]
    assert n_words * 32 == n_groups * group_size * bits, (words.shape, scales.shape, bits, group_size)
    stream = np.unpackbits(words.astype("<u4").reshape(-1, n_words).view(np.uint8), axis=1, bitorder="little")
    codes = stream.reshape(-1, n_groups, group_size, bits).astype(np.float64) @ 2.0 ** np.arange(bits)
    scales, biases = (values.reshape(-1, n_groups, 1).astype(np.float64) for values in (scales, biases))
    return (codes * scales + biases).reshape(*outer, n_groups * group_size)


def dequantize_folder(tensors: dict, quantization: dict) -> dict:
    plain = {}
    for name, values in tensors.items():
        stem, _, kind = name.rpartition(".")
        if kind in ("scales", "biases") and f"{stem}.scales" in tensors:
            continue
        if kind == "weight" and f"{stem}.scales" in tensors:
            own = quantization.get(stem, quantization)
            values = dequantize_affine(values, tensors[f"{stem}.scales"], tensors[f"{stem}.biases"], own["bits"],
                                       own["group_size"])
        plain[name] = values
    return plain


# ---- Hugging Face and MLX folders -----------------------------------------------------------------------------------

DEFAULT_THETA = {"mixtral": 1e6, "smollm3": 2e6}
DEFAULT_WINDOW = {"mistral": 4096, "gemma2": 4096, "gemma3_text": 4096}
DEFAULT_EPS = {"mixtral": 1e-5, "phi3": 1e-5}


def gather_rope(config: dict, kind: str = "full_attention") -> dict:
    """One RoPE description from either spelling: `rope_parameters`, or `rope_theta` beside `rope_scaling`."""
    rope = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    theta = config.get("rope_theta", DEFAULT_THETA.get(config["model_type"], 1e4))
    if config["model_type"] == "gemma3_text":
        if "full_attention" in rope:
            rope = dict(rope[kind])
        elif kind == "sliding_attention":
            rope, theta = {}, config.get("rope_local_base_freq", 1e4)
        else:
            theta = config.get("rope_theta", 1e6)
    rope["rope_type"] = rope.get("rope_type", rope.get("type", "default"))
    rope.setdefault("rope_theta", theta)
    if config["model_type"] == "phi3":
        rope.setdefault("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
        if rope["rope_type"] in ("su", "yarn"):
            rope["rope_type"] = "longrope"
    positions = config["max_position_embeddings"]
    original = config.get("original_max_position_embeddings", 4096 if config["model_type"] == "phi3" else None)
    rope["original_max_position_embeddings"] = original or rope.get("original_max_position_embeddings", positions)
    return rope


def layer_kinds(config: dict) -> list:
    """"sliding_attention" or "full_attention" for each layer."""
    n, model_type = config["num_hidden_layers"], config["model_type"]
    if config.get("layer_types") and model_type not in ("llama", "mistral", "mixtral", "qwen3_moe", "phi3"):
        return config["layer_types"]
    if model_type in ("mistral", "mixtral", "phi3"):
        slides = [True] * n
    elif model_type == "qwen3_moe":
        slides = [config.get("use_sliding_window", False)] * n
    elif model_type in ("qwen2", "qwen3"):
        slides = [config.get("use_sliding_window", False) and i >= config.get("max_window_layers", 28) for i in range(n)]
    elif model_type == "smollm3":
        slides = [config.get("use_sliding_window", False) and not roped for roped in roped_layers(config)]
    elif model_type == "gemma2":
        slides = [i % 2 == 0 for i in range(n)]
    elif model_type == "gemma3_text":
        slides = [(i + 1) % config.get("sliding_window_pattern", 6) != 0 for i in range(n)]
    else:
        slides = [False] * n
    return ["sliding_attention" if slide else "full_attention" for slide in slides]


def window_of(config: dict) -> int:
    model_type = config["model_type"]
    if model_type in ("qwen2", "qwen3", "qwen3_moe", "smollm3") and not config.get("use_sliding_window", False):
        return 0
    return config.get("sliding_window", DEFAULT_WINDOW.get(model_type)) or 0


def window_period(config: dict) -> int | None:
    """Of Gemma 3: every period-th layer sees all, the others a window; None where the layers are not so regular."""
    kinds = layer_kinds(config)
    for period in [config.get("sliding_window_pattern", 6), *range(2, len(kinds) + 1)]:
        if kinds == layer_kinds({**config, "layer_types": None, "sliding_window_pattern": period}):
            return period
    return None


def roped_layers(config: dict) -> list:
    if config["model_type"] != "smollm3":
        return [True] * config["num_hidden_layers"]
    interval = config.get("no_rope_layer_interval", 4)
    default = [(i + 1) % interval != 0 for i in range(config["num_hidden_layers"])]
    return [bool(flag) for flag in (config.get("no_rope_layers") or default)]


class FolderReader:
    def __init__(self, config: dict, tensors: dict):
        self.config, self.tensors, self.used = config, tensors, set()
        self.is_gemma = config["model_type"] in ("gemma2", "gemma3_text")
        self.eps = config.get("rms_norm_eps", DEFAULT_EPS.get(config["model_type"], 1e-6))
        default_head = {"qwen3": 128, "gemma2": 256, "gemma3_text": 256}.get(config["model_type"])
        self.head_dim = config.get("head_dim") or default_head or config["hidden_size"] // config["num_attention_heads"]
        positions = config["max_position_embeddings"]
        self.ropes = {kind: Rope(make_table(gather_rope(config, kind), self.head_dim, positions))
                      for kind in ("full_attention", "sliding_attention")}

    def take(self, name: str) -> np.ndarray:
        self.used.add(name)
        return self.tensors[name].astype(np.float64)

    def linear(self, stem: str) -> Linear:
        bias = self.take(f"{stem}.bias") if f"{stem}.bias" in self.tensors else None
        return Linear(self.take(f"{stem}.weight"), bias)

    def norm(self, stem: str) -> np.ndarray:
        weight = self.take(f"{stem}.weight")
        return 1 + weight if self.is_gemma else weight

    def optional_norm(self, stem: str) -> np.ndarray | None:
        return self.norm(stem) if f"{stem}.weight" in self.tensors else None

    def qkv(self, prefix: str) -> list:
        if f"{prefix}.qkv_proj.weight" not in self.tensors:
            return [self.linear(f"{prefix}.{name}_proj") for name in "qkv"]
        fused, kv_rows = self.take(f"{prefix}.qkv_proj.weight"), self.config["num_key_value_heads"] * self.head_dim
        return [Linear(part) for part in np.split(fused, [fused.shape[0] - 2 * kv_rows, fused.shape[0] - kv_rows])]

    def dense(self, prefix: str) -> FeedForward:
        name = self.config.get("hidden_activation" if self.is_gemma else "hidden_act", "silu")
        activation = {"silu": silu, "gelu_pytorch_tanh": gelu_tanh}[name]
        if f"{prefix}.gate_up_proj.weight" in self.tensors:
            gate, up = np.split(self.take(f"{prefix}.gate_up_proj.weight"), 2)
            return FeedForward(Linear(gate), Linear(up), self.linear(f"{prefix}.down_proj"), activation)
        gate, up, down = (self.linear(f"{prefix}.{name}_proj") for name in ("gate", "up", "down"))
        return FeedForward(gate, up, down, activation)

    def expert_weights(self, block: str, expert: int) -> list:
        """gate, up, down of one expert: per expert as on the hub, or stacked as MLX or transformers 5 have them."""
        if f"{block}.switch_mlp.gate_proj.weight" in self.tensors:
            return [self.take(f"{block}.switch_mlp.{name}_proj.weight")[expert] for name in ("gate", "up", "down")]
        if f"{block}.experts.gate_up_proj" in self.tensors:
            gate, up = np.split(self.take(f"{block}.experts.gate_up_proj")[expert], 2)
            return [gate, up, self.take(f"{block}.experts.down_proj")[expert]]
        names = ("w1", "w3", "w2") if "block_sparse_moe" in block else ("gate_proj", "up_proj", "down_proj")
        return [self.take(f"{block}.experts.{expert}.{name}.weight") for name in names]

    def feed_forward(self, prefix: str) -> FeedForward | Experts:
        block = next((f"{prefix}.{name}" for name in ("block_sparse_moe", "mlp")
                      if f"{prefix}.{name}.gate.weight" in self.tensors), None)
        if block is None:
            return self.dense(f"{prefix}.mlp")
        router = self.linear(f"{block}.gate")
        experts = [FeedForward(*(Linear(weight) for weight in self.expert_weights(block, expert)), silu)
                   for expert in range(router.weight.shape[0])]
        renormalise = self.config["model_type"] == "mixtral" or self.config.get("norm_topk_prob", False)
        default_used = 2 if self.config["model_type"] == "mixtral" else 8
        return Experts(router, experts, self.config.get("num_experts_per_tok", default_used), renormalise)

    def layer(self, index: int, kind: str, is_roped: bool) -> Layer:
        prefix, config = f"model.layers.{index}", self.config
        q, k, v = self.qkv(f"{prefix}.self_attn")
        scale_dim = config.get("query_pre_attn_scalar", 256) if self.is_gemma else self.head_dim
        norms = ("post_attention_layernorm", None, None)  # before the feed-forward, after attention, after feed-forward
        if self.is_gemma:
            norms = ("pre_feedforward_layernorm", "post_attention_layernorm", "post_feedforward_layernorm")
        softcap = config.get("attn_logit_softcapping", 50.0) if config["model_type"] == "gemma2" else None
        return Layer(
            attn_norm=self.norm(f"{prefix}.input_layernorm"), q=q, k=k, v=v, o=self.linear(f"{prefix}.self_attn.o_proj"),
            ffn_norm=self.norm(f"{prefix}.{norms[0]}"), ffn=self.feed_forward(prefix),
            n_heads=config["num_attention_heads"], n_kv_heads=config["num_key_value_heads"], scale=scale_dim**-0.5,
            rope=self.ropes[kind] if is_roped else None,
            q_norm=self.optional_norm(f"{prefix}.self_attn.q_norm"),
            k_norm=self.optional_norm(f"{prefix}.self_attn.k_norm"),
            post_attn_norm=norms[1] and self.norm(f"{prefix}.{norms[1]}"),
            post_ffn_norm=norms[2] and self.norm(f"{prefix}.{norms[2]}"),
            window=window_of(config) if kind == "sliding_attention" else 0, softcap=softcap or 0.0)

    def model(self) -> Model:
        config = self.config
        layers = [self.layer(*facts) for facts in zip(range(config["num_hidden_layers"]), layer_kinds(config),
                                                      roped_layers(config))]
        embedding = self.take("model.embed_tokens.weight")
        tied = config.get("tie_word_embeddings", config["model_type"] in ("gemma2", "gemma3_text", "smollm3"))
        softcap = config.get("final_logit_softcapping", 30.0 if config["model_type"] == "gemma2" else None)
        return Model(embedding=embedding, embedding_scale=config["hidden_size"] ** 0.5 if self.is_gemma else 1.0,
                     layers=layers, norm=self.norm("model.norm"), eps=self.eps,
                     head=embedding if tied else self.take("lm_head.weight"), softcap=softcap or 0.0)


def read_folder(folder: Path, changes: dict | None = None) -> Model:
    """`changes` replaces keys of config.json (None removes one), to see what a key does."""
    config = json.loads((folder / "config.json").read_text())
    for key, value in (changes or {}).items():
        config.pop(key, None)
        if value is not None:
            config[key] = value
    tensors = dequantize_folder(read_folder_tensors(folder), config.get("quantization", {}))
    reader = FolderReader(config, tensors)
    model = reader.model()
    unused = set(tensors) - reader.used
    assert all(name.endswith("rotary_emb.inv_freq") for name in unused), unused
    return model


# ---- GGUF -----------------------------------------------------------------------------------------------------------

PAIRWISE = ("llama", "smollm3")  # architectures whose Q and K rows GGUF keeps in the order of pairwise rotation


class GgufReader:
    def __init__(self, path: Path):
        reader = gguf.GGUFReader(path)
        self.facts = {name: field.contents() for name, field in reader.fields.items()}
        self.tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1]).astype(np.float64)
                        for t in reader.tensors}
        self.architecture = self.facts["general.architecture"]

    def fact(self, key: str, otherwise=None):
        return self.facts.get(f"{self.architecture}.{key}", otherwise)

    def linear(self, stem: str) -> Linear:
        return Linear(self.tensors[f"{stem}.weight"], self.tensors.get(f"{stem}.bias"))

    def rope(self, slides: bool) -> Rope:
        dims = self.fact("rope.dimension_count", self.fact("attention.key_length"))
        theta = self.fact("rope.freq_base", 1e4)
        kind = self.fact("rope.scaling.type", "none")
        if slides and self.architecture == "gemma3":
            theta, kind = self.fact("rope.freq_base_swa", 1e4), "none"
        # float32 keys and factors are widened as they are
        inverse = inverse_frequencies(float(theta), dims) / self.tensors.get("rope_freqs.weight", 1.0)
        original = self.fact("rope.scaling.original_context_length")
        if "rope_factors_long.weight" in self.tensors:
            factor = float(self.fact("rope.scaling.attn_factor", 1.0))
            short, long = (inverse / self.tensors[f"rope_factors_{name}.weight"] for name in ("short", "long"))
            return Rope(lambda n: (long if n > original else short, factor), self.architecture in PAIRWISE)
        if kind == "yarn":
            facts = dict(rope_type="yarn", rope_theta=float(theta), factor=float(self.fact("rope.scaling.factor")),
                         original_max_position_embeddings=original, beta_fast=self.fact("rope.scaling.yarn_beta_fast"),
                         beta_slow=self.fact("rope.scaling.yarn_beta_slow"))
            return Rope(make_table(facts, dims, 0), self.architecture in PAIRWISE)
        if kind == "linear":
            inverse = inverse / float(self.fact("rope.scaling.factor"))
        return Rope(lambda n: (inverse, 1.0), self.architecture in PAIRWISE)

    def feed_forward(self, prefix: str) -> FeedForward | Experts:
        activation = gelu_tanh if self.architecture.startswith("gemma") else silu
        if f"{prefix}.ffn_gate_inp.weight" in self.tensors:
            stacks = [self.tensors[f"{prefix}.ffn_{name}_exps.weight"] for name in ("gate", "up", "down")]
            experts = [FeedForward(*(Linear(stack[e]) for stack in stacks), silu) for e in range(len(stacks[0]))]
            return Experts(self.linear(f"{prefix}.ffn_gate_inp"), experts, self.fact("expert_used_count"),
                           self.fact("expert_weights_norm", True))
        up, down = self.linear(f"{prefix}.ffn_up"), self.linear(f"{prefix}.ffn_down")
        if f"{prefix}.ffn_gate.weight" in self.tensors:
            return FeedForward(self.linear(f"{prefix}.ffn_gate"), up, down, activation)
        return FeedForward(*(Linear(half) for half in np.split(up.weight, 2)), down, activation)

    def layer(self, index: int) -> Layer:
        prefix, n_kv_heads = f"blk.{index}", self.fact("attention.head_count_kv")
        slides, gemma = True, self.architecture.startswith("gemma")
        if gemma:
            slides = (index + 1) % self.fact("attention.sliding_window_pattern", 2 if gemma and
                                             self.architecture == "gemma2" else 6) != 0
        head_dim = self.fact("attention.key_length",
                             self.fact("embedding_length") // self.fact("attention.head_count"))
        if f"{prefix}.attn_qkv.weight" in self.tensors:
            fused, kv_rows = self.tensors[f"{prefix}.attn_qkv.weight"], n_kv_heads * head_dim
            q, k, v = (Linear(part) for part in np.split(fused, [len(fused) - 2 * kv_rows, len(fused) - kv_rows]))
        else:
            q, k, v = (self.linear(f"{prefix}.attn_{name}") for name in "qkv")
        norm = lambda name: self.tensors.get(f"{prefix}.{name}.weight")
        is_roped = self.architecture != "smollm3" or (index + 1) % 4 != 0
        return Layer(
            attn_norm=norm("attn_norm"), q=q, k=k, v=v, o=self.linear(f"{prefix}.attn_output"),
            ffn_norm=norm("ffn_norm"), ffn=self.feed_forward(prefix), n_heads=self.fact("attention.head_count"),
            n_kv_heads=n_kv_heads, scale=float(self.fact("attention.scale", head_dim**-0.5)),
            rope=self.rope(slides) if is_roped else None, q_norm=norm("attn_q_norm"), k_norm=norm("attn_k_norm"),
            post_attn_norm=norm("post_attention_norm"), post_ffn_norm=norm("post_ffw_norm"),
            window=(self.fact("attention.sliding_window") or 0) if slides else 0,
            softcap=self.fact("attn_logit_softcapping") or 0.0)

    def model(self) -> Model:
        embedding = self.tensors["token_embd.weight"]
        scale = self.fact("embedding_length") ** 0.5 if self.architecture.startswith("gemma") else 1.0
        return Model(embedding=embedding, embedding_scale=scale, norm=self.tensors["output_norm.weight"],
                     layers=[self.layer(index) for index in range(self.fact("block_count"))],
                     head=self.tensors.get("output.weight", embedding),
                     eps=float(self.fact("attention.layer_norm_rms_epsilon")),
                     softcap=self.fact("final_logit_softcapping") or 0.0)


def read_gguf(path: Path) -> Model:
    return GgufReader(path).model()
