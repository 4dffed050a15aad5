"""What a chat can be given, on a terminal and in scripts: templates, tools, prompts, policies, files, pipes.

usage: chat_options_test.py PROGRAM MODEL [unittest arguments]; MODEL is the bundled one
"""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from chat_terminal import (
    PROGRAM, MODEL, TIMEOUT_S, READING, READ, RECOMPUTED_AT_MOST, WithFolder, answer_of, call, plain,
)


class Templates(WithFolder):
    THINKING = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
                "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n"
                "{% if enable_thinking is defined and not enable_thinking %}\n</think>\n\n{% endif %}{% endif %}")

    def setUp(self):
        super().setUp()
        self.thinking = self.path("thinking.jinja")
        Path(self.thinking).write_text(self.THINKING)

    def test_thinking_is_shown_dimmed_and_can_be_switched_off(self):
        with self.terminal("--template", self.thinking, "--seed", "1", "-n", "2") as terminal:
            self.assertIn("thinking is on", terminal.started())
            terminal.send("Hello!\r")
            terminal.wait_for(READ)
            shown = terminal.wait_for(b"[cut at max_tokens 2]")
            self.assertRegex(shown, rb"\x1b\[2m[A-Z]")
            terminal.wait_for(READING)
            message = self.saved(terminal)["messages"][-1]
            self.assertEqual(message["content"], "")
            self.assertTrue(message["reasoning_content"])
            self.assertIn("thinking is on", terminal.enter("/think"))
            self.assertIn("thinking is off", terminal.enter("/think off"))
            self.assertIn("expected on or off", terminal.enter("/think perhaps"))
            terminal.enter("/retry")
            message = self.saved(terminal, "off.json")["messages"][-1]
            self.assertTrue(message["content"])
            self.assertNotIn("reasoning_content", message)

    def test_thinking_stays_off_standard_output(self):
        options = ["--template", self.thinking, "-p", "Hello!", "--seed", "1", "-n", "8"]
        output, errors = call("run", MODEL, *options)
        self.assertEqual(output, "")
        self.assertIn("the model thought and came to no answer", errors)
        answer = json.loads(call("run", MODEL, *options, "--json")[0])["message"]
        self.assertEqual(answer["content"], "")
        thought = answer["reasoning_content"]
        self.assertTrue(thought)
        self.assertTrue(call("run", MODEL, *options, "--think", "off")[0].strip())

    def test_what_a_template_has_no_place_for_is_refused(self):
        with self.terminal() as terminal:
            terminal.started()
            self.assertIn("no switch for thinking", terminal.enter("/think on"))
            self.assertIn("no switch for thinking", terminal.enter("/think"))
        Path(self.path("tools.json")).write_text("[]")
        Path(self.path("plain.jinja")).write_text("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")
        for options, message in ((["--think", "off"], "no switch for thinking"),
                                 (["--tools", self.path("tools.json")], "no place for tools"),
                                 (["--template", self.path("plain.jinja"), "--system", "x"], "a system message")):
            self.assertIn(message, call("run", MODEL, "-p", "x", *options, status=1)[1])

    def test_a_template_may_be_named(self):
        self.assertEqual(call("run", MODEL, "-p", "Hello!", "--seed", "1", "--template", "chatml")[0],
                         answer_of("Hello!") + "\n")
        self.assertIn("chatml", call("run", MODEL, "-p", "x", "--template", "chatmal", status=1)[1])

    def test_offered_tools_reach_the_prompt(self):
        tool = {"type": "function", "function": {"name": "weather", "description": "The weather of a city",
                                                 "parameters": {"type": "object", "properties": {}}}}
        Path(self.path("tools.json")).write_text(json.dumps([tool]))
        options = ["-p", "Hello!", "-n", "1", "--json", "--template", "qwen3"]
        without, with_tools = (json.loads(call("run", MODEL, *options, *more)[0])["usage"]["prompt_tokens"]
                               for more in ([], ["--tools", self.path("tools.json")]))
        self.assertGreater(with_tools, without + 40)

    def test_a_model_without_a_template_says_how_to_name_one(self):
        data = Path(MODEL).read_bytes()
        self.assertEqual(data.count(b"tokenizer.chat_template"), 1)
        Path(self.path("none.gguf")).write_bytes(data.replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX"))
        _, errors = call("run", self.path("none.gguf"), "-p", "x", status=1)
        for part in ("has no chat template", "--template", "chatml", "quandex generate"):
            self.assertIn(part, errors)
        self.assertTrue(call("generate", self.path("none.gguf"), "-p", "Once", "-n", "4", "-q")[0])
        self.assertEqual(call("run", self.path("none.gguf"), "-p", "Hello!", "--seed", "1", "--template", "chatml")[0],
                         answer_of("Hello!") + "\n")


class Qwen3c(WithFolder):
    """A qwen3.c checkpoint with its four prompt texts beside it."""
    USER, ANSWER = "<|im_start|>user\n%s<|im_end|>\n", "<|im_start|>assistant\n"
    SYSTEM, NO_THOUGHT = "<|im_start|>system\n%s<|im_end|>\n", "<think>\n\n</think>\n\n"

    def setUp(self):
        super().setUp()
        self.model = self.path("tiny.bin")
        for end in ("", ".tokenizer"):
            shutil.copy(Path(__file__).parent.parent / f"fixtures/qwen3c/tiny.bin{end}", self.model + end)
        for end, text in (("", self.USER + self.ANSWER + self.NO_THOUGHT), (".with-thinking", self.USER + self.ANSWER),
                          (".with-system", self.SYSTEM + self.USER + self.ANSWER + self.NO_THOUGHT),
                          (".with-system-and-thinking", self.SYSTEM + self.USER + self.ANSWER)):
            Path(f"{self.model}.template{end}").write_text(text)

    def test_its_prompt_texts_are_a_template_and_no_unknown_keys(self):
        _, errors = call("run", self.model, "-p", "Hi", "-n", "2", "--think", "off", "--system", "S")
        self.assertEqual(errors, "")

    def test_the_tokens_of_a_conversation_are_counted(self):
        with self.terminal("-n", "2", "--think", "off", model=self.model) as terminal:
            terminal.started()
            self.assertIn("0 messages", terminal.enter("/tokens"))
            terminal.enter("Hi")
            self.assertRegex(terminal.enter("/tokens"), r"2 messages in 1 turn: \d+ tokens of the 256")


class Tokens(unittest.TestCase):
    CONTEXT = b'{"messages": [{"role": "user", "content": "H\xc3\xa9!"}], "add_generation_prompt": true}'
    RENDERED = "<|im_start|>user\nH\u00e9!<|im_end|>\n<|im_start|>assistant\n"

    def on_terminal(self, *arguments, environment):
        """What the program writes to a terminal that is its standard output alone."""
        ours, theirs = pty.openpty()
        with subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=theirs, stderr=subprocess.PIPE,
                              env={**os.environ, "TERM": "xterm-256color", **environment}) as process:
            os.close(theirs)
            process.communicate(self.CONTEXT, timeout=TIMEOUT_S)
            self.assertEqual(process.returncode, 0)
            output = b""
            with contextlib.suppress(OSError):  # how Linux says that the other end is closed
                while data := os.read(ours, 65536):
                    output += data
        os.close(ours)
        return output

    def test_a_terminal_shows_the_tokens_of_a_template_in_colours(self):
        shown = self.on_terminal("template", MODEL, "-", "--tokens", environment={"NO_COLOR": ""})
        self.assertEqual(plain(shown), self.RENDERED.replace("\n", "\u21b5\n"))
        self.assertEqual(shown.count(b"\x1b[30;43m<|im_start|>\x1b[0m"), 2)  # control tokens on a ground of their own
        grounds = re.findall(rb"\x1b\[30;(4[67])m", shown)
        self.assertEqual(set(grounds), {b"46", b"47"})

    def test_without_colour_there_is_a_line_for_each(self):
        shown = self.on_terminal("template", MODEL, "-", "--tokens", environment={"NO_COLOR": "1"})
        self.assertNotIn(b"\x1b", shown)
        self.assertEqual(shown.replace(b"\r", b"").decode(),
                         call("template", MODEL, "-", "--tokens", stdin=self.CONTEXT)[0])

    def test_tokenize_colours_its_lines(self):
        shown = self.on_terminal("tokenize", MODEL, environment={"NO_COLOR": ""})
        self.assertIn(b"\x1b[30;4", shown)
        self.assertEqual(plain(shown), call("tokenize", MODEL, stdin=self.CONTEXT)[0])


