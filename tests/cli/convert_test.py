"""The verb convert from end to end: what it writes, read by itself and by PyPI's gguf, and what it refuses.

usage: convert_test.py PROGRAM [unittest arguments]
Exits with 77 (skipped) where the packages are missing.
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

try:
    import gguf
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}; install tools/requirements-test.txt into .venv")
    sys.exit(77)

PROGRAM = ""
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
GOLDEN = FIXTURES / "golden"
IDS = ",".join(str(i * 37 % 96) for i in range(40))
TEXT = "Once upon a time\n\t \u00fc\u20ac \U0001f642 1234567"
# Qwen3's chat template as far as programs look at it.
TEMPLATE = ("{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
            "{%- endfor %}{%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
            "{%- endif %}")


def call(*arguments, stdin=b"", status=0):
    """Runs the program; checks its status; returns what it wrote to standard output and to standard error."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=60)
    if done.returncode != status:
        raise AssertionError(f"{arguments}: status {done.returncode}, expected {status}\n{done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def read_safetensors(path):
    """Names to arrays: bfloat16 widened to float32."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        part = data[8 + length + begin:8 + length + end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(part, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(part, {"F32": np.float32, "F16": np.float16}[entry["dtype"]])
        tensors[name] = values.astype(np.float32).reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """Of float32 arrays that bfloat16 holds."""
    header, parts, offset = {}, [], 0
    for name, values in tensors.items():
        part = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
        header[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [offset, offset + len(part)]}
        parts.append(part)
        offset += len(part)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def tensor_values(tensor):
    """Of an unquantized tensor of gguf's reader, outermost dimension first."""
    data = np.asarray(tensor.data)
    if tensor.tensor_type == gguf.GGMLQuantizationType.BF16:
        data = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return data.astype(np.float32).reshape([int(n) for n in reversed(tensor.shape)])


class Converted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def path(self, name):
        return self.folder / name

    def logits(self, model):
        """The whole file of all logits."""
        output = self.path("logits.npy")
        call("logits", model, "--ids", IDS, "--backend", "reference", "--kv-type", "f32", "--all", "-o", output)
        data = output.read_bytes()
        output.unlink()
        return data

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def model_with_tokenizer(self, case="qwen3-q8", tokenizer="qwen2", template=None):
        """A golden checkpoint, its embedding padded to the size of the tokenizer beside it."""
        model = self.path("model")
        shutil.copytree(GOLDEN / case / "hf", model)
        for path in (FIXTURES / "hf_tokenizers" / tokenizer).iterdir():
            if path.name != "vectors.json":
                shutil.copy(path, model)
        if template:
            path = model / "tokenizer_config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": template}))
        config = json.loads((model / "config.json").read_text())
        config["vocab_size"] = 576
        (model / "config.json").write_text(json.dumps(config))
        tensors = read_safetensors(model / "model.safetensors")
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            if name in tensors:
                rows = tensors[name]
                tensors[name] = np.concatenate([rows, np.zeros((576 - len(rows), rows.shape[1]), np.float32)])
        write_safetensors(model / "model.safetensors", tensors)
        return model


