"""The official client from PyPI, unmodified, against `quandex start`.

usage: openai_client_test.py PROGRAM MODEL [unittest arguments]; MODEL is the bundled one
Exit status 77, skipped, where `openai` or `jsonschema` is not installed. Each answer and each chunk is checked against the
server's own OpenAPI document, and against OpenAI's where ../shared/data/api is there.
"""

import asyncio
import os
import signal
import sys
import tempfile
import unittest
from pathlib import Path

for name in [name for name in os.environ if name.startswith("OPENAI_")]:
    del os.environ[name]  # a user's own settings
try:
    import jsonschema  # noqa: F401
    import openai
except ImportError as error:
    print(f"skipped: the PyPI package {error.name} is not installed")
    sys.exit(77)
sys.path.insert(0, str(Path(__file__).parent))
import scripted_model as script  # noqa: E402
from api_documents import Documents  # noqa: E402
from served import Metrics, Served, wait_until  # noqa: E402

PROGRAM, MODEL = sys.argv[1:3]
KEY = "sk-scripted-1"
STREAM = "text/event-stream"
CHAT, TEXT = "/chat/completions", "/completions"
GREETING = [{"role": "user", "content": "Hello! How are you?"}]
STORY = [{"role": "system", "content": "You tell stories."}, {"role": "user", "content": "Tell me a story about a cat."}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


def setUpModule():
    global server, documents, folder, scripted
    server = Served(PROGRAM, MODEL)
    documents = Documents(server)
    folder = tempfile.TemporaryDirectory()
    scripted_file = script.write_scripted_model(os.path.join(folder.name, "scripted.gguf"))
    scripted = Served(PROGRAM, scripted_file, "--api-key", KEY, "--parallel", 1, "--queue", 1)


def tearDownModule():
    server.stop()
    scripted.stop()
    folder.cleanup()


def client_of(served, api_key="unused", **options):
    return openai.OpenAI(base_url=served.url + "/v1", api_key=api_key, **{"max_retries": 0, "timeout": 60, **options})


class Test(unittest.TestCase):
    served, api_key = "server", "unused"

    def setUp(self):
        self.client = client_of(globals()[self.served], self.api_key)
        self.addCleanup(self.client.close)

    def chat(self, messages=None, **options):
        """A whole answer."""
        answer = self.client.chat.completions.create(model="default", messages=messages or GREETING, **options)
        documents.check(answer.to_dict(), "post", CHAT)
        return answer

    def chunks(self, messages=None, **options):
        """The same as a stream, its chunks as a list."""
        stream = self.client.chat.completions.create(model="default", messages=messages or GREETING, stream=True,
                                                     **options)
        return self.checked(stream, CHAT)

    def checked(self, stream, path):
        chunks = list(stream)
        for chunk in chunks:
            documents.check(chunk.to_dict(), "post", path, media=STREAM)
        self.assertEqual(len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}), 1)
        return chunks

    def complete(self, prompt, **options):
        answer = self.client.completions.create(model="default", prompt=prompt, **options)
        documents.check(answer.to_dict(), "post", TEXT)
        return answer


def text_of(chunks, index=0):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index)


def ends_of(chunks):
    return [(choice.index, choice.finish_reason) for chunk in chunks for choice in chunk.choices if choice.finish_reason]


def ids_of(text, **options):
    return server.post("/tokenize", {"content": text, "add_special": False, **options}).json()["tokens"]


