"""The other witness: transformers. Asked for double precision it still takes norms, RoPE, softmax and routing through
float32, so it is asked twice: as it is, and with its name for float32 meaning float64."""

import contextlib
import copy
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
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float = saved
        torch.set_default_dtype(torch.float32)


def load(folder: Path):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    assert all(key.endswith("inv_freq") for key in report["unexpected_keys"]), report
    return model.eval()


def run(model, ids: list) -> np.ndarray:
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("eager")
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].numpy()


def logits(folder: Path, ids: list) -> tuple:
    """Of one full forward: as it is, and in float64. By fresh models: dynamic RoPE tables remember earlier lengths."""
    model = load(folder)
    as_it_is = run(model, ids)
    with float32_means_float64():  # made anew, for the tables that a model computes when it is made
        twin = transformers.AutoModelForCausalLM.from_config(copy.deepcopy(model.config), attn_implementation="eager")
        twin.load_state_dict(model.state_dict())
        return as_it_is, run(twin.eval(), ids)