class ToGguf(Converted):
    def test_logits_of_every_kind_of_file_stay_the_same_bit_for_bit(self):
        for path, kind in [("llama/hf", "keep"), ("llama/mlx", "keep"), ("llama/model.gguf", "keep"),
                           ("mistral/hf", "keep"), ("gemma3/hf", "keep"), ("qwen3moe-stacked/hf", "keep"),
                           ("phi3-longrope/hf", "keep"), ("qwen2-mlx-3bit/mlx", "keep"), ("qwen3-q8/model.bin", "keep"),
                           ("stories/model.bin", "keep"), ("qwen3-mlx-mixed/mlx", "f32"),
                           ("mistral-mlx-6bit/mlx", "f32")]:
            with self.subTest(path):
                output = self.path("out.gguf")
                call("convert", GOLDEN / path, output, "--type", kind, "--force")
                self.assertEqual(self.files(), ["out.gguf"])
                self.assertTrue(self.logits(GOLDEN / path) == self.logits(output))

    def test_other_programs_read_keys_names_types_and_values(self):
        model = self.model_with_tokenizer()
        said, warned = call("convert", model, self.path("out.gguf"))
        self.assertIn("safetensors to GGUF", said)
        self.assertRegex(warned, r"^quandex: warning: .* no standard key for quandex\.eos_token_ids, "
                                 r"quandex\.tokenizer\.normalizer: .*\n$")
        reader = gguf.GGUFReader(self.path("out.gguf"))
        config = json.loads((model / "config.json").read_text())
        value = lambda key: reader.fields[key].contents()
        self.assertEqual(value("general.architecture"), "qwen3")
        self.assertEqual(value("qwen3.block_count"), config["num_hidden_layers"])
        self.assertEqual(value("qwen3.embedding_length"), config["hidden_size"])
        self.assertEqual(value("qwen3.attention.head_count_kv"), config["num_key_value_heads"])
        self.assertEqual(value("qwen3.rope.freq_base"), config["rope_theta"])
        self.assertEqual(value("tokenizer.ggml.model"), "gpt2")
        self.assertEqual(len(value("tokenizer.ggml.tokens")), 576)
        self.assertEqual(value("tokenizer.chat_template"),
                         json.loads((model / "tokenizer_config.json").read_text())["chat_template"])
        self.assertEqual([key for key in reader.fields if key.startswith("quandex.rope") or
                          key.startswith("quandex.attention")], [])
        # Names by gguf's own table.
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, config["num_hidden_layers"])
        source = {names.get_name(name, try_suffixes=(".weight", ".bias")): values
                  for name, values in read_safetensors(model / "model.safetensors").items()}
        written = {tensor.name: tensor for tensor in reader.tensors}
        self.assertEqual(sorted(written), sorted(source))
        for name, values in source.items():
            kind = gguf.GGMLQuantizationType.BF16 if values.ndim == 2 else gguf.GGMLQuantizationType.F32
            self.assertEqual(written[name].tensor_type, kind, name)
            np.testing.assert_array_equal(tensor_values(written[name]), values, name)

    def test_queries_and_keys_of_llama_are_in_the_order_of_gguf(self):
        call("convert", GOLDEN / "llama/hf", self.path("out.gguf"))
        written = {tensor.name: tensor for tensor in gguf.GGUFReader(self.path("out.gguf")).tensors}
        other = {tensor.name: tensor for tensor in gguf.GGUFReader(GOLDEN / "llama/model.gguf").tensors}
        self.assertEqual(sorted(written), sorted(other))
        for name, tensor in other.items():
            np.testing.assert_array_equal(tensor_values(written[name]), tensor_values(tensor), name)

    def test_quantized_tensors_have_the_values_of_the_source_in_other_programs(self):
        call("convert", GOLDEN / "llama-mlx-4bit/mlx", self.path("kept.gguf"))
        call("convert", GOLDEN / "llama-mlx-4bit/mlx", self.path("plain.gguf"), "--type", "f32", "--force")
        kept = gguf.GGUFReader(self.path("kept.gguf")).tensors
        self.assertIn(gguf.GGMLQuantizationType.Q4_1, [tensor.tensor_type for tensor in kept])
        self.assertTrue(self.logits(self.path("kept.gguf")) == self.logits(self.path("plain.gguf")))

    def test_type_f16_makes_matrices_f16_and_leaves_vectors_f32(self):
        call("convert", GOLDEN / "qwen3/hf", self.path("out.gguf"), "--type", "f16")
        reader = gguf.GGUFReader(self.path("out.gguf"))
        self.assertEqual(reader.fields["general.file_type"].contents(), 1)
        for tensor in reader.tensors:
            kind = gguf.GGMLQuantizationType.F16 if len(tensor.shape) > 1 else gguf.GGMLQuantizationType.F32
            self.assertEqual(tensor.tensor_type, kind, tensor.name)
        # Golden weights are float16 numbers: nothing is rounded.
        self.assertTrue(self.logits(GOLDEN / "qwen3/hf") == self.logits(self.path("out.gguf")))

    def test_text_becomes_the_same_tokens(self):
        for case, tokenizer in [("qwen3-q8", "qwen2"), ("llama", "llama2"), ("llama", "sentencepiece")]:
            with self.subTest(tokenizer):
                model = self.model_with_tokenizer(case, tokenizer)
                call("convert", model, self.path("out.gguf"), "--force")
                for options in ([], ["--no-special"]):
                    expected, _ = call("tokenize", model, "--ids", *options, stdin=TEXT.encode())
                    found, _ = call("tokenize", self.path("out.gguf"), "--ids", *options, stdin=TEXT.encode())
                    self.assertEqual(found, expected)
                shutil.rmtree(model)

    def test_what_gguf_has_no_key_for_is_warned_of(self):
        _, warned = call("convert", GOLDEN / "smollm3-list/hf", self.path("out.gguf"))
        self.assertIn("GGUF has no standard key for quandex.rope.layers", warned)

    def test_a_checkpoint_without_a_tokenizer_is_converted_with_a_warning(self):
        _, warned = call("convert", GOLDEN / "qwen3/hf", self.path("out.gguf"))
        self.assertIn("without a tokenizer", warned)
        self.assertNotIn("tokenizer.ggml.tokens", gguf.GGUFReader(self.path("out.gguf")).fields)


