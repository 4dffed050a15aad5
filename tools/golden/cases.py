"""The cases: what each checkpoint is, in which families it is written, and which keys its logits must depend on."""

from dataclasses import dataclass, field


@dataclass
class Case:
    name: str
    proves: str
    config: dict  # as config.json has it
    runs: tuple = (48,)  # lengths of the sequences
    gguf: str | None = "f16"  # type of its matrices; None: not wanted (what GGUF cannot say is left out on its own)
    n_shards: int = 1
    stored_frequencies: bool = False  # rotary_emb.inv_freq, a buffer that old checkpoints carry
    generation: dict | None = None
    lattice: bool = False  # weights that 8-bit formats hold exactly
    # changes of config.json (None removes a key), each of which must change the logits
    matters: dict = field(default_factory=dict)
    stacked: bool = False  # experts under the names that transformers 5 has inside
    keep_hf: bool = True
    mlx: dict | None = None  # arguments of write_mlx; {}: an unquantized folder
    qwen3c: bool = False
    llama2c: bool = False


def config_of(model_type: str, class_name: str, **keys) -> dict:
    common = dict(
        architectures=[class_name], attention_dropout=0.0, bos_token_id=1, eos_token_id=2, hidden_act="silu",
        hidden_size=32, initializer_range=0.02, intermediate_size=48, max_position_embeddings=64, model_type=model_type,
        num_attention_heads=2, num_hidden_layers=2, num_key_value_heads=1, rms_norm_eps=1e-5, rope_theta=10000.0,
        tie_word_embeddings=False, torch_dtype="bfloat16", transformers_version="4.51.3", use_cache=True, vocab_size=96)
    return dict(sorted((common | keys).items()))


def llama(**keys) -> dict:
    return config_of("llama", "LlamaForCausalLM", **(dict(attention_bias=False, mlp_bias=False, rope_scaling=None,
                                                          pretraining_tp=1) | keys))


def mistral(**keys) -> dict:
    return config_of("mistral", "MistralForCausalLM", **keys)


def qwen2(**keys) -> dict:
    return config_of("qwen2", "Qwen2ForCausalLM", **(dict(rms_norm_eps=1e-6, rope_theta=1000000.0) | keys))


def qwen3(**keys) -> dict:
    return config_of("qwen3", "Qwen3ForCausalLM", **(dict(
        rms_norm_eps=1e-6, rope_theta=1000000.0, attention_bias=False, rope_scaling=None, use_sliding_window=False,
        sliding_window=None, max_window_layers=2, head_dim=16) | keys))


def mixtral(**keys) -> dict:
    return config_of("mixtral", "MixtralForCausalLM", **(dict(
        intermediate_size=24, num_experts_per_tok=2, num_local_experts=8, output_router_logits=False,
        rope_theta=1000000.0, router_aux_loss_coef=0.02, sliding_window=None) | keys))


def qwen3moe(**keys) -> dict:
    return config_of("qwen3_moe", "Qwen3MoeForCausalLM", **(dict(
        attention_bias=False, decoder_sparse_step=1, head_dim=16, max_window_layers=2, mlp_only_layers=[],
        moe_intermediate_size=24, norm_topk_prob=True, num_experts=8, num_experts_per_tok=3, rms_norm_eps=1e-6,
        rope_scaling=None, rope_theta=1000000.0, sliding_window=None, use_sliding_window=False) | keys))


def smollm3(**keys) -> dict:
    config = config_of("smollm3", "SmolLM3ForCausalLM", **(dict(
        attention_bias=False, mlp_bias=False, pad_token_id=0, rms_norm_eps=1e-6, rope_scaling=None,
        rope_theta=5000000.0, use_sliding_window=False, sliding_window=None) | keys))
    config.pop("tie_word_embeddings")  # whose default is true here
    return config


def phi3(**keys) -> dict:
    return config_of("phi3", "Phi3ForCausalLM", **(dict(
        embd_pdrop=0.0, resid_pdrop=0.0, original_max_position_embeddings=64, pad_token_id=0, rope_scaling=None,
        sliding_window=None) | keys))