class Chat(Test):
    def test_an_answer_has_text_a_reason_and_real_counts(self):
        answer = self.chat(seed=1, max_tokens=40)
        self.assertEqual(answer.object, "chat.completion")
        self.assertRegex(answer.id, r"^chatcmpl-\w+")
        choice = answer.choices[0]
        self.assertEqual((len(answer.choices), choice.index, choice.message.role), (1, 0, "assistant"))
        self.assertGreater(len(choice.message.content), 0)
        prompt = server.post("/apply-template", {"messages": GREETING}).json()["prompt"]
        self.assertEqual(answer.usage.prompt_tokens, len(ids_of(prompt)))
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        n_text = len(ids_of(choice.message.content))
        if choice.finish_reason == "length":
            self.assertEqual(answer.usage.completion_tokens, 40)
        else:
            self.assertGreaterEqual(answer.usage.completion_tokens, n_text)  # and the token that ended it
        self.assertEqual(answer.model, self.client.models.list().data[0].id)

    def test_a_stream_has_the_text_of_the_whole_answer_with_that_seed(self):
        for seed in (1, 2, 3):
            whole = self.chat(STORY, seed=seed, max_tokens=60, temperature=1.0)
            chunks = self.chunks(STORY, seed=seed, max_tokens=60, temperature=1.0)
            self.assertEqual(text_of(chunks), whole.choices[0].message.content)
            self.assertEqual(ends_of(chunks), [(0, whole.choices[0].finish_reason)])
            self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
            self.assertGreater(len(chunks), 10)

    def test_the_usage_of_a_stream_is_that_of_the_whole_answer(self):
        whole = self.chat(seed=4, max_tokens=20)
        chunks = self.chunks(seed=4, max_tokens=20, stream_options={"include_usage": True})
        self.assertEqual([chunk.usage for chunk in chunks[:-1]], [None] * (len(chunks) - 1))
        self.assertEqual(chunks[-1].choices, [])
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            self.assertEqual(getattr(chunks[-1].usage, name), getattr(whole.usage, name))
        self.assertTrue(all(chunk.usage is None for chunk in self.chunks(max_tokens=2)))

    def test_a_seed_decides_the_answer_and_none_leaves_it_open(self):
        tell = lambda **options: self.chat(STORY, max_tokens=30, temperature=1.0, **options).choices[0].message.content
        self.assertEqual(tell(seed=7), tell(seed=7))
        self.assertEqual(len({tell(seed=seed) for seed in range(4)}), 4)
        self.assertGreater(len({tell() for _ in range(4)}), 1)

    def test_several_choices_differ_and_are_counted_together(self):
        answer = self.chat(STORY, n=3, seed=5, max_tokens=24, temperature=1.0)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        texts = [choice.message.content for choice in answer.choices]
        self.assertEqual(len(set(texts)), 3)
        self.assertLessEqual(answer.usage.completion_tokens, 3 * 24)
        self.assertGreater(answer.usage.completion_tokens, 24)
        chunks = self.chunks(STORY, n=3, seed=5, max_tokens=24, temperature=1.0)
        self.assertEqual([text_of(chunks, index) for index in range(3)], texts)
        self.assertEqual(sorted(ends_of(chunks)), [(choice.index, choice.finish_reason) for choice in answer.choices])

    def test_stop_strings_end_the_text_before_them(self):
        whole = self.chat(STORY, seed=8, max_tokens=50).choices[0].message.content
        for stop in (whole[20:23], [whole[30:36], "never written"]):
            first = min(whole.index(text) for text in ([stop] if isinstance(stop, str) else stop) if text in whole)
            answer = self.chat(STORY, seed=8, max_tokens=50, stop=stop).choices[0]
            self.assertEqual((answer.message.content, answer.finish_reason), (whole[:first], "stop"))
            self.assertEqual(text_of(self.chunks(STORY, seed=8, max_tokens=50, stop=stop)), whole[:first])

    def test_log_probabilities_belong_to_the_text(self):
        answer = self.chat(STORY, temperature=0, logprobs=True, top_logprobs=4, max_tokens=12).choices[0]
        content = answer.logprobs.content
        n_text = len(answer.message.content.encode())
        self.assertEqual(bytes(byte for token in content for byte in token.bytes)[:n_text].decode(),
                         answer.message.content)
        for token in content:
            scores = [other.logprob for other in token.top_logprobs]
            self.assertEqual((len(scores), scores), (4, sorted(scores, reverse=True)))
            self.assertEqual((token.token, token.logprob), (token.top_logprobs[0].token, scores[0]))
            self.assertLessEqual(token.logprob, 0)
        chunks = self.chunks(STORY, temperature=0, logprobs=True, top_logprobs=4, max_tokens=12)
        streamed = [token for chunk in chunks for choice in chunk.choices if choice.logprobs
                    for token in choice.logprobs.content]
        self.assertEqual(streamed, content)
        self.assertIsNone(self.chat(max_tokens=1).choices[0].logprobs)

    def test_biases_forbid_and_force_tokens(self):
        plain = self.chat(STORY, temperature=0, max_tokens=1).choices[0].message.content
        first = ids_of(plain)[0]
        other = self.chat(STORY, temperature=0, max_tokens=1, logit_bias={str(first): -100}).choices[0].message.content
        self.assertNotEqual(other, plain)
        (cat,) = ids_of(" cat")
        forced = self.chat(STORY, max_tokens=3, logit_bias={str(cat): 100}).choices[0].message.content
        self.assertEqual(forced.strip(), "cat cat cat")

    def test_both_names_of_the_limit_cut_the_answer(self):
        for name in ("max_tokens", "max_completion_tokens"):
            answer = self.chat(STORY, seed=1, **{name: 3})
            self.assertEqual((answer.usage.completion_tokens, answer.choices[0].finish_reason), (3, "length"))

    def test_the_second_turn_reuses_the_first(self):
        talk = STORY + [{"role": "user", "content": "One with a dog in a garden, please, and with a happy end. " * 4}]
        first = self.chat(talk, seed=3, max_tokens=60)
        turn = talk + [{"role": "assistant", "content": first.choices[0].message.content},
                       {"role": "user", "content": "Thank you!"}]
        second = self.chat(turn, seed=3, max_tokens=4)
        cached = second.usage.prompt_tokens_details.cached_tokens
        self.assertGreater(cached, first.usage.prompt_tokens // 2)
        self.assertLess(cached, second.usage.prompt_tokens)

    def test_content_may_come_in_parts(self):
        parts = [{"role": "user", "content": [{"type": "text", "text": "Hello!"}, {"type": "text", "text": " How are you?"}]}]
        self.assertEqual(self.chat(parts, temperature=0, max_tokens=8).usage.prompt_tokens,
                         self.chat(GREETING, temperature=0, max_tokens=8).usage.prompt_tokens)

    def test_the_helpers_of_the_client_work(self):
        with self.client.chat.completions.with_streaming_response.create(
                model="default", messages=GREETING, stream=True, max_tokens=3) as response:
            self.assertTrue(response.headers["content-type"].startswith(STREAM))
            self.assertIn("data: [DONE]", list(response.iter_lines()))
        raw = self.client.chat.completions.with_raw_response.create(
            model="default", messages=GREETING, max_tokens=1, extra_headers={"x-request-id": "mine-1"})
        self.assertEqual(raw.headers["x-request-id"], "mine-1")
        self.assertTrue(self.chat(max_tokens=1)._request_id)
        with self.client.chat.completions.stream(model="default", messages=GREETING, temperature=0) as stream:
            text = "".join(event.delta for event in stream if event.type == "content.delta")
            self.assertEqual(stream.get_final_completion().choices[0].message.content, text)


class Completions(Test):
    def test_text_goes_on_and_a_stream_goes_on_alike(self):
        answer = self.complete("Once upon a time", seed=1, max_tokens=16)
        self.assertEqual((answer.object, answer.usage.completion_tokens), ("text_completion", 16))
        self.assertEqual(answer.choices[0].finish_reason, "length")
        stream = self.client.completions.create(model="default", prompt="Once upon a time", seed=1, max_tokens=16,
                                                stream=True)
        chunks = self.checked(stream, TEXT)
        self.assertEqual("".join(choice.text for chunk in chunks for choice in chunk.choices), answer.choices[0].text)

    def test_sixteen_tokens_are_the_default(self):
        self.assertEqual(self.complete("Once upon a time", seed=1).usage.completion_tokens, 16)

    def test_prompts_may_be_texts_or_tokens_and_many(self):
        prompts = ["Once upon a time", "The dog", "A small boat on the"]
        alone = [self.complete(prompt, temperature=0, max_tokens=8).choices[0].text for prompt in prompts]
        self.assertEqual([choice.text for choice in self.complete(prompts, temperature=0, max_tokens=8).choices], alone)
        tokens = [server.post("/tokenize", {"content": prompt}).json()["tokens"] for prompt in prompts]
        self.assertEqual(self.complete(tokens[0], temperature=0, max_tokens=8).choices[0].text, alone[0])
        self.assertEqual([choice.text for choice in self.complete(tokens, temperature=0, max_tokens=8).choices], alone)
        several = self.complete(prompts, seed=2, n=2, max_tokens=8)
        self.assertEqual([choice.index for choice in several.choices], list(range(6)))

    def test_an_echo_comes_first_and_its_tokens_are_scored(self):
        prompt = "Once upon a time, there was"
        answer = self.complete(prompt, temperature=0, max_tokens=4, echo=True, logprobs=2).choices[0]
        plain = self.complete(prompt, temperature=0, max_tokens=4, logprobs=2).choices[0]
        self.assertEqual(answer.text, prompt + plain.text)
        scores = answer.logprobs
        self.assertEqual("".join(scores.tokens), answer.text)
        self.assertEqual([answer.text.index(token, at) for token, at in zip(scores.tokens, scores.text_offset)],
                         scores.text_offset)
        self.assertEqual((scores.token_logprobs[0], scores.top_logprobs[0]), (None, None))
        self.assertTrue(all(score <= 0 for score in scores.token_logprobs[1:]))
        self.assertEqual(scores.token_logprobs[-4:], plain.logprobs.token_logprobs)
        self.assertTrue(all(2 <= len(top) <= 3 for top in scores.top_logprobs[1:]))
        nothing = self.complete(prompt, max_tokens=0, echo=True, logprobs=0).choices[0]
        self.assertEqual((nothing.text, len(nothing.logprobs.tokens)), (prompt, len(ids_of(prompt))))


class Models(Test):
    def test_the_served_model_is_listed_and_found_by_its_name(self):
        (model,) = self.client.models.list().data
        documents.check(self.client.models.list().to_dict(), "get", "/models")
        found = self.client.models.retrieve(model.id)
        documents.check(found.to_dict(), "get", "/models/{model}")
        self.assertEqual((found.id, found.object), (model.id, "model"))
        self.assertEqual(self.client.chat.completions.create(model=model.id, messages=GREETING, max_tokens=1).model,
                         model.id)

    def test_other_names_are_not_found(self):
        for call in (lambda: self.client.models.retrieve("gpt-4o"),
                     lambda: self.client.chat.completions.create(model="gpt-4o", messages=GREETING),
                     lambda: self.client.completions.create(model="gpt-4o", prompt="Hello")):
            with self.assertRaises(openai.NotFoundError) as caught:
                call()
            self.assertEqual((caught.exception.code, caught.exception.type), ("model_not_found", "invalid_request_error"))
            self.assertIn("gpt-4o", str(caught.exception))


class Errors(Test):
    def refused(self, kind, messages=None, **options):
        with self.assertRaises(kind) as caught:
            self.client.chat.completions.create(model="default", messages=GREETING if messages is None else messages,
                                                **options)
        error = caught.exception
        documents.check(error.response.json(), "post", CHAT, error.status_code)
        return error

    def test_what_cannot_be_honoured_is_refused_by_name(self):
        image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
        for param, options in (
                ("temperature", {"temperature": -1}), ("top_p", {"top_p": 1.5}), ("n", {"n": 0}),
                ("max_tokens", {"max_tokens": 0}), ("messages", {"messages": []}), ("seed", {"seed": 1.5}),
                ("messages[0].role", {"messages": [{"role": "robot", "content": "Hello"}]}),
                ("messages[0].content", {"messages": [{"role": "user", "content": image}]}),
                ("no_such_field", {"extra_body": {"no_such_field": 1}}), ("top_logprobs", {"top_logprobs": 3}),
                ("response_format", {"response_format": {"type": "json_object"}}), ("tools", {"tools": TOOLS}),
                ("logit_bias", {"logit_bias": {"99999": 1}})):
            with self.subTest(param):
                error = self.refused(openai.BadRequestError, **options)
                self.assertEqual(error.type, "invalid_request_error")
                self.assertTrue((error.param or "").startswith(param), f"{error.param}: {error}")

    def test_a_prompt_over_the_context_is_told_with_both_numbers(self):
        error = self.refused(openai.BadRequestError, [{"role": "user", "content": "cat " * 3000}])
        self.assertEqual((error.code, error.param), ("context_length_exceeded", "messages"))
        self.assertRegex(str(error), r"1024.*\d{4}|\d{4}.*1024")

    def test_an_answer_ends_where_the_context_does(self):
        prompt = ids_of("cat " * 500)[:1000]
        answer = self.complete(prompt, max_tokens=5000, extra_body={"ignore_eos": True})
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertIn(answer.usage.total_tokens, (1024, 1025))  # the last token needs no place, since none follows

    def test_a_body_over_the_limit_is_refused_with_413(self):
        error = self.refused(openai.APIStatusError, [{"role": "user", "content": "x" * (17 << 20)}])
        self.assertEqual(error.status_code, 413)

    def test_a_wrong_path_and_method_have_errors_of_the_same_shape(self):
        for method, path, status in (("GET", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405)):
            answer = server.request(method, path)
            self.assertEqual((answer.status, set(answer.json()["error"])), (status, {"message", "type", "param", "code"}))


class Cancelling(Test):
    """Of eight choices of about 980 tokens, which take a second or more, only some are made once the client has gone."""

    ENDLESS = {"model": "default", "messages": STORY, "n": 8, "seed": 1, "extra_body": {"ignore_eos": True}}

    def is_idle(self):
        now = Metrics(server)
        return now("sequences_running") + now("sequences_waiting") == 0

    def cancelled(self, action):
        before = Metrics(server)
        action()
        wait_until(lambda: Metrics(server)("generation_requests_total", outcome="cancelled")
                   > before("generation_requests_total", outcome="cancelled"), "the request is cancelled")
        wait_until(self.is_idle, "the request has left the engine")
        self.assertLess(Metrics(server)("engine_computed_tokens_total") - before("engine_computed_tokens_total"), 8 * 900)

    def test_a_stream_that_its_client_leaves_is_cancelled(self):
        def leave():
            stream = self.client.chat.completions.create(**self.ENDLESS, stream=True)
            next(iter(stream))
            stream.close()

        self.cancelled(leave)

    def test_an_answer_that_its_client_gave_up_is_cancelled(self):
        async def give_up():
            async with openai.AsyncOpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0) as client:
                task = asyncio.create_task(client.chat.completions.create(**self.ENDLESS))
                while self.is_idle() and not task.done():
                    await asyncio.sleep(0.01)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task

        self.cancelled(lambda: asyncio.run(give_up()))

    def test_a_timeout_of_the_client_is_told_as_one(self):
        with self.assertRaises(openai.APITimeoutError):
            self.client.with_options(timeout=0.1).chat.completions.create(**self.ENDLESS)
        wait_until(self.is_idle, "the request has left the engine")


