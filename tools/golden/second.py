"""The other witness: transformers. Asked for double precision it still takes norms, RoPE, softmax and routing through
float32, so it is asked twice: as it is, and with its name for float32 meaning float64."""

import contextlib
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers

logging.getLogger("transformers").setLevel(logging.ERROR)
transformers.utils.logging.disable_progress_bar()
warnings.filterwarnings("ignore")


@contextlib.contextmanager
def float32_means_float64():
    saved = torch.float32, torch.float, torch.Tensor.float
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float = saved


def load(folder: Path):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    assert all(key.endswith("inv_freq") for key in report["unexpected_keys"]), report
    return model.eval()


def logits(folder: Path, ids: list, all_float64: bool) -> np.ndarray:
    """One full forward by a fresh model: dynamic RoPE tables remember earlier lengths."""
    with float32_means_float64() if all_float64 else contextlib.nullcontext(), torch.no_grad():
        model = load(folder)
        if hasattr(model, "set_experts_implementation"):
            model.set_experts_implementation("eager")
        return model(torch.tensor([ids]), use_cache=False).logits[0].numpy()