def gemma(model_type: str, class_name: str, **keys) -> dict:
    config = config_of(model_type, class_name, **(dict(
        attention_bias=False, bos_token_id=2, eos_token_id=1, head_dim=16, hidden_activation="gelu_pytorch_tanh",
        pad_token_id=0, rms_norm_eps=1e-6) | keys))
    del config["hidden_act"], config["tie_word_embeddings"]  # whose default is true here
    return config


def gemma2(**keys) -> dict:
    return gemma("gemma2", "Gemma2ForCausalLM", **(dict(
        attn_logit_softcapping=4.0, cache_implementation="hybrid", final_logit_softcapping=8.0, query_pre_attn_scalar=16,
        sliding_window=10) | keys))


def gemma3(**keys) -> dict:
    return gemma("gemma3_text", "Gemma3ForCausalLM", **(dict(
        attn_logit_softcapping=None, cache_implementation="hybrid", final_logit_softcapping=None,
        query_pre_attn_scalar=16, sliding_window=10, rope_theta=1000000.0) | keys))


def newer(config: dict, rope: dict) -> dict:
    """The spelling of transformers 5: `rope_parameters` holds theta too, `dtype` replaces `torch_dtype`."""
    config = {key: value for key, value in config.items() if key not in ("rope_theta", "rope_scaling")}
    config |= {"rope_parameters": rope, "dtype": config.pop("torch_dtype"), "transformers_version": "5.0.0"}
    return dict(sorted(config.items()))


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32,
              rope_type="llama3")
YARN = dict(factor=4.0, original_max_position_embeddings=32)
SHORT = [1.0, 1.05, 1.1, 1.3, 1.6, 1.9, 2.2, 2.4]
LONG = [1.1, 1.6, 2.3, 4.1, 6.4, 8.2, 9.5, 11.0]
SLIDING, FULL = "sliding_attention", "full_attention"


def without(*keys: str) -> dict:
    return {key: {key: None} for key in keys}


