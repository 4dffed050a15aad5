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
    keep_hf: bool = True
    mlx: dict | None = None  # write_mlx.py
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


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32,
              rope_type="llama3")

CASES = [
    Case("llama", "Llama 3 frequency scaling, grouped heads, separate output matrix",
         llama(rope_theta=500000.0, rope_scaling=LLAMA3), matters={"rope_scaling": {"rope_scaling": None}},
         generation=dict(bos_token_id=1, do_sample=True, eos_token_id=[2, 3], temperature=0.6, top_p=0.9)),
    Case("llama-tied-bias", "attention biases (output included), shared output matrix, one K/V head per head",
         llama(tie_word_embeddings=True, attention_bias=True, num_attention_heads=4, num_key_value_heads=4,
               rms_norm_eps=1e-6), gguf="f32"),
    Case("mistral", "sliding window on all layers; checkpoint in three shards",
         mistral(sliding_window=12, num_attention_heads=4, num_key_value_heads=2), n_shards=3, gguf="bf16",
         matters={"sliding_window": {"sliding_window": 64}}),
    Case("qwen2", "biases on Q, K and V; a window that use_sliding_window switches off",
         qwen2(sliding_window=8, use_sliding_window=False, max_window_layers=1, tie_word_embeddings=True),
         generation=dict(bos_token_id=1, eos_token_id=[2, 1], repetition_penalty=1.05, temperature=0.7, top_k=20,
                         top_p=0.8)),
    Case("qwen3", "norms of queries and keys, heads wider than the model, shared output matrix",
         qwen3(num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True), gguf="bf16"),
]