class ToQwen3c(Converted):
    def test_the_way_there_and_back_keeps_logits_and_tokens(self):
        model = self.model_with_tokenizer(template=TEMPLATE)
        said, warned = call("convert", model, self.path("out.bin"))
        self.assertIn("safetensors to qwen3.c", said)
        self.assertIn("qwen3.c has no field for quandex.eos_token_ids, quandex.tokenizer.normalizer", warned)
        written = [name for name in self.files() if name.startswith("out.bin")]
        self.assertEqual(written, ["out.bin", "out.bin.template", "out.bin.template.with-system",
                                   "out.bin.template.with-system-and-thinking", "out.bin.template.with-thinking",
                                   "out.bin.tokenizer"])
        call("convert", self.path("out.bin"), self.path("back.gguf"))
        # The golden weights are multiples of their group's step.
        self.assertTrue(self.logits(model) == self.logits(self.path("out.bin")))
        self.assertTrue(self.logits(model) == self.logits(self.path("back.gguf")))
        for other in ("out.bin", "back.gguf"):
            self.assertEqual(call("tokenize", self.path(other), "--ids", stdin=TEXT.encode()),
                             call("tokenize", model, "--ids", stdin=TEXT.encode()))
        tensors = gguf.GGUFReader(self.path("back.gguf")).tensors
        # Their steps are float16 numbers, so Q8_0 has the same values.
        self.assertEqual({tensor.tensor_type.name for tensor in tensors if len(tensor.shape) > 1}, {"Q8_0"})

    def test_other_architectures_and_missing_tokenizers_are_refused(self):
        _, errors = call("convert", self.model_with_tokenizer("llama", "llama2"), self.path("out.bin"), status=1)
        self.assertIn("llama", errors)
        _, errors = call("convert", GOLDEN / "qwen3-q8/hf", self.path("out.bin"), status=1)
        self.assertIn("no tokenizer", errors)
        self.assertEqual(self.files(), ["model"])