class Async(unittest.TestCase):
    def test_many_at_once_get_what_each_gets_alone(self):
        async def ask(client, seed, streams):
            options = {"model": "default", "messages": STORY, "seed": seed, "max_tokens": 30}
            if not streams:
                return (await client.chat.completions.create(**options)).choices[0].message.content
            return text_of([chunk async for chunk in await client.chat.completions.create(**options, stream=True)])

        async def together():
            async with openai.AsyncOpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0) as client:
                alone = [await ask(client, seed, False) for seed in range(8)]
                many = await asyncio.gather(*(ask(client, seed % 8, seed >= 8) for seed in range(16)))
                self.assertEqual(many, alone * 2)
                task = asyncio.create_task(ask(client, 1, False))
                await asyncio.sleep(0)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertEqual(await ask(client, 3, True), alone[3])

        asyncio.run(together())


class Scripted(Test):
    """A model that thinks, calls a tool, and speaks once it has the tool's answer; behind a key."""

    served, api_key = "scripted", KEY
    QUESTION = [{"role": "user", "content": "How is the weather in Paris?"}]

    def test_calls_of_tools_are_parsed(self):
        answer = self.chat(self.QUESTION, tools=TOOLS)
        (choice,) = answer.choices
        self.assertEqual((choice.finish_reason, choice.message.content or ""), ("tool_calls", ""))
        self.assertEqual(choice.message.reasoning_content, script.THOUGHT)
        (call,) = choice.message.tool_calls
        self.assertEqual((call.type, call.function.name), ("function", script.CALL_NAME))
        self.assertEqual(call.function.arguments, script.CALL_ARGUMENTS)
        self.assertEqual(answer.usage.completion_tokens, len(script.CALLS))
        self.assertTrue(call.id)

    def test_streamed_calls_are_the_same(self):
        chunks = self.chunks(self.QUESTION, tools=TOOLS)
        calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
        self.assertEqual((calls[0].index, calls[0].function.name), (0, script.CALL_NAME))
        self.assertTrue(calls[0].id)
        self.assertEqual("".join(call.function.arguments or "" for call in calls), script.CALL_ARGUMENTS)
        thought = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks)
        self.assertEqual((thought, text_of(chunks), ends_of(chunks)), (script.THOUGHT, "", [(0, "tool_calls")]))

    def test_the_answer_of_a_tool_leads_to_text(self):
        call = self.chat(self.QUESTION, tools=TOOLS).choices[0].message
        talk = self.QUESTION + [call.to_dict(exclude_none=True) if hasattr(call, "to_dict") else call, {
            "role": "tool", "tool_call_id": call.tool_calls[0].id, "content": '{"sky": "clear"}'}]
        answer = self.chat(talk, tools=TOOLS).choices[0]
        self.assertEqual((answer.message.content, answer.finish_reason), ("".join(script.SAYS[:-1]), "stop"))
        self.assertIsNone(answer.message.tool_calls)

    def test_tool_choice_none_offers_no_tool(self):
        choice = self.chat(self.QUESTION, tools=TOOLS, tool_choice="none").choices[0]
        self.assertEqual((choice.finish_reason, choice.message.tool_calls), ("stop", None))

    def test_what_needs_constrained_decoding_is_refused(self):
        for wanted in ("required", {"type": "function", "function": {"name": "get_weather"}}):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.chat(self.QUESTION, tools=TOOLS, tool_choice=wanted)
            self.assertTrue(caught.exception.param.startswith("tool_choice"))

    def test_tokens_are_those_of_the_script(self):
        options = {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}, "logprobs": True}
        choice = self.chat(self.QUESTION, **options).choices[0]
        self.assertEqual([token.token for token in choice.logprobs.content][:len(script.SAYS) - 1], script.SAYS[:-1])
        self.assertTrue(all(-1e-3 < token.logprob <= 0 for token in choice.logprobs.content))
        stopped = self.chat(self.QUESTION, **options, stop=["n the ci"]).choices[0]  # begins and ends within tokens
        self.assertEqual(stopped.message.content, "It is sunny i")
        pieces = [choice.delta.content for chunk in self.chunks(self.QUESTION, **options, stop=["n the ci"])
                  for choice in chunk.choices if choice.delta.content]
        self.assertEqual("".join(pieces), "It is sunny i")

    def test_a_full_queue_is_told_and_the_client_tries_again(self):
        """One request runs, one waits, and there is no place for a third."""
        long = {"model": "default", "prompt": "day", "max_tokens": 3900, "extra_body": {"ignore_eos": True}}
        short = {"model": "default", "prompt": "day", "max_tokens": 1}

        async def until(what, task):
            while Metrics(scripted, {"authorization": f"Bearer {KEY}"})(f"sequences_{what}") == 0:
                self.assertFalse(task.done())
                await asyncio.sleep(0.005)

        async def ask():
            async with openai.AsyncOpenAI(base_url=scripted.url + "/v1", api_key=KEY, max_retries=0) as client:
                tasks = []
                for what in ("running", "waiting"):
                    tasks.append(asyncio.create_task(client.completions.create(**long)))
                    await until(what, tasks[-1])
                with self.assertRaises(openai.InternalServerError) as caught:
                    await client.completions.create(**short)
                again = asyncio.create_task(client.with_options(max_retries=10).completions.create(**short))
                for task in tasks:
                    task.cancel()
                self.assertEqual((await again).usage.completion_tokens, 1)
                return caught.exception

        error = asyncio.run(ask())
        self.assertEqual(error.status_code, 503)
        self.assertGreater(int(error.response.headers["retry-after"]), 0)
        documents.check(error.response.json(), "post", TEXT, 503)

    def test_without_the_key_nothing_is_told(self):
        for api_key in ("sk-wrong", KEY + "x", KEY[:-1]):
            with client_of(scripted, api_key) as client:
                for call in (client.models.list, lambda: client.chat.completions.create(
                        model="default", messages=GREETING, max_tokens=1)):
                    with self.assertRaises(openai.AuthenticationError) as caught:
                        call()
                    self.assertIn("www-authenticate", caught.exception.response.headers)
                    self.assertNotIn(api_key, str(caught.exception))
        self.assertEqual(scripted.get("/health").status, 200)
        self.assertEqual(scripted.get("/metrics").status, 401)
        self.assertEqual(scripted.get(f"/v1/models?api_key={KEY}").status, 401)


