"""The forward pass in float64 with numpy, written from the definitions: the second witness beside transformers, and the
source of the golden logits. A reader (readers.py) makes a Model from files; everything here is independent of families."""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np


@dataclass
class Rope:
    """Rotation of queries and keys. `table(n_tokens)` gives the inverse frequencies and the factor on cosine and sine for
    a sequence of that length; pairs are (j, j + dims/2), or (2j, 2j + 1) where interleaved."""

    table: Callable
    interleaved: bool = False


@dataclass
class Linear:
    weight: np.ndarray  # [rows, cols]
    bias: np.ndarray | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


@dataclass
class FeedForward:
    gate: Linear
    up: Linear
    down: Linear
    activation: Callable

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.down(self.activation(self.gate(x)) * self.up(x))


@dataclass
class Experts:
    router: Linear
    experts: list
    n_used: int
    renormalise: bool
    margins: list = field(default_factory=list)  # how far, in logits, each token was from another choice

    def __call__(self, x: np.ndarray) -> np.ndarray:
        logits = self.router(x)
        probabilities = softmax(logits)
        y = np.zeros_like(x)
        for token, (logit, probability) in enumerate(zip(logits, probabilities)):
            order = np.argsort(-logit, kind="stable")
            chosen = order[: self.n_used]
            self.margins.append(logit[order[self.n_used - 1]] - logit[order[self.n_used]])
            weights = probability[chosen]
            if self.renormalise:
                weights = weights / weights.sum()
            for expert, weight in zip(chosen, weights):
                y[token] += weight * self.experts[expert](x[token])
        return y


@dataclass
class Layer:
    attn_norm: np.ndarray
    q: Linear
    k: Linear
    v: Linear
    o: Linear
    ffn_norm: np.ndarray
    ffn: FeedForward | Experts
    n_heads: int
    n_kv_heads: int
    scale: float
    rope: Rope | None = None  # None: this layer has no notion of position
    q_norm: np.ndarray | None = None
    k_norm: np.ndarray | None = None
    post_attn_norm: np.ndarray | None = None
    post_ffn_norm: np.ndarray | None = None
    window: int = 0  # a token sees itself and the window - 1 before it; 0: all
    softcap: float = 0.0


@dataclass
class Model:
    embedding: np.ndarray  # [vocab, dim]
    embedding_scale: float
    layers: list
    norm: np.ndarray
    head: np.ndarray
    eps: float
    softcap: float = 0.0


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def cap(x: np.ndarray, limit: float) -> np.ndarray:
    return limit * np.tanh(x / limit) if limit else x


def rotate(x: np.ndarray, rope: Rope) -> np.ndarray:
    """x: [n_tokens, n_heads, head_dim]; dimensions past the table's stay as they are."""
    inverse_frequencies, factor = rope.table(x.shape[0])
    half = len(inverse_frequencies)
    angles = np.arange(x.shape[0])[:, None, None] * inverse_frequencies
    cosine, sine = np.cos(angles) * factor, np.sin(angles) * factor
    first, second = (slice(0, 2 * half, 2), slice(1, 2 * half, 2)) if rope.interleaved else (
        slice(0, half), slice(half, 2 * half))
    y = x.copy()
    y[..., first] = x[..., first] * cosine - x[..., second] * sine
    y[..., second] = x[..., second] * cosine + x[..., first] * sine
    return y


def attend(layer: Layer, x: np.ndarray, eps: float) -> np.ndarray:
    n = x.shape[0]
    q = layer.q(x).reshape(n, layer.n_heads, -1)
    k = layer.k(x).reshape(n, layer.n_kv_heads, -1)
    v = layer.v(x).reshape(n, layer.n_kv_heads, -1)
    if layer.q_norm is not None:
        q, k = rms_norm(q, layer.q_norm, eps), rms_norm(k, layer.k_norm, eps)
    if layer.rope is not None:
        q, k = rotate(q, layer.rope), rotate(k, layer.rope)
    query, key = np.arange(n)[:, None], np.arange(n)[None, :]
    seen = key <= query
    if layer.window:
        seen &= key > query - layer.window
    heads = np.empty_like(q)
    for head in range(layer.n_heads):
        kv_head = head * layer.n_kv_heads // layer.n_heads
        scores = cap(q[:, head] @ k[:, kv_head].T * layer.scale, layer.softcap)
        heads[:, head] = softmax(np.where(seen, scores, -np.inf)) @ v[:, kv_head]
    return layer.o(heads.reshape(n, -1))


def forward(model: Model, ids: list) -> np.ndarray:
    """Logits [n_tokens, vocab] of one sequence, all at once."""
    x = model.embedding[ids] * model.embedding_scale
    for layer in model.layers:
        y = attend(layer, rms_norm(x, layer.attn_norm, model.eps), model.eps)
        x = x + (y if layer.post_attn_norm is None else rms_norm(y, layer.post_attn_norm, model.eps))
        y = layer.ffn(rms_norm(x, layer.ffn_norm, model.eps))
        x = x + (y if layer.post_ffn_norm is None else rms_norm(y, layer.post_ffn_norm, model.eps))
    return cap(rms_norm(x, model.norm, model.eps) @ model.head.T, model.softcap)


def routing_margin(model: Model) -> float | None:
    """The smallest difference in router logits, over all forwards so far, between the last expert taken and the next."""
    margins = [margin for layer in model.layers if isinstance(layer.ffn, Experts) for margin in layer.ffn.margins]
    return float(min(margins)) if margins else None
