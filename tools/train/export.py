"""Turns trained weights into a Hugging Face folder and two GGUF files (16-bit and Q8_0).

Weights may come as one safetensors file or as pieces named FILE.part0, FILE.part1 and so on.
"""

import argparse
import json
import shutil
from pathlib import Path

import gguf
import numpy
from safetensors.numpy import load, save_file
from tokenizers import Tokenizer

from settings import CHAT_TEMPLATE, END_OF_TEXT, SPECIAL_TOKENS, TURN_END, ModelSettings, hugging_face_config

LAYER_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def read_weights(path: Path) -> dict[str, numpy.ndarray]:
    if path.exists():
        return load(path.read_bytes())
    pieces = sorted(path.parent.glob(path.name + ".part*"), key=lambda piece: int(piece.name.rsplit("part", 1)[1]))
    return load(b"".join(piece.read_bytes() for piece in pieces))


def check_shape(settings: ModelSettings, weights: dict[str, numpy.ndarray]) -> None:
    widths = (settings.vocabulary, settings.width, settings.feed_forward,
              settings.heads * settings.head_width, settings.key_value_heads * settings.head_width)
    assert all(width % 256 == 0 for width in widths), widths
    assert all(numpy.isfinite(tensor).all() for tensor in weights.values())


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_hugging_face(folder: Path, weights: dict, tokenizer_file: Path, settings: ModelSettings) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    end_of_text, turn_end = tokenizer.token_to_id(END_OF_TEXT), tokenizer.token_to_id(TURN_END)
    shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
    half = {name: tensor.astype(numpy.float16) for name, tensor in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", hugging_face_config(settings, end_of_text, turn_end))
    write_json(folder / "generation_config.json", {
        "bos_token_id": end_of_text, "eos_token_id": [turn_end, end_of_text], "pad_token_id": end_of_text,
        "do_sample": True, "temperature": 0.8, "top_k": 40,
    })
    added = {str(tokenizer.token_to_id(token)): {
        "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True,
    } for token in SPECIAL_TOKENS}
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": added, "bos_token": None, "eos_token": TURN_END, "pad_token": END_OF_TEXT, "unk_token": None,
        "clean_up_tokenization_spaces": False, "model_max_length": settings.context, "chat_template": CHAT_TEMPLATE,
    })


def add_description(writer: gguf.GGUFWriter, settings: ModelSettings, file_type: gguf.LlamaFileType) -> None:
    writer.add_name("Quandex tiny")
    writer.add_description("A very small model for tests and first steps: simple stories and short chats.")
    writer.add_license("cdla-sharing-1.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(settings.context)
    writer.add_embedding_length(settings.width)
    writer.add_block_count(settings.layers)
    writer.add_feed_forward_length(settings.feed_forward)
    writer.add_head_count(settings.heads)
    writer.add_head_count_kv(settings.key_value_heads)
    writer.add_key_length(settings.head_width)
    writer.add_value_length(settings.head_width)
    writer.add_rope_freq_base(settings.rope_base)
    writer.add_layer_norm_rms_eps(settings.norm_epsilon)
    writer.add_vocab_size(settings.vocabulary)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer_file: Path) -> None:
    description = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    ids = dict(description["model"]["vocab"])
    ids.update({token["content"]: token["id"] for token in description["added_tokens"]})
    tokens = sorted(ids, key=ids.get)
    assert [ids[token] for token in tokens] == list(range(len(tokens)))
    special = {token["content"] for token in description["added_tokens"]}
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in description["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(ids[TURN_END])
    writer.add_eot_token_id(ids[TURN_END])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def gguf_name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[rest.removesuffix('.weight')]}.weight"


def write_gguf(path: Path, weights: dict, tokenizer_file: Path, settings: ModelSettings, eight_bits: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(path), "qwen3")
    file_type = gguf.LlamaFileType.MOSTLY_Q8_0 if eight_bits else gguf.LlamaFileType.MOSTLY_F16
    add_description(writer, settings, file_type)
    add_tokenizer(writer, tokenizer_file)
    for name, tensor in weights.items():
        if tensor.ndim == 1:  # norms stay whole: they are small, and engines read them as 32-bit
            writer.add_tensor(gguf_name(name), tensor.astype(numpy.float32))
        elif eight_bits:
            packed = gguf.quants.quantize(tensor.astype(numpy.float32), gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(gguf_name(name), packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(gguf_name(name), tensor.astype(numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".cache/train/weights.safetensors"))
    parser.add_argument("--tokenizer", type=Path, default=Path(".cache/corpus/tokenizer.json"))
    parser.add_argument("--hugging-face", type=Path, default=Path(".cache/quandex-tiny"), help="folder to write")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder for the GGUF files")
    options = parser.parse_args()
    settings, weights = ModelSettings(), read_weights(options.weights)
    settings.layers = 1 + max(int(name.split(".")[2]) for name in weights if ".layers." in name)
    check_shape(settings, weights)
    write_hugging_face(options.hugging_face, weights, options.tokenizer, settings)
    for name, eight_bits in (("quandex-tiny.gguf", True), ("quandex-tiny-f16.gguf", False)):
        write_gguf(options.models / name, weights, options.tokenizer, settings, eight_bits)
        print(options.models / name, (options.models / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
