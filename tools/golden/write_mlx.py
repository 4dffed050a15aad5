"""MLX folders as mlx-lm's own converter makes them, quantized or not, and what mlx-lm computes from them."""

import contextlib
import io
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_map
from mlx_lm.utils import load_model, quantize_model, save_config, save_model

from golden.hf import write_json


def write_mlx(folder: Path, hf_folder: Path, bits: int | None = None, group_size: int = 64, dtype: str = "bfloat16",
              overrides: dict | None = None) -> None:
    """`overrides`: module path -> {bits, group_size}, or False for a module that stays unquantized. `dtype` is that of
    scales, biases and all that is not quantized."""
    model, config = load_model(hf_folder)
    model.update(tree_map(lambda array: array.astype(getattr(mx, dtype)), model.parameters()))
    config["torch_dtype"] = dtype
    if bits:
        own = overrides or {}
        default = getattr(model, "quant_predicate", None) or (lambda path, module: True)
        with contextlib.redirect_stdout(io.StringIO()):
            model, config = quantize_model(model, config, group_size, bits,
                                           quant_predicate=lambda path, module: own.get(path, default(path, module)))
        config["quantization"] |= {path: False for path, choice in own.items() if choice is False}
    folder.mkdir(parents=True)
    save_model(folder, model)
    save_config(config, folder / "config.json")


def logits(folder: Path, ids: list) -> np.ndarray:
    """mlx-lm's forward with everything that is not a code widened to float32."""
    model, _ = load_model(folder)
    model.set_dtype(mx.float32)
    return np.array(model(mx.array([ids]))[0]).astype(np.float64)
