"""The chat as its users meet it: `quandex run` on a terminal (a pty).

usage: chat_test.py PROGRAM MODEL [unittest arguments]; MODEL is the bundled one
"""

import fcntl
import json
import os
import re
import signal
import stat
import struct
import sys
import termios
import time
import unittest
from pathlib import Path

from chat_terminal import (
    MODEL, TIMEOUT_S, READING, READ, UP, CTRL_C, CTRL_D, ALT_ENTER, RECOMPUTED_AT_MOST, WithFolder, answer_of,
    call, plain,
)


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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
