"""Constants shared by every step: model shape, special tokens, chat template."""

from dataclasses import dataclass

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
SPECIAL_TOKENS = [END_OF_TEXT, TURN_START, TURN_END]

# The pre-tokenizer that GGUF calls "qwen2".
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


@dataclass
class ModelSettings:
    """The shape of quandex-tiny; every width is a multiple of 256."""

    vocabulary: int = 4096
    width: int = 512
    layers: int = 6
    feed_forward: int = 1024
    heads: int = 8
    key_value_heads: int = 4
    head_width: int = 64
    context: int = 1024
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-6


def hugging_face_config(settings: ModelSettings, end_of_text: int, turn_end: int) -> dict:
    """The config.json of a Qwen3 model with this shape."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": end_of_text,
        "eos_token_id": turn_end,
        "head_dim": settings.head_width,
        "hidden_act": "silu",
        "hidden_size": settings.width,
        "initializer_range": 0.02,
        "intermediate_size": settings.feed_forward,
        "max_position_embeddings": settings.context,
        "max_window_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "num_hidden_layers": settings.layers,
        "num_key_value_heads": settings.key_value_heads,
        "rms_norm_eps": settings.norm_epsilon,
        "rope_scaling": None,
        "rope_theta": settings.rope_base,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": settings.vocabulary,
    }