class Refused(Converted):
    def test_an_existing_output_is_kept_unless_forced(self):
        output = self.path("out.gguf")
        output.write_bytes(b"mine")
        _, errors = call("convert", GOLDEN / "qwen3/hf", output, status=1)
        self.assertIn(f"{output} exists; --force replaces it", errors)
        self.assertEqual(output.read_bytes(), b"mine")
        call("convert", GOLDEN / "qwen3/hf", output, "--force")
        self.assertEqual(output.read_bytes()[:4], b"GGUF")
        self.assertEqual(self.files(), ["out.gguf"])

    def test_the_input_is_no_output(self):
        model = self.path("model.gguf")
        shutil.copy(GOLDEN / "qwen3/model.gguf", model)
        before = model.read_bytes()
        os.symlink(model, self.path("link.gguf"))
        for output in (model, self.path("link.gguf"), self.folder / "." / "model.gguf"):
            _, errors = call("convert", model, output, "--force", status=2)
            self.assertIn("is the input; choose another name", errors)
        self.assertEqual(model.read_bytes(), before)

    def test_an_output_of_another_kind_is_refused(self):
        for name in ("out.safetensors", "out", "out.gguf.txt"):
            _, errors = call("convert", GOLDEN / "qwen3/hf", self.path(name), status=2)
            self.assertIn("expected NAME.gguf, or NAME.bin for qwen3.c", errors)
        _, errors = call("convert", GOLDEN / "qwen3/hf", self.path("out.bin"), "--type", "f16", status=2)
        self.assertIn("--type is for GGUF", errors)
        _, errors = call("convert", GOLDEN / "qwen3/hf", self.path("out.gguf"), "--type", "q4_0", status=2)
        self.assertIn("expected one of keep, f32, f16, bf16", errors)
        self.assertEqual(self.files(), [])

    def test_values_that_gguf_cannot_hold_are_a_choice(self):
        _, errors = call("convert", GOLDEN / "mistral-mlx-6bit/mlx", self.path("out.gguf"), status=1)
        self.assertRegex(errors, r"tensor \S+\.weight is affine6_g128_\w+, and no GGUF type has exactly its values; "
                                 r"choose --type f32 \(exact\), f16 or bf16")
        self.assertEqual(self.files(), [])

    def test_a_folder_that_is_not_there_is_named(self):
        _, errors = call("convert", GOLDEN / "qwen3/hf", self.path("none/out.gguf"), status=1)
        self.assertIn("cannot create", errors)
        _, errors = call("convert", self.path("absent"), self.path("out.gguf"), status=1)
        self.assertIn("absent", errors)
        self.assertEqual(self.files(), [])

    def test_an_interrupt_leaves_nothing(self):
        # 400 MB of zeros that lie on no disk: long enough to be interrupted.
        dim, ffn = 1024, 65536
        config = json.loads((GOLDEN / "llama/hf/config.json").read_text())
        config |= {"hidden_size": dim, "intermediate_size": ffn, "num_hidden_layers": 1, "tie_word_embeddings": True}
        source = read_safetensors(GOLDEN / "llama/hf/model.safetensors")
        header, offset = {}, 0
        for name in source:
            if "layers.1" in name or name == "lm_head.weight":
                continue
            rows = {"gate": ffn, "up": ffn, "down": dim, "k": dim // 2, "v": dim // 2}.get(
                name.split(".")[-2].removesuffix("_proj"), dim)
            shape = [dim] if "norm" in name else [96 if "embed" in name else rows, ffn if "down" in name else dim]
            size = 2 * int(np.prod(shape))
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
            offset += size
        model = self.path("model")
        model.mkdir()
        (model / "config.json").write_text(json.dumps(config))
        text = json.dumps(header).encode()
        with open(model / "model.safetensors", "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + offset)
        part = self.path("out.gguf.part")
        with subprocess.Popen([PROGRAM, "convert", model, self.path("out.gguf")], stderr=subprocess.PIPE) as process:
            while process.poll() is None and not (part.exists() and part.stat().st_size > 0):
                time.sleep(0.001)
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 130, errors)
        self.assertEqual(self.files(), ["model"])


class Loaded(Converted):
    def test_a_key_that_is_not_known_is_warned_of_and_listed(self):
        model = self.path("model")
        shutil.copytree(GOLDEN / "llama/hf", model)
        config = json.loads((model / "config.json").read_text()) | {"attention_spiral": 2}
        (model / "config.json").write_text(json.dumps(config))
        _, warned = call("logits", model, "--ids", "1")
        self.assertIn("1 keys of the configuration are not known, attention_spiral among them", warned)
        uses = {key["key"]: key["use"] for key in json.loads(call("inspect", model, "--json")[0])["configuration"]}
        self.assertEqual([key for key, use in uses.items() if use == "unknown"], ["attention_spiral"])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