class Overflow(WithFolder):
    LONG = "Tell me a story about a dog and a cat and a bird and a fish and a horse."

    def test_stop_tells_the_numbers_and_loses_nothing(self):
        with self.terminal("--ctx", "96", "-n", "16") as terminal:
            terminal.started()
            terminal.enter(self.LONG)
            terminal.enter(self.LONG)
            refused = terminal.enter(self.LONG)
            self.assertRegex(refused, r"takes \d+ tokens and the context holds 96: nothing was sent")
            for way_out in ("/clear", "drop-oldest", "--ctx", "1024"):
                self.assertIn(way_out, refused)
            self.assertIn("4 messages in 2 turns", terminal.enter("/tokens"))
            terminal.enter("/set on_overflow drop-oldest")
            self.assertIn("no longer sent", terminal.enter(self.LONG))

    def test_an_answer_that_fills_the_context_says_so(self):
        with self.terminal("--ctx", "48", "--seed", "1") as terminal:
            terminal.started()
            self.assertIn("[cut: the context is full at 48 tokens", terminal.enter(self.LONG))
            self.assertIn("context  48 of 48", terminal.enter("/stats").replace("49", "48"))

    def test_drop_oldest_says_how_many_and_keeps_the_system_message(self):
        with self.terminal("--ctx", "128", "-n", "16", "--on-overflow", "drop-oldest", "--system", "Be kind.") as terminal:
            terminal.started()
            n_dropped = 0
            for _ in range(6):
                shown = terminal.enter(self.LONG)
                self.assertNotIn("nothing was sent", shown)
                told = re.search(r"the oldest (turn is|(\d+) turns are) no longer sent", shown)
                n_dropped += int(told.group(2) or 1) if told else 0
            self.assertGreater(n_dropped, 1)
            self.assertIn(f"in {6 - n_dropped} turn", terminal.enter("/tokens"))
            messages = self.saved(terminal)["messages"]
            self.assertEqual(len(messages), 1 + 2 * 6)
            self.assertEqual(messages[0], {"role": "system", "content": "Be kind."})

    def test_scripts_get_the_same(self):
        prompts = ["-p", self.LONG] * 4
        _, errors = call("run", MODEL, "--ctx", "96", "-n", "16", *prompts, status=1)
        self.assertRegex(errors, r"takes \d+ tokens and the context holds 96; --ctx makes it larger, up to 1024")
        output, errors = call("run", MODEL, "--ctx", "96", "-n", "16", "--json", "--on-overflow", "drop-oldest", *prompts)
        dropped = [json.loads(line)["context"]["dropped_turns"] for line in output.splitlines()]
        self.assertEqual(len(dropped), 4)
        self.assertGreater(dropped[-1], 0)
        self.assertIn("the context is full: the oldest ", errors)


