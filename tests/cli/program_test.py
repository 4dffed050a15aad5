"""The program as its users meet it: help, exit statuses, messages, streams, files.

usage: program_test.py PROGRAM [unittest arguments]
"""

import array
import ast
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = ""
VERBS = ["run", "start", "generate", "logits", "inspect", "plan", "convert", "info", "tokenize", "detokenize", "template",
         "make-model", "bench"]
TEXT = "Once upon a time\n\t \u00fc\u20ac \U0001f642 <|im_end|> 1234567"


def call(*arguments, stdin=b"", status=0, environment=None):
    """Runs the program; checks its status; returns what it wrote to standard output and to standard error."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=60,
                          env={**os.environ, **(environment or {})})
    if done.returncode != status:
        raise AssertionError(f"{arguments}: status {done.returncode}, expected {status}\n{done.stderr.decode()}")
    return done.stdout, done.stderr.decode()


class Mistakes(unittest.TestCase):
    def assert_mistake(self, arguments, message):
        output, errors = call(*arguments, status=2)
        self.assertEqual(output, b"")
        self.assertEqual(errors.splitlines()[0], "quandex: " + message)
        self.assertRegex(errors.splitlines()[1], r"^quandex: see quandex ([a-z-]+ )?--help$")

    def test_unknown_option_is_answered_with_the_nearest(self):
        self.assert_mistake(["generate", "m.gguf", "-p", "x", "--temprature", "0.5"],
                            "unknown option --temprature; did you mean --temperature?")
        self.assert_mistake(["generate", "--temprature=0.5"],
                            "unknown option --temprature; did you mean --temperature?")
        self.assert_mistake(["make-model", "--shap", "tiny-llama"], "unknown option --shap; did you mean --shape?")
        self.assert_mistake(["info", "--zzzzzz"], "unknown option --zzzzzz")

    def test_unknown_verb_is_answered_with_the_nearest(self):
        self.assert_mistake(["genrate", "m.gguf"], "unknown verb genrate; did you mean generate?")
        self.assert_mistake(["measure-roof"], "unknown verb measure-roof")
        self.assert_mistake([], "a verb is missing: " + ", ".join(VERBS))

    def test_bad_values_are_refused_with_flag_value_and_range(self):
        self.assert_mistake(["generate", "m", "-p", "x", "--top-p", "1.5"], "--top-p is 1.5; expected 0.0001 to 1")
        self.assert_mistake(["generate", "m", "-p", "x", "-n", "many"],
                            "--tokens is 'many'; expected an integer from 1 to 16777216")
        self.assert_mistake(["generate", "m", "-p", "x", "-t", "-1"], "--threads is -1; expected 1 to 1024")
        self.assert_mistake(["bench", "m", "-r", "4"], "--repeats is 4; expected 5 to 1000")
        self.assert_mistake(["generate", "m", "-p", "x", "--backend", "cup"],
                            "--backend is 'cup'; expected one of cpu, reference; did you mean cpu?")
        self.assert_mistake(["make-model", "--format", "q4_o"],
                            "--format is 'q4_o'; expected one of f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q8_1, "
                            "q2_k, q3_k, q4_k, q5_k, q6_k, q8_k, iq4_nl, iq4_xs, tq1_0, tq2_0, mxfp4; did you mean "
                            "q4_0?")
        self.assert_mistake(["logits", "m", "--ids", "1,x"],
                            "--ids is 'x'; expected an integer from 0 to 2147483647")

    def test_missing_and_contradictory_arguments_are_named(self):
        self.assert_mistake(["generate", "-p", "x"], "MODEL is required")
        self.assert_mistake(["generate", "m", "--seed"], "--seed needs a value")
        self.assert_mistake(["generate", "m"], "a prompt is missing: --prompt or --file")
        self.assert_mistake(["generate", "m", "-p", "x", "-f", "y"], "--prompt and --file exclude each other")
        self.assert_mistake(["generate", "m", "-p", "x", "--stop", ""],
                            "--stop is empty; expected a text to end before")
        self.assert_mistake(["inspect", "a", "b"], "unexpected argument b")


class Help(unittest.TestCase):
    def test_every_verb_explains_itself_with_examples(self):
        output, _ = call("--help")
        for verb in VERBS:
            self.assertRegex(output.decode(), rf"\n  {verb}(, chat|, serve)? ")
            explained = call(verb, "--help")[0].decode()
            self.assertIn(f"Usage: quandex {verb}", explained)
            self.assertIn(f"Examples:\n  ", explained)
            self.assertIn(f"quandex {verb}", explained.split("Examples:")[1])
            self.assertLessEqual(max(map(len, explained.splitlines())), 120)
        self.assertNotIn("measure-roofs", output.decode())

    def test_version_names_commit_compiler_and_levels(self):
        output, _ = call("--version")
        self.assertRegex(output.decode(), r"^quandex \d+\.\d+\.\d+ \(commit \S+, \w+ [\d.]+, \w*; kernels for base[^)]*\)\n$")

    def test_info_lists_formats_and_architectures(self):
        info = json.loads(call("info", "--json")[0])
        self.assertGreaterEqual(info["cpu"]["default_threads"], 1)
        alone = ["f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q8_1", "q2_k", "q3_k", "q4_k", "q5_k",
                 "q6_k", "q8_k", "iq4_nl", "iq4_xs", "tq1_0", "tq2_0", "mxfp4"]
        widths, groups, scales = [2, 3, 4, 5, 6, 8], [32, 64, 128], ["f16", "bf16", "f32"]
        self.assertEqual([f["name"] for f in info["formats"]],
                         alone + [f"q8_0_g{g}_f32" for g in [16, 32, 64, 128]] +
                         [f"affine{w}_g{g}_{s}" for w in widths for g in groups for s in scales])
        self.assertEqual([a["gguf_name"] for a in info["architectures"]],
                         ["llama", "llama", "llama", "qwen2", "qwen3", "qwen3moe", "smollm3", "phi3", "gemma2", "gemma3",
                          "gemma3"])
        table = call("info", "--markdown", "formats")[0].decode().splitlines()
        self.assertEqual([line.split(" ")[1] for line in table[2:]],
                         alone + ["q8_0_gN_f32"] + [f"affine{w}_gN_T" for w in widths])
        self.assertTrue(all(line.startswith("| ") or line.startswith("|---") for line in table))

    def test_info_says_the_same_as_text_json_and_markdown(self):
        info = json.loads(call("info", "--json")[0])
        text = call("info")[0].decode()
        table = call("info", "--markdown", "architectures")[0].decode().splitlines()
        headings = [cell.strip() for cell in table[0].split("|")][4:-1]
        self.assertEqual(headings, ["GGUF", "safetensors", "MLX", "qwen3.c", "llama2.c"])
        self.assertEqual(len(table) - 2, len(info["architectures"]))
        for architecture, line in zip(info["architectures"], table[2:]):
            self.assertIn(f"| {architecture['description']} | `{architecture['gguf_name']}` |", line)
            ticks = [cell.strip() for cell in line.split("|")][4:-1]
            files = architecture["proven_files"]
            self.assertEqual([heading for heading, tick in zip(headings, ticks) if tick == "\u2713"], files)
            proof = "proven for " + ", ".join(files) if files else "no fixture proves it"
            self.assertRegex(text, rf"  {architecture['gguf_name']} +{re.escape(architecture['description'])}\n"
                                   rf" +{architecture['hf_class']}: {re.escape(proof)}\n")
        for row in info["formats"]:
            if row["name"].startswith(("affine", "q8_0_g")):
                continue  # rows of the text stand for several of them
            files = ", ".join(row["files"])
            self.assertRegex(text, rf"\n  {row['name']} +{row['block_values']} +{row['bits_per_value']:g} +yes +"
                                   rf"{row['cpu']} +{'yes' if row['writable'] else 'no'} +{re.escape(files)}\n")


class WithModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.models = {}
        for shape, form in [("tiny-llama", "q8_0"), ("tiny-qwen3", "f32")]:
            cls.models[shape] = str(Path(cls.folder.name) / f"{shape}.gguf")
            call("make-model", "--shape", shape, "--format", form, "--seed", "7", cls.models[shape])
        cls.model = cls.models["tiny-qwen3"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return str(Path(self.folder.name) / name)

    def npy(self, path):
        """Shape and values of a float32 .npy file of version 1.0, by hand."""
        data = Path(path).read_bytes()
        self.assertEqual(data[:8], b"\x93NUMPY\x01\x00")
        end = 10 + struct.unpack("<H", data[8:10])[0]
        self.assertEqual(end % 64, 0)
        header = ast.literal_eval(data[10:end].decode())
        self.assertEqual((header["descr"], header["fortran_order"]), ("<f4", False))
        values = array.array("f", data[end:])
        self.assertEqual(len(values), header["shape"][0] * header["shape"][1])
        return header["shape"], values


    def patched(self, old, new):
        """A copy of the Llama model with the first bytes `old` replaced by as many others."""
        data = Path(self.models["tiny-llama"]).read_bytes()
        self.assertEqual(len(old), len(new))
        self.assertIn(old, data)
        path = self.path("patched.gguf")
        Path(path).write_bytes(data.replace(old, new, 1))
        return path


class MakeModel(WithModel):
    def test_file_is_the_same_for_a_seed_whatever_the_threads(self):
        paths = [self.path(name) for name in ("a.gguf", "b.gguf", "c.gguf")]
        for path, seed, threads in zip(paths, (1, 1, 2), (1, 3, 1)):
            call("make-model", "--shape", "tiny-llama", "--format", "q4_k", "--seed", seed, "-t", threads, path)
        contents = [Path(path).read_bytes() for path in paths]
        self.assertEqual(contents[0], contents[1])
        self.assertNotEqual(contents[0], contents[2])

    def test_an_existing_file_is_kept_unless_forced(self):
        before = Path(self.model).read_bytes()
        _, errors = call("make-model", "--shape", "tiny-llama", "--format", "f16", self.model, status=1)
        self.assertIn("exists already", errors)
        self.assertEqual(Path(self.model).read_bytes(), before)

    def test_list_shows_every_shape(self):
        shapes = [line.split()[0] for line in call("make-model", "--list")[0].decode().splitlines()[1:]]
        self.assertEqual(shapes, ["llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "mistral-7b", "mixtral-8x7b",
                                  "qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "qwen3-30b-a3b", "tiny-llama",
                                  "tiny-mistral", "tiny-mixtral", "tiny-qwen3", "tiny-qwen3moe"])
        explained = call("make-model", "--help")[0].decode()
        for shape in shapes:
            self.assertIn(shape, explained.split())

    def test_layers_scale_a_shape(self):
        path = self.path("layers.gguf")
        for n_layers in (1, 3):
            call("make-model", "--shape", "tiny-mixtral", "--format", "q8_0", "--layers", n_layers, "--force", path)
            found = json.loads(call("inspect", path, "--json")[0])
            self.assertEqual(found["model"]["layers"], n_layers)
            self.assertTrue(found["metadata"]["general.name"].endswith(f"tiny-mixtral, {n_layers} layers"))
            self.assertTrue(call("generate", path, "-p", "a", "-n", "2", "-q", "--seed", "1")[0])


class TinyShapes(WithModel):
    """The shapes for tests: each reads back as what it is, and the fast backend agrees with the reference."""
    SHAPES = {"tiny-llama": ("llama", 0, 0), "tiny-mistral": ("llama", 16, 0), "tiny-mixtral": ("llama", 0, 2),
              "tiny-qwen3": ("qwen3", 0, 0), "tiny-qwen3moe": ("qwen3moe", 0, 3)}  # family, window, experts used
    IDS = ",".join(str(7 * i % 500) for i in range(24))  # longer than the window

    def made(self, shape, form):
        path = self.path(f"{shape}-{form}.gguf")
        call("make-model", "--shape", shape, "--format", form, "--force", path)
        return path

    def test_inspect_finds_family_window_and_experts(self):
        for shape, (family, window, n_active) in self.SHAPES.items():
            with self.subTest(shape):
                model = json.loads(call("inspect", self.made(shape, "q4_0"), "--json")[0])["model"]
                self.assertEqual(model["architecture"], family)
                self.assertEqual(model["windows"], [window] * 2)
                self.assertEqual(model["active_experts"], n_active)

    def test_backends_agree(self):
        for shape in self.SHAPES:
            with self.subTest(shape):
                model, rows = self.made(shape, "f32"), []
                for backend in ("cpu", "reference"):
                    path = self.path(backend + ".npy")
                    call("logits", model, "--ids", self.IDS, "--backend", backend, "--kv-type", "f32", "-o", path)
                    rows.append(self.npy(path)[1])
                # As in Logits.
                self.assertLess(max(abs(a - b) for a, b in zip(*rows)), 1e-4)

    def test_quantized_ones_generate(self):
        for shape in self.SHAPES:
            with self.subTest(shape):
                output, _ = call("generate", self.made(shape, "q4_0"), "-p", "once upon a time there was a window",
                                 "-n", "24", "--seed", "1", "-q")
                self.assertTrue(output)


class Inspect(WithModel):
    def test_json_tells_header_metadata_tensors_and_model(self):
        found = json.loads(call("inspect", self.models["tiny-llama"], "--tensors", "--json")[0])
        self.assertEqual(found["version"], 3)
        self.assertEqual(found["size_bytes"], os.path.getsize(self.models["tiny-llama"]))
        self.assertEqual(found["metadata"]["general.architecture"], "llama")
        self.assertEqual(found["metadata"]["tokenizer.ggml.tokens"]["count"], 512)
        self.assertEqual(len(found["metadata"]["tokenizer.ggml.tokens"]["first"]), 6)
        tensors = {tensor["name"]: tensor for tensor in found["tensors"]}
        self.assertEqual(len(tensors), found["n_tensors"])
        self.assertEqual(tensors["blk.1.ffn_up.weight"]["shape"], [512, 256])
        self.assertEqual(tensors["blk.1.ffn_up.weight"]["type"], "q8_0")
        self.assertEqual(tensors["blk.1.ffn_up.weight"]["size_bytes"], 512 * 256 // 32 * 34)
        self.assertEqual(found["model"]["layers"], 2)
        self.assertTrue(found["supported"])
        self.assertFalse(found["model"]["tied_head"])
        self.assertEqual(found["unused_tensors"], [])
        self.assertAlmostEqual(found["bits_per_weight"], 8.5, delta=0.1)

    def test_tied_shape_has_no_output_tensor(self):
        found = json.loads(call("inspect", self.model, "--tensors", "--json")[0])
        self.assertNotIn("output.weight", [tensor["name"] for tensor in found["tensors"]])
        self.assertTrue(found["model"]["tied_head"])

    def test_text_has_a_line_for_each_tensor_and_the_verdict(self):
        output = call("inspect", self.model, "--tensors")[0].decode()
        self.assertRegex(output, r"\n  blk\.0\.attn_q\.weight +f32 +512 x 256 +524288 +\d+\n")
        self.assertIn("runs as     qwen3: 2 layers, dim 256, 4 heads (2 kv) of 128", output)
        self.assertNotIn("\033", output)

    def test_files_that_are_no_models_are_errors(self):
        Path(self.path("no.gguf")).write_bytes(b"no model")
        for path in (self.path("no.gguf"), self.path("absent.gguf"), self.folder.name):
            output, errors = call("inspect", path, status=1)
            self.assertEqual(output, b"")
            self.assertTrue(errors.startswith("quandex: ") and path in errors, errors)


    def test_json_stays_valid_whatever_bytes_the_file_holds(self):
        path = self.patched(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0\xff\x1b[2J")
        found = json.loads(call("inspect", path, "--json")[0])
        self.assertFalse(found["supported"])
        self.assertIn("is not supported", found["reason"])
        self.assertNotIn(b"\x1b", call("inspect", path)[0])
        _, errors = call("generate", path, "-p", "x", status=1)
        self.assertIn('architecture "\\xff\\x1b[2J" is not supported', errors)


class Tokenize(WithModel):
    def test_ids_give_the_text_back(self):
        for model in self.models.values():
            lines = call("tokenize", model, "--no-special", stdin=TEXT.encode())[0].decode().splitlines()
            pieces = "".join(re.match(r" *\d+ (.*)$", line).group(1) for line in lines)
            raw = pieces.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
            self.assertEqual(raw.decode(), TEXT)

    def test_ids_are_those_of_the_lines(self):
        for options in ([], ["--no-special"]):
            lines = call("tokenize", self.model, *options, stdin=TEXT.encode())[0].decode().splitlines()
            ids = call("tokenize", self.model, "--ids", *options, stdin=TEXT.encode())[0].decode()
            self.assertEqual(ids.split(), [line.split()[0] for line in lines])
            self.assertEqual(ids.count("\n"), 1)

    def test_special_tokens_count_unless_told_otherwise(self):
        text = b"a<|im_end|>"
        special = call("tokenize", self.models["tiny-llama"], "--ids", stdin=text)[0].split()
        self.assertEqual(special, [b"507", b"97", b"506"])  # BOS, a, end of turn
        plain = call("tokenize", self.models["tiny-llama"], "--ids", "--no-special", stdin=text)[0].split()
        self.assertNotIn(b"506", plain)
        self.assertNotIn(b"507", plain)


    def test_warnings_stay_off_standard_output(self):
        path = self.patched(b"tokenizer.ggml.pre", b"tokenizer.ggml.prx")
        output, errors = call("tokenize", path, "--ids", stdin=b"a")
        self.assertRegex(output, rb"^[\d ]+\n$")
        self.assertIn("quandex: warning: [load] ", errors)
        self.assertIn("tokenizer.ggml.pre is absent", errors)

    def test_ctrl_c_ends_the_wait_for_a_text(self):
        with subprocess.Popen([PROGRAM, "tokenize", self.model], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            self.assertIn(process.wait(timeout=20), (-signal.SIGINT, 130))  # 130: it had not begun to wait


class TokenizersAlone(unittest.TestCase):
    def test_a_tokenizer_without_a_model_is_enough(self):
        folder = Path(__file__).parent.parent / "fixtures/hf_tokenizers/gemma"
        for path in (folder, folder / "tokenizer.json"):
            ids = call("tokenize", path, "--ids", "--no-special", stdin=TEXT.encode())[0]
            self.assertGreater(len(ids.split()), 10)
            self.assertEqual(call("detokenize", path, "--special", stdin=ids)[0], TEXT.encode())
        self.assertIn("without config.json", call("tokenize", folder.parent, stdin=b"a", status=1)[1])


class Detokenize(WithModel):
    def test_ids_become_the_bytes_of_the_text(self):
        for model in self.models.values():
            ids = call("tokenize", model, "--no-special", "--ids", stdin=TEXT.encode())[0]
            for written in (ids, ids.replace(b" ", b","), b"[" + ids.strip().replace(b" ", b", ") + b"]\n"):
                self.assertEqual(call("detokenize", model, stdin=written), (TEXT.encode(), ""))
        self.assertEqual(call("detokenize", self.model, stdin=b""), (b"", ""))

    def test_control_tokens_are_shown_on_request(self):
        ids = b"507 97 506"  # BOS, a, end of turn
        self.assertEqual(call("detokenize", self.models["tiny-llama"], stdin=ids)[0], b"a")
        self.assertEqual(call("detokenize", self.models["tiny-llama"], "--special", stdin=ids)[0],
                         b"<|begin_of_text|>a<|im_end|>")

    def test_bytes_that_are_no_text_come_out_as_they_are(self):
        ids = call("tokenize", self.model, "--no-special", "--ids", stdin="\u20ac".encode())[0].split()
        self.assertEqual(call("detokenize", self.model, stdin=ids[0])[0], "\u20ac".encode()[:1])

    def test_bad_ids_are_errors_with_their_place(self):
        for ids, message in ((b"1 512", "id 2: found 512, expected 0 to 511"), (b"1,,2", "id 2: found ''"),
                             (b"1 two", "id 2: found 'two'"), (b"[1", "after id 1: found the end, expected ']'")):
            output, errors = call("detokenize", self.model, stdin=ids, status=1)
            self.assertEqual(output, b"")
            self.assertTrue(errors.startswith("quandex: " + message), errors)


class Template(WithModel):
    CONTEXT = {"messages": [{"role": "user", "content": "H\u00e9!\n"}, {"role": "assistant", "content": " a "}]}
    RENDERED = "<|im_start|>user\nH\u00e9!\n<|im_end|>\n<|im_start|>assistant\n a <|im_end|>\n"

    def written(self, name, text):
        Path(self.path(name)).write_text(text if isinstance(text, str) else json.dumps(text))
        return self.path(name)

    def test_bytes_are_those_of_the_template_and_nothing_else(self):
        context = self.written("context.json", self.CONTEXT)
        self.assertEqual(call("template", self.model, context), (self.RENDERED.encode(), ""))
        asking = json.dumps({**self.CONTEXT, "add_generation_prompt": True}).encode()
        self.assertEqual(call("template", self.model, "-", stdin=asking)[0].decode(),
                         self.RENDERED + "<|im_start|>assistant\n")
        own = self.written("own.jinja", "{{ greeting }}{% for m in messages %}[{{ m.content }}]{% endfor %}")
        self.assertEqual(call("template", own, context)[0], "[H\u00e9!\n][ a ]".encode())

    def test_a_model_adds_the_special_tokens_that_the_context_does_not_name(self):
        source = "{% for message in messages %}<|im_start|>{{ message['role'] }}"
        shorter = "{{ bos_token }}{{ eos_token }}{# as long #}"
        model = self.patched(source.encode(), (shorter + " " * (len(source) - len(shorter))).encode())
        model = self.patched_further(model, b"{% endfor %}", b"            ")
        text = call("template", model, "-", stdin=b'{"message": {"content": ""}}')[0].decode()
        self.assertTrue(text.startswith("<|begin_of_text|><|im_end|>"), text)
        text = call("template", model, "-", stdin=b'{"message": {"content": ""}, "bos_token": "mine"}')[0].decode()
        self.assertTrue(text.startswith("mine<|im_end|>"), text)

    def patched_further(self, model, old, new):
        data = Path(model).read_bytes()
        self.assertIn(old, data)
        Path(model).write_bytes(data.replace(old, new, 1))
        return model

    def test_tokens_are_those_of_the_rendered_text(self):
        context = self.written("context.json", self.CONTEXT)
        lines = call("template", self.model, context, "--tokens")[0].decode().splitlines()
        ids = call("tokenize", self.model, "--ids", stdin=self.RENDERED.encode())[0].decode().split()
        self.assertEqual([line.split()[0] for line in lines], ids)

    def test_errors_tell_line_and_column(self):
        for template, message in (("a\n{{ x", "line 2 column "), ("a\n\n  {{ x.y }}", "line 3 column "),
                                  ("{{ raise_exception('no tools here') }}", "no tools here")):
            own = self.written("bad.jinja", template)
            output, errors = call("template", own, "-", stdin=b"{}", status=1)
            self.assertEqual(output, b"")
            self.assertTrue(errors.startswith(f"quandex: {own}: line "), errors)
            self.assertIn(message, errors)

    def test_bad_contexts_are_errors(self):
        for context, message in ((b"[]", "found array, expected the object"), (b"{", "line 1 column 2"), (b"", "line 1")):
            self.assertIn(message, call("template", self.model, "-", stdin=context, status=1)[1])
        self.assertIn("expected one of default", call("template", self.model, "-", "--variant", "rag", stdin=b"{}",
                                                      status=1)[1])
        own = self.written("own.jinja", "x")
        self.assertIn("--tokens needs a MODEL", call("template", own, "-", "--tokens", stdin=b"{}", status=2)[1])


class Logits(WithModel):
    def test_npy_holds_a_row_for_each_position(self):
        path = self.path("logits.npy")
        output, _ = call("logits", self.model, "--ids", "1,5,9", "--all", "-o", path)
        self.assertEqual(output, b"")
        shape, rows = self.npy(path)
        self.assertEqual(shape, (3, 512))
        call("logits", self.model, "--ids", "1 5 9", "-o", path)
        shape, last = self.npy(path)
        self.assertEqual(shape, (1, 512))
        self.assertEqual(rows[2 * 512:], last)
        self.assertTrue(all(abs(value) < 100 for value in rows))
        self.assertGreater(max(last) - min(last), 0.1)

    def test_backends_agree(self):
        rows = []
        for backend in ("cpu", "reference"):
            path = self.path(backend + ".npy")
            call("logits", self.model, "--ids", "1,5,9", "--backend", backend, "--kv-type", "f32", "-o", path)
            rows.append(self.npy(path)[1])
        # Logits of deviation 1 made of float sums over at most 512 terms in a handful of operations.
        self.assertLess(max(abs(a - b) for a, b in zip(*rows)), 1e-4)

    def test_top_ten_are_the_largest_in_order(self):
        path = self.path("top.npy")
        call("logits", self.model, "--ids", "1,5,9", "-o", path)
        row = self.npy(path)[1]
        lines = call("logits", self.model, "--ids", "1,5,9")[0].decode().splitlines()
        self.assertEqual(lines[0].split()[:3], ["after", "position", "2:"])
        shown = [int(line.split()[0]) for line in lines[1:]]
        self.assertEqual(shown, sorted(range(512), key=lambda i: (-row[i], i))[:10])

    def test_ids_outside_the_vocabulary_are_errors(self):
        _, errors = call("logits", self.model, "--ids", "512", status=1)
        self.assertRegex(errors, r"^quandex: .*512")


class Generate(WithModel):
    def generate(self, *options, model=None):
        return call("generate", model or self.model, "-p", "once upon", "-n", "12", *options)

    def test_same_seed_gives_the_same_text_and_another_seed_another(self):
        first, errors = self.generate("--seed", "3")
        self.assertTrue(first)
        self.assertEqual(self.generate("--seed", "3", "-t", "1")[0], first)
        self.assertNotEqual(self.generate("--seed", "4")[0], first)
        self.assertRegex(errors, r"prompt \d+ tokens, [\d.]+ tok/s; generated \d+ tokens, .* GB/s, \d+ % of .*; seed 3\n$")

    def test_random_seed_is_shown_and_repeats_the_text(self):
        text, errors = self.generate()
        seed = re.search(r"seed (\d+)\n$", errors).group(1)
        self.assertEqual(self.generate("--seed", seed)[0], text)

    def test_standard_output_is_the_continuation_alone(self):
        text, errors = self.generate("--temperature", "0", "-q")
        self.assertEqual(errors, "")
        self.assertNotIn(b"once upon", text)
        text.decode()  # whole characters only
        self.assertEqual(self.generate("--temperature", "0", "-q", "--backend", "reference", "--kv-type", "f32")[0],
                         self.generate("--temperature", "0", "-q", "--kv-type", "f32")[0])

    def test_prompt_comes_from_a_file_or_standard_input_too(self):
        Path(self.path("prompt.txt")).write_text("once upon")
        options = ["-n", "12", "--seed", "3", "-q"]
        expected = self.generate("--seed", "3", "-q")[0]
        self.assertEqual(call("generate", self.model, "-f", self.path("prompt.txt"), *options)[0], expected)
        self.assertEqual(call("generate", self.model, "-f", "-", *options, stdin=b"once upon")[0], expected)

    def test_text_ends_before_a_stop_string(self):
        text = self.generate("--seed", "3", "-q")[0].decode()
        stop = text[3:5]
        self.assertEqual(self.generate("--seed", "3", "-q", "--stop", "\x01none", "--stop", stop)[0].decode(),
                         text[:text.index(stop)])

    def test_a_closed_pipe_ends_the_program_quietly(self):
        with subprocess.Popen([PROGRAM, "generate", self.model, "-p", "once", "-n", "1500", "--seed", "1", "-q"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertTrue(process.stdout.read(1))
            process.stdout.close()
            self.assertEqual(process.wait(timeout=60), 0)
            self.assertEqual(process.stderr.read(), b"")

    def test_ctrl_c_ends_the_text_with_its_figures_and_status_130(self):
        with subprocess.Popen([PROGRAM, "generate", self.model, "-p", "once", "-n", "1500", "--seed", "2"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertTrue(process.stdout.read(1))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            self.assertRegex(errors.decode(), r"generated \d+ tokens")
            self.assertLess(int(re.search(r"generated (\d+)", errors.decode()).group(1)), 1500)

    def test_tensors_that_nothing_reads_are_warned_of(self):
        path = self.patched(b"llama.block_count\x04\0\0\0\x02", b"llama.block_count\x04\0\0\0\x01")
        text, errors = self.generate("-q", "--seed", "3", model=path)
        self.assertTrue(text)
        self.assertRegex(errors, r"warning: .* 9 tensors are not used, blk\.1\.attn_norm\.weight among them")

    def test_a_folder_is_no_prompt(self):
        _, errors = call("generate", self.model, "-f", self.folder.name, status=1)
        self.assertEqual(errors, f"quandex: {self.folder.name}: is a directory, expected the prompt file\n")

    def test_prompts_that_do_not_fit_are_errors(self):
        _, errors = call("generate", self.model, "-p", "a b c d e f g h i j", "--ctx", "4", status=1)
        self.assertIn("the context holds 4", errors)
        _, errors = call("generate", self.model, "-p", "", status=1)
        self.assertIn("the prompt has no tokens", errors)


class Plan(WithModel):
    def plan(self, *arguments):
        return json.loads(call("plan", self.models["tiny-llama"], *arguments, "--json")[0])

    def test_numbers_are_the_same_as_text_and_json_and_add_up(self):
        for arguments in [(), ("--ctx", "100", "--parallel", "3", "--kv-type", "q8_0"), ("--backend", "reference")]:
            plan = self.plan(*arguments)
            parts = [plan[name + "_bytes"] for name in ("weight", "kv", "scratch", "step", "total")]
            self.assertEqual(sum(parts[:-1]), parts[-1])
            lines = call("plan", self.models["tiny-llama"], *arguments)[0].decode().splitlines()
            labels = ["weights", "K/V", "scratch", "step inputs", "total"]
            shown = [re.match(rf"  {re.escape(label)} +(\d+) ", line) for line in lines for label in labels]
            self.assertEqual([int(match[1]) for match in shown if match], parts)
            self.assertTrue(any(f"would fit: --ctx {plan['largest_ctx']} with" in line and
                                f"--parallel {plan['largest_parallel']} with" in line for line in lines))

    def test_keys_and_values_take_what_their_type_says(self):
        sizes = {kind: self.plan("--ctx", "64", "--kv-type", kind)["kv_bytes"] for kind in ("f32", "f16", "q8_0")}
        self.assertEqual(sizes["f32"], 2 * sizes["f16"])
        self.assertEqual(sizes["q8_0"] * 64, sizes["f16"] * 34)
        four = self.plan("--ctx", "64", "--parallel", "4")
        self.assertEqual(four["kv_bytes"], 4 * sizes["f16"])
        self.assertEqual(four["kv_blocks"], 8)

    def test_what_would_fit_is_the_last_that_fits(self):
        def wanted(*arguments):
            found = self.plan(*arguments)
            self.assertEqual(found["fits"], found["total_bytes"] + found["mapped_bytes"] <= found["available_bytes"])
            return found["total_bytes"] + found["mapped_bytes"]

        plan = self.plan("--ctx", "2048", "--parallel", "4096")
        ctx, parallel, free = plan["largest_ctx"], plan["largest_parallel"], plan["available_bytes"]
        self.assertLessEqual(wanted("--ctx", ctx, "--parallel", "4096"), free)
        self.assertLessEqual(wanted("--ctx", "2048", "--parallel", parallel), free)
        if ctx < 2048:  # what the model was trained on
            self.assertGreater(wanted("--ctx", ctx + 1, "--parallel", "4096"), free)
        if parallel < 4096:
            self.assertGreater(wanted("--ctx", "2048", "--parallel", parallel + 1), free)

    def test_what_cannot_be_is_refused(self):
        self.assertIn("context: 2049 is more than", call("plan", self.models["tiny-llama"], "--ctx", "2049", status=1)[1])
        narrow = str(Path(__file__).parent.parent / "fixtures/golden/llama/model.gguf")
        for verb in (["plan"], ["logits", "--ids", "1"]):
            self.assertEqual(call(verb[0], narrow, *verb[1:], "--kv-type", "q8_0", status=1)[1].splitlines()[-1],
                             "quandex: KV cache type q8_0: layer 0 has head_dim 16, which is no multiple of its blocks of "
                             "32 values; possible for this model: f16, f32")
        self.assertIn("--parallel is 0; expected 1 to 4096",
                      call("plan", self.models["tiny-llama"], "--parallel", "0", status=2)[1])
        self.assertIn("--kv-type is 'q4_0'; expected one of f16, f32, q8_0",
                      call("plan", self.models["tiny-llama"], "--kv-type", "q4_0", status=2)[1])


class Start(WithModel):
    """What ends before anything is served; tests/server has the rest."""

    def refusal(self, *arguments, status=1):
        output, errors = call("start", *arguments, status=status, environment={"QUANDEX_API_KEY": ""})
        self.assertEqual(output, b"")
        return errors.splitlines()[-1 if status == 1 else 0]

    def test_one_model_is_served(self):
        self.assertIn("two models are named", self.refusal(self.model, "--model", self.model, status=2))
        self.assertIn("cannot open", self.refusal("none.gguf"))

    def test_keys_that_no_header_can_carry_are_refused_unseen(self):
        for key in ("", "two words", "caf\u00e9"):
            error = self.refusal(self.model, "--api-key", key)
            self.assertIn("--api-key: the API key", error)
            self.assertFalse(key and key in error)

    def test_a_port_in_use_is_named_before_the_model_is_loaded(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.assertIn(f"cannot listen on 127.0.0.1, port {port}", self.refusal(self.model, "--port", port))

    def test_memory_that_is_too_little_is_refused_with_the_figures(self):
        self.assertRegex(self.refusal(self.model, "--memory", "1KB"), r"takes \d+ bytes .* and 1000 are available")


class Bench(WithModel):
    def test_json_holds_speeds_roofs_and_memory(self):
        model = self.models["tiny-llama"]
        found = json.loads(call("bench", model, "-p", "5", "-n", "4", "--parallel", "5", "--kv-type", "q8_0",
                                "--json")[0])
        plan = json.loads(call("plan", model, "--ctx", found["ctx"], "--parallel", "5", "--kv-type", "q8_0",
                               "--json")[0])
        self.assertEqual(found["memory"]["allocated_bytes"], plan["total_bytes"])
        self.assertEqual(found["memory"]["kv_bytes"], plan["kv_bytes"])
        together = found["parallel"]
        self.assertEqual(together["sequences"], 5)
        self.assertEqual(len(together["all_tokens_per_s"]), 5)
        self.assertAlmostEqual(together["tokens_per_s"], 5 * together["tokens_per_s_each"], delta=1e-3)
        for name in ("one_tokens_per_s", "ratio_to_one", "prefill_with_head_tokens_per_s"):
            self.assertGreater(together[name], 0)
        self.assertEqual(found["repeats"], 5)
        for part in ("prefill", "decode"):
            self.assertEqual(len(found[part]["all_tokens_per_s"]), 5)
            self.assertGreater(found[part]["percent_of_roof"], 0)
        rates = sorted(found["decode"]["all_tokens_per_s"])
        self.assertAlmostEqual(found["decode"]["tokens_per_s"], rates[2], delta=1e-6 * rates[2])
        roofs = found["roofs"]
        self.assertEqual(roofs["bytes_per_s"], max(roofs["huge_page_bytes_per_s"], roofs["small_page_bytes_per_s"]))
        self.assertAlmostEqual(found["decode"]["percent_of_roof"],
                               100 * found["decode"]["bytes_per_s"] / roofs["bytes_per_s"], places=6)
        self.assertGreater(roofs["arithmetic"][0]["int8_operations_per_s"], 0)
        # The buffer that the roofs are measured with belongs to a child process.
        self.assertLess(found["memory"]["peak_rss_bytes"], roofs["buffer_bytes"] / 2)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