LLAMA_CASES = [
    Case("llama", "Llama 3 frequency scaling, grouped heads, separate output matrix; an unquantized MLX folder",
         llama(rope_theta=500000.0, rope_scaling=LLAMA3), matters=without("rope_scaling"), mlx={},
         generation=dict(bos_token_id=1, do_sample=True, eos_token_id=[2, 3], temperature=0.6, top_p=0.9)),
    Case("llama-tied-bias", "attention biases (output included), shared output matrix, as many K/V heads as heads",
         llama(tie_word_embeddings=True, attention_bias=True, num_attention_heads=4, num_key_value_heads=4,
               rms_norm_eps=1e-6), gguf="f32"),
    Case("llama-mlp-bias", "biases in the feed-forward, explicit head_dim with heads wider than the model",
         llama(mlp_bias=True, head_dim=24)),
    Case("llama-linear", "linear RoPE scaling; stored inverse frequencies, which are harmless",
         llama(rope_scaling={"type": "linear", "factor": 4.0}), matters=without("rope_scaling"),
         stored_frequencies=True),
    Case("llama-dynamic", "dynamic NTK: unscaled up to max_position_embeddings, by the sequence's length above",
         llama(rope_scaling={"type": "dynamic", "factor": 2.0}, max_position_embeddings=24), runs=(24, 48),
         matters=without("rope_scaling")),
    Case("llama-yarn", "YaRN with its default factor on cosine and sine",
         llama(rope_scaling={"type": "yarn", **YARN}, max_position_embeddings=128), matters=without("rope_scaling"),
         gguf="bf16"),
    Case("llama-yarn-factor", "YaRN with attention_factor and betas",
         llama(rope_scaling={"rope_type": "yarn", **YARN, "attention_factor": 0.75, "beta_fast": 8.0, "beta_slow": 0.5},
               max_position_embeddings=128),
         matters={"attention_factor": {"rope_scaling": {"rope_type": "yarn", **YARN, "beta_fast": 8.0,
                                                        "beta_slow": 0.5}},
                  "betas": {"rope_scaling": {"rope_type": "yarn", **YARN, "attention_factor": 0.75}}}),
    Case("llama-yarn-mscale", "YaRN with mscale, mscale_all_dim and truncate",
         llama(rope_scaling={"rope_type": "yarn", **YARN, "mscale": 3.0, "mscale_all_dim": 0.5, "truncate": False},
               max_position_embeddings=128),
         matters={"mscale": {"rope_scaling": {"rope_type": "yarn", **YARN, "truncate": False}},
                  "truncate": {"rope_scaling": {"rope_type": "yarn", **YARN, "mscale": 3.0, "mscale_all_dim": 0.5}}}),
    Case("llama-longrope", "longrope on Llama: short factors up to the original context, long ones above it",
         llama(rope_scaling={"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG, "factor": 2.0,
                             "original_max_position_embeddings": 32}), runs=(32, 48),
         matters=without("rope_scaling")),
    Case("llama-rope-parameters", "the newer spelling, rope_parameters and dtype; float32 weights",
         newer(llama(torch_dtype="float32"), {**LLAMA3, "rope_theta": 500000.0}), gguf=None,
         matters=without("rope_parameters")),
    Case("mistral", "sliding window on all layers; checkpoint in three shards",
         mistral(sliding_window=12, num_attention_heads=4, num_key_value_heads=2), n_shards=3, gguf="bf16",
         matters={"sliding_window": {"sliding_window": 64}}),
    Case("mistral-nemo", "sliding_window null, explicit head_dim; float16 weights",
         mistral(sliding_window=None, head_dim=24, torch_dtype="float16", rope_theta=1000000.0)),
    Case("stories", "llama2.c's layout with a shared output matrix",
         llama(hidden_size=48, num_attention_heads=6, num_key_value_heads=3, intermediate_size=64,
               tie_word_embeddings=True), llama2c=True, gguf=None),
    Case("stories-untied", "llama2.c's layout with an output matrix of its own",
         llama(), llama2c=True, gguf=None),
]

QWEN_CASES = [
    Case("qwen2", "biases on Q, K and V; a window that use_sliding_window switches off",
         qwen2(sliding_window=8, use_sliding_window=False, max_window_layers=1, tie_word_embeddings=True),
         matters={"use_sliding_window, were it true": {"use_sliding_window": True}},
         generation=dict(bos_token_id=1, eos_token_id=[2, 1], repetition_penalty=1.05, temperature=0.7, top_k=20,
                         top_p=0.8)),
    Case("qwen2-window", "windows from layer max_window_layers on",
         qwen2(sliding_window=8, use_sliding_window=True, max_window_layers=1, num_hidden_layers=3),
         matters={"use_sliding_window": {"use_sliding_window": False}, "max_window_layers": {"max_window_layers": 2}}),
    Case("qwen2-layer-types", "windows where layer_types says, whatever max_window_layers is",
         qwen2(sliding_window=8, use_sliding_window=True, max_window_layers=3, num_hidden_layers=3,
               layer_types=[FULL, SLIDING, FULL]), matters=without("layer_types")),
    Case("qwen3", "norms of queries and keys, heads wider than the model, shared output matrix",
         qwen3(num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True), gguf="bf16"),
    Case("qwen3-untied", "separate output matrix, attention biases, YaRN as Qwen's cards recommend it",
         qwen3(head_dim=24, attention_bias=True, rope_scaling={"rope_type": "yarn", **YARN}),
         matters=without("rope_scaling")),
    Case("qwen3-q8", "weights that 8-bit groups hold exactly: qwen3.c's groups of 64 give the same logits",
         qwen3(hidden_size=64, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2,
               tie_word_embeddings=True), lattice=True, qwen3c=True),
    Case("qwen3-q8-g32", "qwen3.c's layout with groups of 32 and an output matrix of its own; rounded weights",
         qwen3(intermediate_size=64, num_attention_heads=4, num_key_value_heads=2), qwen3c=True, gguf=None,
         keep_hf=False),
    Case("qwen3moe", "three of eight experts, their weights made to add up to one",
         qwen3moe(), matters=without("norm_topk_prob")),
    Case("qwen3moe-raw", "norm_topk_prob false: the experts' weights as the softmax over all gives them",
         qwen3moe(norm_topk_prob=False), matters={"norm_topk_prob": {"norm_topk_prob": True}}, gguf="bf16"),
    Case("qwen3moe-sparse", "dense layers by decoder_sparse_step and mlp_only_layers",
         qwen3moe(num_hidden_layers=4, decoder_sparse_step=2, mlp_only_layers=[1])),
    Case("qwen3moe-stacked", "experts stacked in one tensor, and the spelling, of transformers 5",
         newer(qwen3moe(num_experts=4, num_experts_per_tok=2), {"rope_type": "default", "rope_theta": 1000000.0}), stacked=True, gguf=None),
]

