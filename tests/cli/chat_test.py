"""The chat as its users meet it: `quandex run` on a terminal (a pty), in pipes and in scripts.

usage: chat_test.py PROGRAM MODEL [unittest arguments]; MODEL is the bundled one
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

PROGRAM = MODEL = ""
TIMEOUT_S = 60
READING, READ = b"\x1b[?2004h", b"\x1b[?2004l"  # bracketed paste: on while a line is typed
UP, CTRL_C, CTRL_D, ALT_ENTER = "\x1b[A", "\x03", "\x04", "\x1b\r"
# Tokens of a prompt that may be computed again although they were computed before.
RECOMPUTED_AT_MOST = 0


def plain(output):
    """What a terminal shows: without escape sequences and carriage returns."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", output.decode())


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *arguments, environment=None, model=None, state):
        self.output = b""
        self.at = 0  # how much of the output has been looked at
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            home = {"HOME": state, "XDG_STATE_HOME": state, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
            kept = {name: os.environ[name] for name in os.environ if name not in ("NO_COLOR", "LC_ALL", "LC_CTYPE")}
            os.execve(PROGRAM, [PROGRAM, "run", model or MODEL, *arguments], {**kept, **home, **(environment or {})})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_more(self, deadline):
        """False at the end of the output."""
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came after:\n{plain(self.output[-2000:])}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.output += data
        return bool(data)

    def wait_for(self, mark):
        """What comes before the bytes `mark`."""
        deadline = time.monotonic() + TIMEOUT_S
        while (found := self.output.find(mark, self.at)) < 0:
            if not self.read_more(deadline):
                raise AssertionError(f"the program ended before {mark} came:\n{plain(self.output[-2000:])}")
        before, self.at = self.output[self.at:found], found + len(mark)
        return before

    def started(self):
        """What is shown before the first line can be typed."""
        return plain(self.wait_for(READING))

    def enter(self, text, key="\r"):
        """Types a line; what is shown up to the next one."""
        self.send(text + key)
        self.wait_for(READ)
        return plain(self.wait_for(READING)).lstrip("\n")

    def ended(self):
        """The exit status; everything that was shown is in `output` then."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.read_more(deadline):
            pass
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def call(*arguments, stdin=b"", status=0, environment=None):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=TIMEOUT_S,
                          env={**os.environ, **(environment or {})})
    if done.returncode != status:
        raise AssertionError(f"{arguments}: status {done.returncode}, expected {status}\n{done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def answer_of(*messages, options=("--seed", "1")):
    """What the program answers to the last of some messages outside a terminal."""
    prompts = [argument for message in messages for argument in ("-p", message)]
    lines = call("run", MODEL, *prompts, *options, "--json")[0].splitlines()
    return json.loads(lines[-1])["message"]["content"]


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return str(Path(self.folder) / name)

    def terminal(self, *arguments, environment=None, model=None):
        return Terminal(*arguments, environment=environment, model=model, state=self.folder)

    def saved(self, terminal, name="saved.json"):
        """The conversation as /save writes it."""
        self.assertIn("saved to", terminal.enter(f"/save {self.path(name)}"))
        return json.loads(Path(self.path(name)).read_text())


class Talk(WithFolder):
    def test_banner_tells_model_context_template_and_help_in_few_lines(self):
        with self.terminal() as terminal:
            banner = terminal.started().rstrip("> \n").splitlines()
            self.assertLessEqual(len(banner), 4)
            self.assertRegex(banner[0], r"^Quandex tiny: qwen3, 16\.3 M parameters, 17\.4 MB; context 1024 tokens$")
            self.assertIn("template", banner[1])
            self.assertIn("/help", banner[2])

    def test_answers_are_those_of_a_script_with_the_same_seed(self):
        with self.terminal("--seed", "1") as terminal:
            terminal.started()
            self.assertEqual(terminal.enter("Hello!"), answer_of("Hello!") + "\n\n")
            self.assertEqual(terminal.enter("What is your name?"), answer_of("Hello!", "What is your name?") + "\n\n")

    def test_an_answer_comes_token_by_token(self):
        with self.terminal("--seed", "1", "--backend", "reference", "-n", "12") as terminal:
            terminal.started()
            terminal.send("Tell me a story.\r")
            terminal.wait_for(READ)
            pieces, deadline = 0, time.monotonic() + TIMEOUT_S
            while READING not in terminal.output[terminal.at:]:
                terminal.read_more(deadline)
                pieces += 1
            self.assertGreater(pieces, 4)

    def test_the_second_turn_computes_what_is_new(self):
        with self.terminal("--seed", "1") as terminal:
            terminal.started()
            terminal.enter("Tell me a story about a dog.")
            first = terminal.enter("/stats")
            n_prompt, n_answer = (int(re.search(rf"{name} +(\d+) tokens", first).group(1))
                                  for name in ("prompt", "answer"))
            self.assertGreater(n_answer, 64)  # more than what may be computed again
            terminal.enter("Thank you!")
            second = terminal.enter("/stats")
            n_all, n_cached, n_computed = map(int, re.search(r"prompt +(\d+) tokens: (\d+) cached, (\d+) computed",
                                                             second).groups())
            self.assertEqual(n_cached + n_computed, n_all)
            n_new = n_all - (n_prompt + n_answer - 1)  # the K/V of what ended the answer was not made
            self.assertGreater(n_new, 0)
            self.assertLessEqual(n_computed, n_new + RECOMPUTED_AT_MOST)
            self.assertIn("seed 1", second)
            self.assertRegex(second, rf"context +\d+ of 1024")

    def test_what_is_typed_during_an_answer_waits_for_its_end(self):
        with self.terminal("--seed", "1", "--backend", "reference", "-n", "12") as terminal:
            terminal.started()
            terminal.send("Tell me a story.\r")
            terminal.wait_for(READ)
            terminal.send("/tokens\r")
            answer = plain(terminal.wait_for(READING))
            self.assertNotIn("/tokens", answer)
            terminal.wait_for(READ)
            self.assertIn("2 messages in 1 turn", plain(terminal.wait_for(READING)))

    def test_colour_is_off_where_the_user_says_so(self):
        colour = re.compile(rb"\x1b\[[0-9;]*m")
        for environment, expected in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            with self.subTest(environment), self.terminal("-n", "4", environment=environment) as terminal:
                terminal.wait_for(b"> ")
                terminal.send("Hello!\r/exit\r")
                self.assertEqual(terminal.ended(), 0)
                self.assertEqual(bool(colour.search(terminal.output)), expected)
                if environment.get("TERM") == "dumb":
                    self.assertNotIn(b"\x1b", terminal.output)


class Editing(WithFolder):
    def contents(self, terminal):
        return [message["content"] for message in self.saved(terminal)["messages"] if message["role"] == "user"]

    def test_a_message_may_have_several_lines(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter("one \\")
            terminal.enter("two")
            terminal.enter('"""three')
            terminal.enter("")
            terminal.enter('four \\ "four"')
            terminal.enter('five"""')
            terminal.enter(f"six{ALT_ENTER}seven")
            terminal.enter("\x1b[200~eight\rnine\r\n\tten\x1b[201~ eleven")
            self.assertEqual(self.contents(terminal),
                             ["one \ntwo", 'three\n\nfour \\ "four"\nfive', "six\nseven", "eight\nnine\n\tten eleven"])

    def test_pasted_control_characters_are_no_keys(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter("\x1b[200~a\x1b[31mb\x01c\x7fd\x1b[201~e")
            terminal.enter("\x1b[200~f\x03g\x1ah\r/clear\x1b[201~")
            self.assertEqual(self.contents(terminal), ["a[31mbcde", "fgh\n/clear"])

    def test_ctrl_c_ends_a_paste_that_has_no_end(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            self.assertEqual(terminal.enter("\x1b[200~no end", CTRL_C), "")
            terminal.enter("hello")
            self.assertEqual(self.contents(terminal), ["hello"])

    def test_characters_of_any_width_are_edited_as_such(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter("a\u00fc\u20ac\U0001f642\u6f22\x7f\x7f!")  # two backspaces
            self.assertEqual(self.contents(terminal), ["a\u00fc\u20ac!"])

    def test_locale_does_not_matter(self):
        for environment in ({"LANG": "C"}, {"LC_ALL": "POSIX"}):
            with self.subTest(environment), self.terminal("-n", "1", environment=environment) as terminal:
                terminal.started()
                terminal.enter("/system \u00fc\u20ac\u6f22")
                self.assertIn("\u00fc\u20ac\u6f22", terminal.enter("/system"))

    def test_arrow_up_brings_back_the_line_before(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter("first")
            terminal.enter("second")
            terminal.enter(UP + UP)
            self.assertEqual(self.contents(terminal), ["first", "second", "first"])

    def test_ctrl_r_searches_the_lines_before(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            for line in ("the first", "the second", "more"):
                terminal.enter(line)
            terminal.send("\x12the")
            terminal.wait_for(b'"the"')
            terminal.wait_for(b"the second")
            terminal.enter("\x12")  # once more
            terminal.enter("\x12nothing\x07new")
            self.assertEqual(self.contents(terminal)[3:], ["the first", "new"])

    def test_history_outlives_the_chat_and_is_its_users_alone(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter("one \\")
            terminal.enter("two")
            terminal.send(CTRL_D)
            self.assertEqual(terminal.ended(), 0)
        file = Path(self.path("quandex/history"))
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(file.parent.stat().st_mode), 0o700)
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter(UP)
            self.assertEqual(self.contents(terminal), ["one \ntwo"])

    def test_history_is_bounded(self):
        file = Path(self.path("quandex/history"))
        file.parent.mkdir()
        file.write_text("".join(f"line {i}\n" for i in range(2500)))
        with self.terminal() as terminal:
            terminal.started()
            terminal.send(CTRL_D)
            terminal.ended()
        lines = file.read_text().splitlines()
        self.assertEqual(lines, [f"line {i}" for i in range(1500, 2500)])
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)

    def test_without_a_history_nothing_is_read_or_written(self):
        with self.terminal("-n", "1", "--no-history") as terminal:
            terminal.started()
            terminal.enter("hello")
        self.assertFalse(Path(self.path("quandex")).exists())

    def test_alt_x_takes_no_commands_of_the_editor(self):
        for keys in ("\x1bx", "\x1bX"):
            with self.subTest(keys), self.terminal("-n", "1") as terminal:
                terminal.started()
                terminal.enter(keys)
                self.assertIn("0 messages", terminal.enter("/tokens"))

    def test_tab_completes_commands(self):
        with self.terminal() as terminal:
            terminal.started()
            self.assertIn("temperature is 0.25", terminal.enter("/se\ttemp\t0.25"))
            self.assertIn("no answer yet", terminal.enter("/st\t"))


class Signals(WithFolder):
    STORY = ["--seed", "1", "--backend", "reference"]  # slow enough to be stopped

    def stopped(self, terminal):
        terminal.send("Tell me a long story about a dog.\r")
        terminal.wait_for(READ)
        terminal.wait_for(b" ")  # the answer has begun
        terminal.send(CTRL_C)
        return plain(terminal.wait_for(READING))

    def test_ctrl_c_stops_the_answer_and_keeps_what_there_is(self):
        with self.terminal(*self.STORY) as terminal:
            terminal.started()
            self.assertIn("[stopped]", self.stopped(terminal))
            self.assertIn("stopped, seed 1", terminal.enter("/stats"))
            answer = self.saved(terminal)["messages"][-1]
            self.assertEqual((answer["role"], answer["stopped"]), ("assistant", True))
            whole = answer_of("Tell me a long story about a dog.", options=self.STORY + ["-n", "120"])
            self.assertTrue(answer["content"] and whole.startswith(answer["content"]))
            self.assertIn("[stopped]", self.stopped(terminal))
            self.assertIn("4 messages in 2 turns", terminal.enter("/tokens"))

    def test_ctrl_c_at_the_prompt_clears_the_line_and_twice_leaves(self):
        with self.terminal() as terminal:
            terminal.started()
            self.assertEqual(terminal.enter("not to be sent", CTRL_C), "")
            terminal.enter('"""not')
            self.assertEqual(terminal.enter("either", CTRL_C), "")
            self.assertIn("Ctrl-C once more", terminal.enter("", CTRL_C))
            self.assertIn("0 messages", terminal.enter("/tokens"))
            self.assertIn("Ctrl-C once more", terminal.enter("", CTRL_C))
            terminal.send(CTRL_C)
            self.assertEqual(terminal.ended(), 0)

    def test_ctrl_c_ends_no_chat_while_a_command_runs(self):
        with self.terminal() as terminal:
            terminal.started()
            text = "word " * 20000
            terminal.send(f"\x1b[200~/tokens {text}\x1b[201~\r")
            terminal.wait_for(READ)
            for _ in range(3):
                os.kill(terminal.pid, signal.SIGINT)
            self.assertIn("20001 tokens", plain(terminal.wait_for(READING)) + plain(terminal.wait_for(b"> ")))
            self.assertIn("0 messages", terminal.enter("/tokens"))

    def test_ctrl_d_leaves(self):
        with self.terminal() as terminal:
            terminal.started()
            terminal.send(CTRL_D)
            self.assertEqual(terminal.ended(), 0)

    def test_a_request_to_terminate_ends_the_program_with_the_terminal_as_it_was(self):
        for answers in (False, True):
            with self.subTest(answers=answers), self.terminal(*self.STORY) as terminal:
                before = termios.tcgetattr(terminal.fd)[3]
                terminal.started()
                if answers:
                    terminal.send("Tell me a long story about a dog.\r")
                    terminal.wait_for(READ)
                    terminal.wait_for(b" ")
                os.kill(terminal.pid, signal.SIGTERM)
                self.assertEqual(terminal.ended(), 128 + signal.SIGTERM)
                self.assertEqual(termios.tcgetattr(terminal.fd)[3], before)
                self.assertTrue(before & termios.ECHO)

    def test_a_stop_during_an_answer_leaves_one_prompt_behind_it(self):
        with self.terminal(*self.STORY) as terminal:
            terminal.started()
            terminal.send("Tell me a long story about a dog.\r")
            terminal.wait_for(READ)
            terminal.wait_for(b" ")
            for stop in (signal.SIGSTOP, signal.SIGCONT):
                os.kill(terminal.pid, stop)
            terminal.send(CTRL_C)
            terminal.wait_for(READING)
            terminal.send("/tokens\r")
            self.assertEqual(plain(terminal.wait_for(READ)).count("> "), 1)

    def test_a_window_may_change_its_size(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.send("hel")
            terminal.wait_for(b"hel")
            fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 30, 0, 0))
            terminal.enter("lo")
            self.assertEqual(self.saved(terminal)["messages"][0]["content"], "hello")


    def test_a_window_that_gets_smaller_than_the_line_does_no_harm(self):
        text = "a\U0001f642 long line " * 8
        for columns in (1, 2, 5, 9, 40):
            with self.subTest(columns), self.terminal("-n", "1") as terminal:
                terminal.started()
                for size in ((24, 200), (24, columns), (2, columns), (60, 120), (1, columns)):
                    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
                    terminal.send(text)
                    terminal.read_more(time.monotonic() + TIMEOUT_S)
                terminal.enter("")
                saved = self.saved(terminal, f"{columns}.json")
                self.assertEqual(saved["messages"][0]["content"], text * 5)


    def test_a_line_may_have_more_rows_than_the_window(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            for _ in range(6):
                terminal.send("x" * 300)
                terminal.wait_for(b"x" * 20)
            terminal.send("\x01/system " + "y" * 300 + "\x05" + "z" * 300)
            terminal.enter("")
            self.assertEqual(self.saved(terminal)["messages"][0]["content"], "y" * 300 + "x" * 1800 + "z" * 300)


class Commands(WithFolder):
    def test_help_lists_every_command(self):
        with self.terminal() as terminal:
            terminal.started()
            shown = terminal.enter("/help")
            for word in ("help", "system", "clear", "retry", "save", "load", "set", "think", "tokens", "stats", "exit"):
                self.assertIn(f"\n  /{word} ", "\n" + shown)
            self.assertLessEqual(max(map(len, shown.splitlines())), 80)

    def test_a_command_that_does_not_exist_is_answered_with_the_nearest(self):
        with self.terminal() as terminal:
            terminal.started()
            self.assertIn("no command /hlep; did you mean /help?", terminal.enter("/hlep"))
            self.assertIn("no command /etc/passwd; /help lists them", terminal.enter("/etc/passwd"))
            self.assertIn("/clear takes no argument, found 'all'", terminal.enter("/clear all"))
            self.assertIn("0 messages", terminal.enter("/tokens"))

    def test_two_slashes_send_a_message_with_one(self):
        with self.terminal("-n", "1") as terminal:
            terminal.started()
            terminal.enter("//help me")
            self.assertEqual(self.saved(terminal)["messages"][0]["content"], "/help me")

    def test_system_message_is_shown_set_sent_and_removed(self):
        with self.terminal("-n", "1", "--system", "You are a cat.") as terminal:
            terminal.started()
            self.assertIn("You are a cat.", terminal.enter("/system"))
            terminal.enter("/system You are a dog.")
            terminal.enter("Hello!")
            self.assertEqual([m["content"] for m in self.saved(terminal)["messages"][:2]],
                             ["You are a dog.", "Hello!"])
            with_it = int(re.search(r": (\d+) token", terminal.enter("/tokens")).group(1))
            terminal.enter("/system -")
            without = int(re.search(r": (\d+) token", terminal.enter("/tokens")).group(1))
            self.assertGreater(with_it, without)
            self.assertIn("no system message", terminal.enter("/system"))

    def test_a_loaded_system_message_may_have_parts(self):
        parts = [{"type": "text", "text": "Be kind."}]
        Path(self.path("parts.json")).write_text(json.dumps({"messages": [{"role": "system", "content": parts}]}))
        with self.terminal("--load", self.path("parts.json"), "-n", "1") as terminal:
            terminal.started()
            self.assertIn("Be kind.", terminal.enter("/system"))
            terminal.enter("Hello!")
            self.assertEqual(self.saved(terminal)["messages"][0]["content"], parts)

    def test_clear_keeps_the_system_message_alone(self):
        with self.terminal("-n", "1", "--system", "Be kind.") as terminal:
            terminal.started()
            self.assertIn("nothing to forget", terminal.enter("/clear"))
            terminal.enter("Hello!")
            self.assertIn("1 turn forgotten", terminal.enter("/clear"))
            self.assertEqual([m["role"] for m in self.saved(terminal)["messages"]], ["system"])

    def test_retry_answers_once_more_with_another_seed_unless_it_is_fixed(self):
        with self.terminal("-n", "24", "--temperature", "1.5") as terminal:
            terminal.started()
            self.assertIn("there is no message to answer yet", terminal.enter("/retry"))
            first = terminal.enter("Tell me a story.")
            self.assertNotEqual(terminal.enter("/retry"), first)
            self.assertIn("2 messages in 1 turn", terminal.enter("/tokens"))
            terminal.enter("/set seed 7")
            fixed = terminal.enter("/retry")
            self.assertEqual(terminal.enter("/retry"), fixed)
            self.assertIn("the seed is 7", fixed)

    def test_settings_are_shown_checked_and_obeyed(self):
        with self.terminal("--seed", "3") as terminal:
            terminal.started()
            shown = terminal.enter("/set")
            for name in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "frequency_penalty",
                         "presence_penalty", "seed", "max_tokens", "on_overflow", "stats"):
                self.assertRegex(shown, rf"(?m)^  {name} ")
            for typed, reply in (("temperature 0", "temperature is 0"), ("top-k = 5", "top_k is 5"),
                                 ("top_p 2", "top_p is 2; expected 0.0001 to 1"), ("top_p", "top_p is 0.95"),
                                 ("seed x", "seed is 'x'; expected an integer"), ("seed random", "seed is random"),
                                 ("tempature 1", "no setting tempature; did you mean temperature?"),
                                 ("= 1", "/set takes NAME VALUE, found '= 1'"),
                                 ("max_tokens 3", "max_tokens is 3"), ("on_overflow never", "expected one of stop, drop"),
                                 ("stats on", "stats is on"), ("stats maybe", "expected on or off")):
                self.assertIn(reply, terminal.enter(f"/set {typed}"))
            shown = terminal.enter("Hello!")
            self.assertIn("[cut at max_tokens 3]", shown)
            self.assertIn("answer 3 tokens", shown)
            expected = answer_of("Hello!", options=["--temperature", "0", "-n", "3"])
            self.assertTrue(shown.startswith(expected + "\n"))

    def test_tokens_of_a_text_are_shown(self):
        with self.terminal(environment={"NO_COLOR": "1"}) as terminal:
            terminal.started()
            shown = terminal.enter("/tokens hello world")
            ids = call("tokenize", MODEL, "--no-special", "--ids", stdin=b"hello world")[0].split()
            self.assertEqual(re.findall(r"(?m)^ *(\d+) ", shown)[:len(ids)], ids)
            self.assertIn(f"{len(ids)} tokens", shown)

    def test_exit_and_quit_leave(self):
        for word in ("/exit", "/quit"):
            with self.terminal() as terminal:
                terminal.started()
                terminal.send(word + "\r")
                self.assertEqual(terminal.ended(), 0)

    def test_a_saved_chat_goes_on_where_it_was(self):
        with self.terminal("--seed", "1", "--system", "Be kind.") as terminal:
            terminal.started()
            terminal.enter("/set top_k 40")
            terminal.enter("Hello!")
            saved = self.saved(terminal)
            next_answer = terminal.enter("What is your name?")
        self.assertEqual([m["role"] for m in saved["messages"]], ["system", "user", "assistant"])
        self.assertEqual((saved["settings"]["top_k"], saved["settings"]["seed"]), (40, 1))
        with self.terminal() as terminal:
            terminal.started()
            self.assertIn("1 turn loaded", terminal.enter(f"/load {self.path('saved.json')}"))
            self.assertEqual(terminal.enter("What is your name?"), next_answer)
            self.assertIn("saved to", terminal.enter("/save"))  # to the file it came from
        self.assertEqual(len(json.loads(Path(self.path("saved.json")).read_text())["messages"]), 5)
        output, _ = call("run", MODEL, "--load", self.path("saved.json"), "-p", "Thank you!", "--save",
                         self.path("more.json"))
        more = json.loads(Path(self.path("more.json")).read_text())
        self.assertEqual(more["messages"][-1]["content"], output.rstrip("\n"))
        self.assertEqual(len(more["messages"]), 7)
        self.assertEqual((more["settings"]["top_k"], more["settings"]["seed"]), (40, 1))
        output, _ = call("run", MODEL, "--load", self.path("saved.json"), "-p", "Hi", "--json", "--top-k", "0", "-n", "2")
        sampling = json.loads(output)["sampling"]  # what the call says wins
        self.assertEqual((sampling["top_k"], sampling["seed"], sampling["max_tokens"]), (0, 1, 2))

    def test_save_overwrites_no_other_file(self):
        Path(self.path("other.json")).write_text("mine")
        with self.terminal() as terminal:
            terminal.started()
            self.assertIn("/save needs a file", terminal.enter("/save"))
            self.assertIn("exists already", terminal.enter(f"/save {self.path('other.json')}"))
            self.assertIn("cannot create", terminal.enter(f"/save {self.path('no/folder.json')}"))
            for command in ("save", "load"):
                self.assertIn("File name too long", terminal.enter(f"/{command} {'x' * 300}"))
        self.assertEqual(Path(self.path("other.json")).read_text(), "mine")

    def test_load_refuses_what_it_cannot_keep_and_loses_nothing(self):
        hostile = {"[]": "expected an object", "{": "line 1 column 2", '{"messages": 1}': "messages",
                   '{"messages": [], "mesages": []}': "unknown name mesages; did you mean messages?",
                   '{"messages": [{"content": "x"}]}': "role", '{"settings": {}}': '"messages" is missing',
                   '{"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]}': "system",
                   '{"messages": [], "settings": {"top_p": 7}}': "top_p is 7; expected 0.0001 to 1",
                   '{"messages": [], "settings": {"topp": 1}}': "did you mean top_p?",
                   '{"messages": [], "settings": {"seed": "1"}}': "seed: found string, expected a number"}
        with self.terminal("-n", "2") as terminal:
            terminal.started()
            terminal.enter("Hello!")
            before = self.saved(terminal)
            for i, (text, reply) in enumerate(hostile.items()):
                Path(self.path(f"{i}.json")).write_text(text)
                self.assertIn(reply, terminal.enter(f"/load {self.path(f'{i}.json')}"))
            self.assertIn("absent.json", terminal.enter(f"/load {self.path('absent.json')}"))
            self.assertIn("/load needs a file", terminal.enter("/load"))
            self.assertEqual(self.saved(terminal), before)


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
    PROGRAM, MODEL = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
