"""Qwen3 in plain PyTorch. Parameter names are those of the Hugging Face model."""

import torch
import torch.nn.functional as functional
from torch import nn

from settings import ModelSettings


class RootMeanSquareNorm(nn.Module):
    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        wide = states.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (wide * scale * self.weight).to(states.dtype)


def rotation_tables(settings: ModelSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines for every position, halves laid side by side (NeoX order)."""
    exponents = torch.arange(0, settings.head_width, 2).float() / settings.head_width
    angles = torch.outer(torch.arange(settings.context).float(), settings.rope_base**-exponents)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(states: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    first, second = states.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (states.float() * cosine + turned.float() * sine).to(states.dtype)


class Attention(nn.Module):
    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        query_width = settings.heads * settings.head_width
        key_width = settings.key_value_heads * settings.head_width
        self.q_proj = nn.Linear(settings.width, query_width, bias=False)
        self.k_proj = nn.Linear(settings.width, key_width, bias=False)
        self.v_proj = nn.Linear(settings.width, key_width, bias=False)
        self.o_proj = nn.Linear(query_width, settings.width, bias=False)
        self.q_norm = RootMeanSquareNorm(settings.head_width, settings.norm_epsilon)
        self.k_norm = RootMeanSquareNorm(settings.head_width, settings.norm_epsilon)

    def forward(self, states, cosine, sine):
        rows, length, _ = states.shape
        head_width = self.settings.head_width
        query = self.q_norm(self.q_proj(states).view(rows, length, -1, head_width)).transpose(1, 2)
        key = self.k_norm(self.k_proj(states).view(rows, length, -1, head_width)).transpose(1, 2)
        value = self.v_proj(states).view(rows, length, -1, head_width).transpose(1, 2)
        query, key = rotate(query, cosine, sine), rotate(key, cosine, sine)
        # Copying the shared heads keeps every back end of the attention kernel eligible.
        copies = self.settings.heads // self.settings.key_value_heads
        key, value = key.repeat_interleave(copies, 1), value.repeat_interleave(copies, 1)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(rows, length, -1))


class FeedForward(nn.Module):
    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.gate_proj = nn.Linear(settings.width, settings.feed_forward, bias=False)
        self.up_proj = nn.Linear(settings.width, settings.feed_forward, bias=False)
        self.down_proj = nn.Linear(settings.feed_forward, settings.width, bias=False)

    def forward(self, states):
        return self.down_proj(functional.silu(self.gate_proj(states)) * self.up_proj(states))


class Layer(nn.Module):
    def __init__(self, settings: ModelSettings, dropout: float):
        super().__init__()
        self.self_attn = Attention(settings)
        self.mlp = FeedForward(settings)
        self.input_layernorm = RootMeanSquareNorm(settings.width, settings.norm_epsilon)
        self.post_attention_layernorm = RootMeanSquareNorm(settings.width, settings.norm_epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states, cosine, sine):
        states = states + self.dropout(self.self_attn(self.input_layernorm(states), cosine, sine))
        return states + self.dropout(self.mlp(self.post_attention_layernorm(states)))


class Trunk(nn.Module):
    def __init__(self, settings: ModelSettings, dropout: float):
        super().__init__()
        self.embed_tokens = nn.Embedding(settings.vocabulary, settings.width)
        self.layers = nn.ModuleList(Layer(settings, dropout) for _ in range(settings.layers))
        self.norm = RootMeanSquareNorm(settings.width, settings.norm_epsilon)
        self.dropout = nn.Dropout(dropout)
        cosine, sine = rotation_tables(settings)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    def forward(self, tokens):
        states = self.dropout(self.embed_tokens(tokens))
        cosine, sine = self.cosine[: tokens.shape[1]], self.sine[: tokens.shape[1]]
        for layer in self.layers:
            states = layer(states, cosine, sine)
        return self.norm(states)


class Qwen3(nn.Module):
    """The whole model; the output matrix is the embedding matrix."""

    def __init__(self, settings: ModelSettings, dropout: float = 0.0):
        super().__init__()
        self.settings = settings
        self.model = Trunk(settings, dropout)
        self.initialise()

    def initialise(self) -> None:
        # Branch outputs start at zero, so that training starts from a shallow model.
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                deviation = 0.02 if "embed" in name else parameter.shape[1] ** -0.5 * 0.7
                nn.init.normal_(parameter, std=deviation)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return functional.linear(self.model(tokens), self.model.embed_tokens.weight)

    def loss(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = self(tokens).float()
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