class Ending(unittest.TestCase):
    def stream_until_signal(self, *options):
        """What a stream brings whose server is told to end behind its first chunk: text, and the error at its end."""
        with Served(PROGRAM, MODEL, *options) as ending, client_of(ending) as client:
            stream = client.chat.completions.create(model="default", messages=STORY, seed=1, max_tokens=300, stream=True,
                                                    extra_body={"ignore_eos": True})
            chunks, error = [next(iter(stream))], None
            ending.process.send_signal(signal.SIGTERM)
            try:
                chunks += list(stream)
            except openai.APIError as caught:
                error = caught
            ending.process.wait(60)
            return text_of(chunks), ends_of(chunks), error

    def test_answers_under_way_are_finished_when_the_server_ends(self):
        text, ends, error = self.stream_until_signal()
        with client_of(server) as client:
            whole = client.chat.completions.create(model="default", messages=STORY, seed=1, max_tokens=300,
                                                   extra_body={"ignore_eos": True})
        self.assertEqual((text, ends, error), (whole.choices[0].message.content, [(0, "length")], None))

    def test_what_is_not_finished_in_time_ends_with_an_error(self):
        _, ends, error = self.stream_until_signal("--backend", "reference", "--drain-seconds", 0)
        self.assertEqual(ends, [])
        self.assertIsNotNone(error)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
