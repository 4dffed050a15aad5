"""RoPE tables in float64 as config.json describes them. A table is a function of the sequence's length: dynamic NTK and
longrope look at it, and what a full forward of exactly that length uses is the definition here."""

import math

import numpy as np


def inverse_frequencies(theta: float, dims: int) -> np.ndarray:
    return theta ** (-np.arange(0, dims, 2, dtype=np.float64) / dims)


def llama3(inverse: np.ndarray, rope: dict) -> np.ndarray:
    """Long wavelengths are divided by the factor, short ones kept, those between are blended."""
    turns = rope["original_max_position_embeddings"] * inverse / (2 * np.pi)  # over the original context
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return inverse * (kept + (1 - kept) / rope["factor"])


def yarn(inverse: np.ndarray, rope: dict, theta: float, dims: int) -> tuple:
    original, factor = rope["original_max_position_embeddings"], rope["factor"]

    def dimension_that_turns(times: float) -> float:
        return dims * math.log(original / (times * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension_that_turns(rope.get("beta_fast") or 32)
    high = dimension_that_turns(rope.get("beta_slow") or 1)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dims - 1)
    if low == high:
        high += 0.001
    interpolated = np.clip((np.arange(dims // 2) - low) / (high - low), 0, 1)

    def magnitude(scale: float) -> float:
        return 0.1 * scale * math.log(factor) + 1 if factor > 1 else 1.0

    attention = rope.get("attention_factor")
    if attention is None and rope.get("mscale") and rope.get("mscale_all_dim"):
        attention = magnitude(rope["mscale"]) / magnitude(rope["mscale_all_dim"])
    if attention is None:
        attention = magnitude(1)
    return inverse * (1 - interpolated) + inverse / factor * interpolated, attention


def longrope(inverse: np.ndarray, rope: dict, max_positions: int) -> tuple:
    """-> short table, long table, attention factor."""
    original = rope["original_max_position_embeddings"]
    factor = rope.get("factor") or max_positions / original
    attention = rope.get("attention_factor")
    if attention is None:
        attention = math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 else 1.0
    return inverse / np.array(rope["short_factor"]), inverse / np.array(rope["long_factor"]), attention


def make_table(rope: dict, head_dim: int, max_positions: int):
    """rope: type, theta and what the type needs, gathered from either spelling. -> n_tokens -> (table, factor)."""
    theta, dims = rope["rope_theta"], int(head_dim * rope.get("partial_rotary_factor", 1.0))
    inverse = inverse_frequencies(theta, dims)
    kind = rope["rope_type"]
    if kind == "default":
        return lambda n: (inverse, 1.0)
    if kind == "linear":
        return lambda n: (inverse / rope["factor"], 1.0)
    if kind == "llama3":
        return lambda n: (llama3(inverse, rope), 1.0)
    if kind == "yarn":
        return lambda n: yarn(inverse, rope, theta, dims)
    if kind == "longrope":
        short, long, attention = longrope(inverse, rope, max_positions)
        return lambda n: (long if n > rope["original_max_position_embeddings"] else short, attention)
    if kind == "dynamic":

        def stretched(n: int) -> tuple:
            ratio = rope["factor"] * max(n, max_positions) / max_positions - (rope["factor"] - 1)
            return inverse_frequencies(theta * ratio ** (dims / (dims - 2)), dims), 1.0

        return stretched
    raise ValueError(f"rope type {kind}")