OTHER_CASES = [
    Case("mixtral", "two of eight experts; an unquantized MLX folder, which stacks them",
         mixtral(), mlx={}),
    Case("mixtral-window", "a sliding window beside experts",
         mixtral(sliding_window=12), matters=without("sliding_window"), gguf="bf16"),
    Case("mixtral-stacked", "experts stacked in one tensor as transformers 5 holds them",
         newer(mixtral(num_local_experts=4), {"rope_type": "default", "rope_theta": 1000000.0}), stacked=True, gguf=None),
    Case("smollm3", "no RoPE on every fourth layer; an output matrix shared by default",
         smollm3(num_hidden_layers=4, no_rope_layer_interval=4),
         matters={"no_rope_layer_interval": {"no_rope_layer_interval": 9}}),
    Case("smollm3-list", "no RoPE where no_rope_layers has a zero, whatever the interval is",
         smollm3(num_hidden_layers=3, no_rope_layers=[1, 0, 1], no_rope_layer_interval=4),
         matters=without("no_rope_layers")),
    Case("phi3", "fused projections, a sliding window",
         phi3(sliding_window=12, num_attention_heads=4, num_key_value_heads=4), matters=without("sliding_window")),
    Case("phi3-longrope", "RoPE on part of each head, short and long factors by length",
         phi3(partial_rotary_factor=0.75, original_max_position_embeddings=32, max_position_embeddings=128,
              tie_word_embeddings=True,
              rope_scaling={"type": "longrope", "short_factor": SHORT[:6], "long_factor": LONG[:6]}),
         runs=(32, 48), matters={**without("rope_scaling"), "partial_rotary_factor": {
             "partial_rotary_factor": None,
             "rope_scaling": {"type": "longrope", "short_factor": SHORT, "long_factor": LONG}}}),
    Case("gemma2", "1 + weight norms before and after, soft caps, windows on even layers, heads of their own width",
         gemma2(num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2),
         matters={"attn_logit_softcapping": {"attn_logit_softcapping": 1e9},
                  "final_logit_softcapping": {"final_logit_softcapping": 1e9},
                  "sliding_window": {"sliding_window": 64}}),
    Case("gemma2-scale", "query_pre_attn_scalar that is not the head's width; only the final soft cap",
         gemma2(query_pre_attn_scalar=40, attn_logit_softcapping=None), gguf="bf16",
         matters={"query_pre_attn_scalar": {"query_pre_attn_scalar": 16},
                  "attn_logit_softcapping null": {"attn_logit_softcapping": 4.0}}),
    Case("gemma3", "sliding_window_pattern 3, a base for windowed layers, linear scaling on the others",
         gemma3(num_hidden_layers=4, sliding_window_pattern=3, rope_local_base_freq=1000.0,
                rope_scaling={"factor": 8.0, "rope_type": "linear"}),
         matters={**without("sliding_window_pattern", "rope_local_base_freq", "rope_scaling"),
                  "sliding_window": {"sliding_window": 64}}),
    Case("gemma3-rope-parameters", "the newer spelling: layer_types, rope_parameters for each kind of layer",
         newer(gemma3(num_hidden_layers=4, layer_types=[SLIDING, FULL, SLIDING, FULL], query_pre_attn_scalar=24),
               {FULL: {"rope_type": "linear", "rope_theta": 500000.0, "factor": 4.0},
                SLIDING: {"rope_type": "default", "rope_theta": 2000.0}}), gguf="bf16",
         matters=without("layer_types", "rope_parameters", "query_pre_attn_scalar")),
]

