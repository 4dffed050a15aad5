"""The API as a client without a library sees it: statuses, headers, errors, streams, keys, overload, drain.

usage: api_test.py QUANDEX MODEL
"""

import json
import select
import signal
import socket
import sys
import threading
import unittest

from served import Metrics, Served, wait_until

PROGRAM, MODEL = sys.argv[1:3]
HELLO = [{"role": "user", "content": "Tell me a story about a dog."}]
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


def events(body):
    """The JSON values of a stream of server-sent events, which must end with [DONE] unless it has an error."""
    pieces = body.decode().split("\n\n")
    assert pieces.pop() == "", body[-200:]
    assert all(piece.startswith("data: ") for piece in pieces), body[:400]
    values = [json.loads(piece[6:]) for piece in pieces if piece != "data: [DONE]"]
    assert pieces[-1] == "data: [DONE]" or "error" in values[-1], pieces[-1]
    return values


class Stream:
    """A request of which nothing has been read yet, on a connection of its own."""

    def __init__(self, server, path, body, timeout_s=60):
        data = json.dumps(body).encode()
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout_s)
        self.socket.sendall(f"POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
                            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)

    def read_some(self):
        return self.socket.recv(65536)

    def read_all(self):
        data = b""
        while piece := self.socket.recv(65536):
            data += piece
        return data

    def close(self):
        self.socket.close()


