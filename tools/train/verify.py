"""Checks an export: transformers must agree with model.py, and the GGUF files with both."""

import argparse
import json
from pathlib import Path

import gguf
import numpy
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, Qwen3ForCausalLM

from dialogues import render
from export import gguf_name
from model import Qwen3
from settings import ModelSettings

TEXTS = ["Once upon a time, there was a little girl.", "It's 12:30 -- don't\n\n  worry!\t\u00e9\u4f60\U0001f600",
         "<|im_start|>user\nHello!<|im_end|>\n"]


def check_logits(folder: Path, tokenizer: Tokenizer) -> float:
    theirs = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ours = Qwen3(ModelSettings(layers=theirs.config.num_hidden_layers)).eval()
    ours.load_state_dict({name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()})
    tokens = torch.tensor([(tokenizer.encode("\n".join(TEXTS), add_special_tokens=False).ids * 12)[:500]])
    with torch.no_grad():
        difference = (ours(tokens) - theirs(tokens).logits).abs().max().item()
    assert difference < 1e-4, difference
    return difference


def check_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    wrapped = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        assert wrapped.encode(text, add_special_tokens=False) == ids
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello!"}]
    assert wrapped.apply_chat_template(messages, tokenize=False) == render(messages)
    prompted = wrapped.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert prompted == render(messages) + "<|im_start|>assistant\n"


def field(reader: gguf.GGUFReader, name: str):
    return reader.get_field(name).contents()


def check_gguf(path: Path, folder: Path, tokenizer: Tokenizer) -> float:
    """Compares vocabulary, merges and every tensor; returns the largest rounding error."""
    reader = gguf.GGUFReader(path)
    tokens = field(reader, "tokenizer.ggml.tokens")
    assert tokens == [tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size())]
    merges = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["merges"]
    assert field(reader, "tokenizer.ggml.merges") == [m if isinstance(m, str) else " ".join(m) for m in merges]
    weights = {gguf_name(name): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    assert set(weights) == {tensor.name for tensor in reader.tensors}
    worst = 0.0
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        expected = weights[tensor.name].float().numpy()
        # Half a step of eight bits, and what is lost where a block's scale is too small for 16 bits.
        eight_bits = tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0
        allowed = numpy.abs(expected).max() / 127 + 1e-5 if eight_bits else 0.0
        error = float(numpy.abs(values.reshape(expected.shape) - expected).max())
        assert error <= allowed, (tensor.name, error)
        worst = max(worst, error)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hugging-face", type=Path, default=Path(".cache/quandex-tiny"))
    parser.add_argument("--models", type=Path, default=Path("models"))
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.hugging_face / "tokenizer.json"))
    print("largest difference of logits:", check_logits(options.hugging_face, tokenizer))
    check_tokenizer(options.hugging_face, tokenizer)
    for name in ("quandex-tiny.gguf", "quandex-tiny-f16.gguf"):
        print(name, "largest rounding error:", check_gguf(options.models / name, options.hugging_face, tokenizer))


if __name__ == "__main__":
    main()