class Scripts(WithFolder):
    def test_standard_output_is_the_answer_alone(self):
        output, errors = call("run", MODEL, "-p", "Hello!", "--seed", "1")
        self.assertEqual((output, errors), (answer_of("Hello!") + "\n", ""))
        self.assertEqual(call("chat", MODEL, "-p", "Hello!", "--seed", "1"), (output, errors))

    def test_piped_text_is_one_message(self):
        expected = answer_of("Hello!\nHow are you?")
        for text in (b"Hello!\nHow are you?", b"Hello!\nHow are you?\n"):
            self.assertEqual(call("run", MODEL, "--seed", "1", stdin=text)[0], expected + "\n")
        Path(self.path("text")).write_bytes(text)
        self.assertEqual(call("run", MODEL, "--seed", "1", "-f", self.path("text"))[0], expected + "\n")

    def test_a_file_stands_behind_a_prompt(self):
        expected = answer_of("Read this:\n\nHello!")
        self.assertEqual(call("run", MODEL, "--seed", "1", "-p", "Read this:", "-f", "-", stdin=b"Hello!\n")[0],
                         expected + "\n")
        self.assertEqual(call("run", MODEL, "--seed", "1", "-p", "Hello!", stdin=b"never read")[0],
                         answer_of("Hello!") + "\n")

    def test_nothing_piped_has_escape_sequences(self):
        done = subprocess.run([PROGRAM, "run", MODEL, "-p", "Hello!", "--stats", "-n", "8"], capture_output=True,
                              timeout=TIMEOUT_S, env={**os.environ, "TERM": "xterm-256color"})
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr.decode(), r"^prompt \d+ tokens, 0 cached, .*; seed \d+\n$")
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)

    def test_json_tells_message_reason_usage_timings_and_sampling(self):
        output, errors = call("run", MODEL, "-p", "Tell me a story about a dog.", "-p", "Thank you!", "--json", "--seed",
                              "1", "--top-k", "40")
        self.assertEqual(errors, "")
        first, second = map(json.loads, output.splitlines())
        self.assertEqual(first["message"]["role"], "assistant")
        self.assertEqual(first["finish_reason"], "stop")
        self.assertEqual((first["sampling"]["top_k"], first["sampling"]["seed"]), (40, 1))
        self.assertGreater(first["timings"]["decode_tokens_per_s"], 0)
        usage = second["usage"]
        self.assertEqual(usage["cached_tokens"] + usage["computed_tokens"], usage["prompt_tokens"])
        n_new = usage["prompt_tokens"] - (first["usage"]["total_tokens"] - 1)
        self.assertLessEqual(usage["computed_tokens"], n_new + RECOMPUTED_AT_MOST)
        self.assertGreater(usage["cached_tokens"], 64)
        output, _ = call("run", MODEL, "-p", "Tell me a story.", "--json", "-n", "5")
        cut = json.loads(output)
        self.assertEqual((cut["finish_reason"], cut["usage"]["completion_tokens"]), ("length", 5))
        output, _ = call("run", MODEL, "-p", "Tell me a story.", "--json", "--seed", str(cut["sampling"]["seed"]), "-n", "5")
        self.assertEqual(json.loads(output)["message"], cut["message"])  # a random seed is told

    def test_an_option_may_be_given_an_empty_value(self):
        options = ["run", MODEL, "-p", "Hello!", "--seed", "1", "-n", "2", "--json"]
        usages = [json.loads(call(*options, *system)[0])["usage"]
                  for system in ([], ["--system="], ["--system", ""], ["--system=", "--stats"])]
        self.assertEqual(usages, usages[:1] * 4)
        self.assertIn("--stop is empty", call("run", MODEL, "-p", "x", "--stop=", "--json", status=2)[1])
        self.assertIn("--top-k is ''", call("run", MODEL, "--top-k=", "-p", "x", status=2)[1])

    def test_mistakes_in_the_call_are_named(self):
        for arguments, message in ((["-p", ""], "the message is empty"), (["--json"], "the message is empty"),
                                   (["-p", "x", "--stop", ""], "--stop is empty"),
                                   (["-p", "x", "--think", "perhaps"], "--think is 'perhaps'; expected one of"),
                                   (["-p", "x", "--on-overflow", "drop"], "--on-overflow is 'drop'")):
            self.assertIn(message, call("run", MODEL, *arguments, status=2)[1])
        self.assertIn("no UTF-8", call("run", MODEL, stdin=b"\xff", status=1)[1])
        Path(self.path("other")).write_text('{"mine": 1}')
        for option, message in (("--tools", "found object, expected an array"), ("--save", "exists already"),
                                ("--load", "unknown name mine")):
            self.assertIn(message, call("run", MODEL, "-p", "x", option, self.path("other"), status=1)[1])
        self.assertEqual(Path(self.path("other")).read_text(), '{"mine": 1}')
        Path(self.path("tools")).write_text('[{"type": "function"}, 1]')
        self.assertIn("tool 1 is of type number, expected an object",
                      call("run", MODEL, "-p", "x", "--tools", self.path("tools"), status=1)[1])
        Path(self.path("bad.jinja")).write_text("{% if")
        self.assertIn("line 1 column", call("run", MODEL, "-p", "x", "--template", self.path("bad.jinja"), status=1)[1])

    def test_ctrl_c_ends_an_answer_with_what_there_is_and_status_130(self):
        with subprocess.Popen([PROGRAM, "run", MODEL, "-p", "Tell me a long story.", "--seed", "1", "--backend",
                               "reference"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = process.stdout.read(1)
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=TIMEOUT_S)
            self.assertEqual(process.returncode, 130)
            self.assertTrue((first + rest).endswith(b"\n"))

    def test_what_was_said_is_saved_where_the_run_ends_early(self):
        file = self.path("saved.json")
        long = "Tell me a story about a dog. " * 20
        _, errors = call("run", MODEL, "-p", "Hello!", "-p", long, "-n", "4", "--ctx", "64", "--save", file, status=1)
        self.assertIn("--on-overflow drop-oldest leaves out", errors)
        self.assertEqual([m["role"] for m in json.loads(Path(file).read_text())["messages"]], ["user", "assistant"])
        with subprocess.Popen([PROGRAM, "run", MODEL, "-p", "Tell me a long story.", "--seed", "1", "--backend",
                               "reference", "--load", file, "--save", file], stdout=subprocess.PIPE) as process:
            process.stdout.read(1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT_S)
        saved = json.loads(Path(file).read_text())["messages"]
        self.assertEqual([m["role"] for m in saved], ["user", "assistant"] * 2)
        self.assertTrue(saved[-1]["stopped"])

    def test_a_file_that_cannot_be_saved_to_is_refused_before_the_answer(self):
        file = self.path("no/folder.json")
        output, errors = call("run", MODEL, "-p", "Hello!", "--save", file, status=1)
        self.assertEqual(output, "")
        self.assertIn(f"{file}: cannot be written: {self.path('no')}: No such file", errors)

    def test_only_ways_out_that_lead_somewhere_are_offered(self):
        long = "Tell me a story about a dog. " * 20
        one, whole = (call("run", MODEL, "-p", long * n, "--ctx", ctx, "--on-overflow", policy, status=1)[1]
                      for n, ctx, policy in ((1, "64", "stop"), (20, "0", "drop-oldest")))
        self.assertIn("--ctx makes it larger, up to 1024", one)
        self.assertNotIn("--on-overflow", one)
        self.assertRegex(whole, r"takes \d+ tokens and the context holds 1024\n")

    def test_a_reader_that_has_enough_ends_the_program_quietly(self):
        with subprocess.Popen([PROGRAM, "run", MODEL, "-p", "Tell me a long story.", "--seed", "1", "--backend",
                               "reference"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertTrue(process.stdout.read(1))
            process.stdout.close()
            self.assertEqual(process.wait(timeout=TIMEOUT_S), 0)
            self.assertEqual(process.stderr.read(), b"")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