class ApiCase(unittest.TestCase):
    def check_error(self, answer, status, code=None, param=None, contains=()):
        """OpenAI's shape, whatever the path."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], "application/json")
        error = answer.json()["error"]
        self.assertEqual(list(error), ["message", "type", "param", "code"])
        self.assertIsInstance(error["message"], str)
        self.assertIsInstance(error["type"], str)
        for name in ("param", "code"):
            self.assertIsInstance(error[name], (str, type(None)))
        if code:
            self.assertEqual(error["code"], code, error)
        if param:
            self.assertEqual(error["param"], param, error)
        for text in contains:
            self.assertIn(text, error["message"])
        return error


class OneServer(ApiCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served(PROGRAM, MODEL, "--parallel", 4, "--alias", "my-model", "--explain-cache")
        cls.n_ctx = cls.server.get("/health").json()["seq_len"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def chat(self, **fields):
        answer = self.server.post(CHAT, {"messages": HELLO, "max_tokens": 8, "seed": 7, **fields})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_nothing_else_is_there(self):
        self.check_error(self.server.get("/nothing"), 404, "not_found")
        self.check_error(self.server.get("/v1/models/other"), 404, "model_not_found")
        self.check_error(self.server.get("/v1/chat"), 404)
        answer = self.server.get(CHAT)
        self.check_error(answer, 405)
        self.assertIn("POST", answer.headers["allow"])
        self.check_error(self.server.request("DELETE", "/v1/models"), 405)

    def test_a_body_must_be_json(self):
        for headers in ({}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}):
            self.check_error(self.server.post(CHAT, b"{}", headers), 415)
        for body in (b"", b"{", b"[]", b"nul", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}',
                     b'{"a":"\\ud800"}', b'{"a":1e999}', b"[" * 5000, b'{"a":1} x'):
            with self.subTest(body=body[:20]):
                self.check_error(self.server.post(CHAT, body, {"content-type": "Application/JSON; charset=utf-8"}), 400)

    def test_wrong_fields_are_named(self):
        for fields, param in (({"temperature": -1}, "temperature"), ({"n": 0}, "n"), ({"n": 1.5}, "n"),
                              ({"n": True}, "n"), ({"top_p": 1.1}, "top_p"), ({"temprature": 1}, "temprature"),
                              ({"messages": []}, "messages"), ({"max_tokens": 0}, "max_tokens"),
                              ({"response_format": {"type": "json_object"}}, "response_format.type"),
                              ({"tool_choice": "required"}, "tool_choice")):
            with self.subTest(fields=fields):
                self.check_error(self.server.post(CHAT, {"messages": HELLO, **fields}), 400, param=param)

    def test_the_model_has_its_names(self):
        for name in ("default", "quandex-tiny", "my-model", None):
            self.assertEqual(self.chat(model=name)["model"], "quandex-tiny")
        self.check_error(self.server.post(CHAT, {"messages": HELLO, "model": "gpt-4o"}), 404, "model_not_found", "model")
        self.assertEqual(self.server.get("/v1/models/my-model").json()["id"], "quandex-tiny")
        self.assertEqual([m["id"] for m in self.server.get("/v1/models").json()["data"]], ["quandex-tiny"])

    def test_too_long_a_prompt_is_refused_with_both_numbers(self):
        ids = [5] * (self.n_ctx + 1)
        self.check_error(self.server.post(TEXT, {"prompt": ids}), 400, "context_length_exceeded", "prompt",
                         (str(self.n_ctx + 1), str(self.n_ctx)))
        long = [{"role": "user", "content": "dog " * 3 * self.n_ctx}]
        self.check_error(self.server.post(CHAT, {"messages": long}), 400, "context_length_exceeded", "messages",
                         (str(self.n_ctx),))

    def test_max_tokens_is_clamped_to_the_context(self):
        prompt = [5] * (self.n_ctx - 3)
        answer = self.server.post(TEXT, {"prompt": prompt, "max_tokens": 10 ** 6, "ignore_eos": True}).json()
        self.assertEqual(answer["choices"][0]["finish_reason"], "length")
        self.assertEqual(answer["usage"]["completion_tokens"], 4)
        self.assertEqual(answer["quandex"]["sampling"]["max_tokens"], 4)

    def test_the_stream_is_the_answer(self):
        whole = self.chat(max_tokens=24, n=2)
        body = {"messages": HELLO, "max_tokens": 24, "seed": 7, "n": 2, "stream": True,
                "stream_options": {"include_usage": True}}
        answer = self.server.post(CHAT, body)
        self.assertTrue(answer.headers["content-type"].startswith("text/event-stream"))
        chunks = events(answer.body)
        texts = ["", ""]
        for chunk in chunks[:-1]:
            self.assertIsNone(chunk["usage"])
            for choice in chunk["choices"]:
                texts[choice["index"]] += choice["delta"].get("content") or ""
        self.assertEqual(texts, [choice["message"]["content"] for choice in whole["choices"]])
        self.assertEqual(chunks[-1]["choices"], [])
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], whole["usage"]["completion_tokens"])
        self.assertEqual(len({chunk["id"] for chunk in chunks}), 1)

    def test_each_token_is_flushed_by_itself(self):
        body = {"prompt": "Once upon a time", "max_tokens": 12, "seed": 3, "stream": True, "ignore_eos": True}
        chunks = events(self.server.post(TEXT, body).body)
        self.assertGreaterEqual(len([c for c in chunks if c["choices"] and c["choices"][0]["text"]]), 10)

    def test_a_second_turn_computes_only_what_is_new(self):
        messages = [{"role": "user", "content": "My name is Anna, and I have a boat that is red. " * 4}]
        first = self.server.post(CHAT, {"messages": messages, "max_tokens": 16, "seed": 1, "temperature": 0}).json()
        n_first = first["usage"]["prompt_tokens"]
        messages += [first["choices"][0]["message"], {"role": "user", "content": "What is my name?"}]
        for message in messages:
            message.pop("refusal", None)
        second = self.server.post(CHAT, {"messages": messages, "max_tokens": 4, "seed": 1}).json()
        self.assertGreaterEqual(second["usage"]["prompt_tokens_details"]["cached_tokens"], n_first - 32)
        self.assertGreater(second["usage"]["prompt_tokens"], n_first)

    def test_explain_cache_names_the_first_token_that_differs(self):
        stem = list(range(300, 400))
        self.server.post(TEXT, {"prompt": stem + [500] * 40, "max_tokens": 1})
        answer = self.server.post(TEXT, {"prompt": stem + [501] * 40, "max_tokens": 1}).json()
        report = answer["quandex"]["cache"]
        self.assertEqual(report["broke_at"], 100, report)
        self.assertEqual((report["token"], report["cached_token"]), (501, 500))
        self.assertIsInstance(report["text"], str)
        self.assertEqual(report["cached_tokens"], answer["usage"]["prompt_tokens_details"]["cached_tokens"])

    def test_several_choices_of_one_prompt_compute_it_once(self):
        prompt = [(i * 37) % 4000 + 10 for i in range(256)]
        before = Metrics(self.server)("engine_computed_tokens_total")
        self.server.post(TEXT, {"prompt": prompt, "n": 4, "max_tokens": 2, "ignore_eos": True})
        wait_until(lambda: Metrics(self.server)("sequences_running") == 0, "the choices have ended")
        computed = Metrics(self.server)("engine_computed_tokens_total") - before
        self.assertLess(computed, 256 + 4 * 34)

    def test_a_client_that_goes_cancels_its_request(self):
        for stream in (True, False):
            body = {"prompt": "Once", "max_tokens": 900, "stream": stream, "ignore_eos": True, "n": 3}
            client = Stream(self.server, TEXT, body)
            if stream:
                client.read_some()
            wait_until(lambda: Metrics(self.server)("sequences_running") >= 3, "the request runs")
            before = Metrics(self.server)("generation_requests_total", outcome="cancelled")
            client.close()
            wait_until(lambda: Metrics(self.server)("sequences_running") == 0, "the request has left")
            wait_until(lambda: Metrics(self.server)("generation_requests_total", outcome="cancelled") == before + 1,
                       "it counts as cancelled")

    def test_text_and_tokens_go_both_ways(self):
        text = "Once upon a time, there was a \U0001F436 dog."
        answer = self.server.post("/tokenize", {"prompt": text, "add_special": False})
        tokens = answer.json()["tokens"] if answer.status == 200 else self.fail(answer)
        self.assertEqual(self.server.post("/detokenize", {"tokens": tokens}).json()["content"], text)
        prompt = self.server.post("/apply-template", {"messages": HELLO}).json()["prompt"]
        self.assertIn(HELLO[0]["content"], prompt)
        of_chat = self.server.post("/tokenize", {"messages": HELLO}).json()
        self.assertEqual(of_chat["count"], self.chat()["usage"]["prompt_tokens"])

    def test_pieces_of_very_many_tokens_are_refused(self):
        text = "a\n" * 60_000
        answer = self.server.post("/tokenize", {"text": text, "with_pieces": True})
        self.check_error(answer, 400, "invalid_value", "with_pieces", contains=("120000", "100000"))
        self.assertEqual(self.server.post("/tokenize", {"text": text}).json()["count"], 120_000)

    def test_the_effective_parameters_come_back(self):
        sampling = self.chat(temperature=0.5, top_k=3)["quandex"]["sampling"]
        self.assertEqual((sampling["temperature"], sampling["top_k"], sampling["seed"], sampling["max_tokens"]),
                         (0.5, 3, 7, 8))

    def test_the_request_id_comes_back(self):
        answer = self.server.get("/health", {"x-request-id": "abc-123"})
        self.assertEqual(answer.headers["x-request-id"], "abc-123")
        self.assertRegex(self.server.get("/health").headers["x-request-id"], r"^req_[0-9a-f]{32}$")

    def test_head_and_options(self):
        answer = self.server.request("HEAD", "/health")
        self.assertEqual((answer.status, answer.body), (200, b""))
        answer = self.server.request("OPTIONS", CHAT)
        self.assertEqual(answer.status, 204)
        self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_the_page_says_how_to_call(self):
        page = self.server.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn(b"quandex-tiny", page.body)
        self.assertIn(f"127.0.0.1:{self.server.port}/v1".encode(), page.body)

    def test_the_document_lists_every_route(self):
        paths = self.server.get("/openapi.json").json()["paths"]
        for path in (CHAT, TEXT, "/v1/models", "/v1/models/{model}", "/tokenize", "/detokenize", "/apply-template",
                     "/health", "/metrics", "/openapi.json", "/"):
            self.assertIn(path, paths)

    def test_metrics_count_requests_and_tokens(self):
        before = Metrics(self.server)
        usage = self.chat()["usage"]
        after = Metrics(self.server)
        self.assertEqual(after("tokens_processed_total", type="generated") -
                         before("tokens_processed_total", type="generated"), usage["completion_tokens"])
        self.assertEqual(after("kv_cache_blocks_total"), after("kv_cache_blocks_used") +
                         after("kv_cache_blocks_free") + after("kv_cache_blocks_cached"))
        for name in ("time_to_first_token_seconds_count", "inter_token_latency_seconds_count",
                     "engine_step_duration_seconds_count", "generation_duration_seconds_count"):
            self.assertGreater(after(name), 0)
        self.assertGreater(after("memory_bandwidth_percent"), 0)


class Keys(ApiCase):
    def test_every_route_but_the_open_ones_needs_a_key(self):
        with Served(PROGRAM, MODEL, "--api-key", "first", environment={"QUANDEX_API_KEY": "second"}) as server:
            for method, path in (("GET", "/v1/models"), ("POST", CHAT), ("GET", "/metrics"), ("GET", "/nothing"),
                                 ("GET", "/openapi.json"), ("GET", "/v1/models?api_key=first")):
                for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic first"}):
                    answer = server.request(method, path, headers=headers)
                    self.check_error(answer, 401, "invalid_api_key")
                    self.assertEqual(answer.headers["www-authenticate"], "Bearer")
            for key in ("first", "second"):
                self.assertEqual(server.get("/v1/models", {"authorization": f"Bearer {key}"}).status, 200)
            for path in ("/health", "/"):
                self.assertEqual(server.get(path).status, 200)
            self.assertEqual(server.request("OPTIONS", CHAT).status, 204)
            self.assertNotIn("first", server.output())

    def test_pages_of_other_origins_may_call_only_where_allowed(self):
        origin = {"origin": "https://app.example"}
        with Served(PROGRAM, MODEL, "--cors", "https://app.example") as server:
            unread = server.post(TEXT, {"prompt": "Once", "colour": "red"}, origin)
            for answer in (server.get("/v1/models", origin), server.get("/nothing", origin), unread,
                           server.request("OPTIONS", CHAT, headers=origin)):
                self.assertEqual(answer.headers["access-control-allow-origin"], "https://app.example")
            for headers in ({"origin": "https://evil.example"}, {}):
                other = server.get("/v1/models", headers)
                self.assertNotIn("access-control-allow-origin", other.headers)
                self.assertEqual(other.headers["vary"], "Origin")

    def test_pages_may_send_the_headers_of_openais_client(self):
        names = "authorization, content-type, x-stainless-lang, x-stainless-retry-count"
        with Served(PROGRAM, MODEL, "--cors", "*") as server:
            asked = {"origin": "https://app.example", "access-control-request-method": "POST",
                     "access-control-request-headers": names}
            answer = server.request("OPTIONS", CHAT, headers=asked)
            self.assertEqual(answer.headers["access-control-allow-headers"], names)
            self.assertEqual(answer.headers["access-control-allow-origin"], "*")
            self.assertEqual(server.request("OPTIONS", "/v1/models").headers["allow"], "GET, HEAD, OPTIONS")


class Overload(ApiCase):
    def test_a_full_queue_answers_503_and_when_to_come_again(self):
        with Served(PROGRAM, MODEL, "--parallel", 1, "--queue", 1) as server:
            body = {"prompt": "Once", "max_tokens": 900, "stream": True, "ignore_eos": True}
            first = Stream(server, TEXT, body)
            first.read_some()
            second = Stream(server, TEXT, body)
            wait_until(lambda: Metrics(server)("sequences_waiting") == 1, "the second waits")
            answer = server.post(TEXT, {"prompt": "Once", "max_tokens": 1})
            error = self.check_error(answer, 503, "server_overloaded")
            self.assertEqual(error["type"], "server_error")
            self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
            first.close()
            second.close()
            wait_until(lambda: server.post(TEXT, {"prompt": "Once", "max_tokens": 1}).status == 200, "there is room")

    def test_more_choices_than_the_queue_can_ever_hold_are_the_clients_fault(self):
        with Served(PROGRAM, MODEL, "--parallel", 1, "--queue", 1) as server:
            answer = server.post(TEXT, {"prompt": "Once", "n": 3, "max_tokens": 1})
            self.check_error(answer, 400, "invalid_value", "n", contains=("3", "2"))
            answer = server.post(TEXT, {"prompt": ["Once", "Twice", "Thrice"], "max_tokens": 1})
            self.check_error(answer, 400, "invalid_value", "prompt")
            chat = server.post(CHAT, {"messages": HELLO, "n": 3, "max_tokens": 1})
            self.check_error(chat, 400, "invalid_value", "n")
            self.assertEqual(len(server.post(TEXT, {"prompt": "Once", "n": 2, "max_tokens": 1}).json()["choices"]), 2)

    def test_lenient_warns_of_unknown_fields(self):
        with Served(PROGRAM, MODEL, "--lenient") as server:
            answer = server.post(TEXT, {"prompt": "Once", "max_tokens": 1, "colour": "red"})
            self.assertEqual(answer.status, 200, answer)
            self.assertIn("colour", answer.headers["x-quandex-warning"])


class Drain(ApiCase):
    BODY = {"prompt": "Once", "max_tokens": 400, "stream": True, "ignore_eos": True}

    def test_live_streams_finish_and_new_requests_are_refused(self):
        server = Served(PROGRAM, MODEL, "--drain-seconds", 60)
        client = Stream(server, TEXT, self.BODY)
        first = client.read_some()
        idle = socket.create_connection(("127.0.0.1", server.port), 60)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(idle.recv(1), b"")  # idle connections are closed at once
        self.assertIn(b"data: [DONE]", first + client.read_all())
        server.process.wait(60)
        self.assertEqual(server.process.returncode, 0)

    def test_at_the_deadline_streams_end_with_an_error(self):
        server = Served(PROGRAM, MODEL, "--drain-seconds", 0)
        client = Stream(server, TEXT, self.BODY)
        first = client.read_some()
        server.process.send_signal(signal.SIGTERM)
        rest = first + client.read_all()
        if b"[DONE]" not in rest:  # it was quicker than the signal
            self.assertIn(b'"error"', rest)
            self.assertIn(b"shutting down", rest)
        server.process.wait(60)
        self.assertEqual(server.process.returncode, 0)


    def test_a_handler_at_work_keeps_what_it_uses(self):
        """Text that takes longer to tokenize than the server has. A sanitizer sees what is used too late."""
        server = Served(PROGRAM, MODEL, "--drain-seconds", 0)
        client = Stream(server, "/tokenize", {"text": "abc " * 1_000_000})
        wait_until(lambda: Metrics(server)("http_requests_in_flight") == 2 or select.select([client.socket], [], [], 0)[0],
                   "the text is there")
        server.stop()
        client.close()


class Logs(ApiCase):
    def test_lines_have_a_time_and_no_path_looks_like_another_key(self):
        with Served(PROGRAM, MODEL) as server:
            server.get("/x%22%20status=200")
            wait_until(lambda: "status=404" in server.output(), "the line is written")
            line = next(line for line in server.output().splitlines() if "status=404" in line)
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d quandex: info: \[http\] id=req_")
            self.assertIn(r'path="/x\" status=200" status=404', line)

    def test_requests_that_a_route_refuses_are_counted_as_its_own(self):
        with Served(PROGRAM, MODEL) as server:
            server.request("PUT", "/v1/models")
            server.request("OPTIONS", CHAT)
            for line in ('method="PUT",path="/v1/models",status="405"', 'method="OPTIONS",path="' + CHAT + '",status="204"'):
                wait_until(lambda: f"http_requests_total{{{line}}} 1" in server.get("/metrics").body.decode(), line)

    def test_prompts_are_logged_only_where_asked(self):
        secret = "xylophone zebra"
        for options, is_logged in (((), False), (("--log-prompts",), True)):
            with Served(PROGRAM, MODEL, *options) as server:
                server.post(TEXT, {"prompt": secret, "max_tokens": 1}, {"x-request-id": "id-77"})
                self.assertIn("id=id-77", server.output())
                self.assertEqual(secret in server.output(), is_logged)


class Many(ApiCase):
    def test_answers_do_not_depend_on_company(self):
        """Random traffic, chunked, preempted (7 blocks for 4 sequences) and out of the prefix cache."""
        bodies = [{"prompt": [(i * 31 + j * (i + 3)) % 4000 + 10 for j in range(10 + 23 * i)], "seed": i,
                   "temperature": 0.9, "max_tokens": 20, "ignore_eos": True, "logprobs": 1} for i in range(8)]
        with Served(PROGRAM, MODEL, "--parallel", 1) as server:
            alone = [server.post(TEXT, body).json()["choices"] for body in bodies]
        with Served(PROGRAM, MODEL, "--parallel", 4, "--ctx", 224) as server:
            health = server.get("/health").json()
        memory, n_blocks = health["memory"], health["kv_blocks"]["total"]
        n_bytes = memory["weights_bytes"] + memory["scratch_bytes"] + 15 * memory["kv_bytes"] // (2 * n_blocks)
        memory = f"{n_bytes // 1000}kB"
        with Served(PROGRAM, MODEL, "--parallel", 4, "--ctx", 224, "--max-step-ms", 5, "--memory", memory) as server:
            self.assertEqual(server.get("/health").json()["kv_blocks"]["total"], 7)
            answers = {}

            def ask(i):
                answers[i] = server.post(TEXT, bodies[i % 8]).json()["choices"]

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for i, choices in sorted(answers.items()):
                self.assertEqual(choices, alone[i % 8], i)
            self.assertGreater(Metrics(server)("preemptions_total"), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