MLX_CASES = [
    Case("llama-mlx-4bit", "MLX 4 bits, groups of 64, a quantized embedding that is also the output matrix",
         llama(hidden_size=64, intermediate_size=64, rope_theta=500000.0, rope_scaling=LLAMA3,
               tie_word_embeddings=True), mlx=dict(bits=4, group_size=64)),
    Case("qwen3-mlx-mixed", "MLX 8 bits in groups of 32 with overrides by path, one of them false; float16 scales",
         qwen3(hidden_size=64, intermediate_size=64),
         mlx=dict(bits=8, group_size=32, dtype="float16", overrides={
             "model.layers.0.mlp.down_proj": dict(bits=4, group_size=64),
             "model.layers.1.self_attn.v_proj": dict(bits=6, group_size=32),
             "model.layers.1.self_attn.k_proj": False, "lm_head": dict(bits=3, group_size=32)})),
    Case("qwen2-mlx-3bit", "MLX 3 bits, codes across byte borders, biases beside quantized weights; float16 scales",
         qwen2(hidden_size=64, intermediate_size=64, tie_word_embeddings=True, sliding_window=8,
               use_sliding_window=False, max_window_layers=1), mlx=dict(bits=3, group_size=64, dtype="float16")),
    Case("mistral-mlx-6bit", "MLX 6 bits, groups of 128, a quantized output matrix",
         mistral(hidden_size=128, intermediate_size=128, num_attention_heads=4, num_key_value_heads=2,
                 sliding_window=None, head_dim=32), mlx=dict(bits=6, group_size=128)),
    Case("qwen3moe-mlx-4bit", "MLX 4 bits, groups of 32, stacked experts, a router of 8 bits by override",
         qwen3moe(hidden_size=64, moe_intermediate_size=32, intermediate_size=64),
         mlx=dict(bits=4, group_size=32)),
    Case("gemma3-mlx-5bit", "MLX 5 bits, raw norm weights, a quantized shared embedding",
         gemma3(hidden_size=64, intermediate_size=64, num_hidden_layers=3, sliding_window_pattern=3,
                rope_local_base_freq=10000.0), mlx=dict(bits=5, group_size=64)),
    Case("gemma2-mlx-8bit", "MLX 8 bits, groups of 64; soft caps and scaled queries; a window wider than the text, which "
         "mlx-lm passes over",
         gemma2(hidden_size=64, intermediate_size=64, num_hidden_layers=2, sliding_window=256),
         mlx=dict(bits=8, group_size=64)),
    Case("smollm3-mlx-6bit", "MLX 6 bits, groups of 32, layers without rotation; float16 scales",
         smollm3(hidden_size=64, intermediate_size=64, num_hidden_layers=3, no_rope_layer_interval=2),
         mlx=dict(bits=6, group_size=32, dtype="float16")),
    Case("phi3-mlx-2bit", "MLX 2 bits, groups of 32, fused projections; float32 scales",
         phi3(hidden_size=64, intermediate_size=64), mlx=dict(bits=2, group_size=32, dtype="float32")),
]
for case in MLX_CASES:
    case.keep_hf, case.gguf = False, None

CASES = LLAMA_CASES + QWEN_CASES + OTHER_CASES + MLX_CASES
