"""Clients of the load test: requests with known answers, and connections that behave as well or as badly as told.
asyncio over plain sockets, so that one process keeps up with a server, and nothing but Python.
"""

import asyncio
import json
import socket
import struct

WORDS = ("the a one old little big red happy cat dog boat garden house river tree friend girl boy mother king went saw "
         "found said told loved ran and but then because with under over near day night story").split()


class Request:
    """One request of the pool and, once it has been asked alone, what every answer to it must be."""

    def __init__(self, path, body):
        self.path, self.body = path, body
        self.streams = body.get("stream", False)
        self.expected = None

    def bytes(self, more_headers=""):
        body = json.dumps(self.body).encode()
        return (f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{more_headers}"
                f"content-length: {len(body)}\r\n\r\n").encode() + body


def make_pool(n, rng, longest_words):
    """Prompts of many lengths, some with a long beginning in common; few and many tokens, every way of sampling. What the
    requests have in common is a seed, or temperature 0, so that they have one answer."""
    text = lambda n_words: " ".join(rng.choice(WORDS) for _ in range(n_words))
    common = [text(longest_words // 2) for _ in range(2)]
    pool = []
    for i in range(n):
        n_words = int(longest_words ** rng.uniform(0.2, 1)) // (1 if i % 2 else 2)
        prompt = (rng.choice(common) + " " if i % 3 == 0 else "") + text(max(2, n_words // (2 if i % 3 == 0 else 1)))
        body = {"model": "default", "seed": i, "max_tokens": rng.choice((1, 8, 24, 24, 60, 120)), "stream": rng.random() < 0.6,
                "temperature": rng.choice((0, 0.7, 1, 1)), "ignore_eos": rng.random() < 0.5}
        if rng.random() < 0.3:
            body.update(top_p=0.9, presence_penalty=0.5, top_k=40)
        if rng.random() < 0.2:
            body["n"] = 2
        if rng.random() < 0.3:
            body["stop"] = [rng.choice((" and", ".", " the"))]
        if body["stream"]:
            body["stream_options"] = {"include_usage": True}
        if rng.random() < 0.7:
            if rng.random() < 0.5:
                body.update(logprobs=True, top_logprobs=2)
            pool.append(Request("/v1/chat/completions", {**body, "messages": [{"role": "user", "content": prompt}]}))
        else:
            if rng.random() < 0.5:
                body["logprobs"] = 2
            pool.append(Request("/v1/completions", {**body, "prompt": prompt}))
    return pool


def content_of(request, body):
    """What an answer says, the same for a stream as for a whole answer: for each choice its text, the reason of its end
    and the numbers of its tokens, bit for bit; and the tokens of the prompt and of the answer."""
    if not request.streams:
        events = [json.loads(body)]
    else:
        lines = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line.startswith("data: ")]
        if not lines or lines[-1] != "[DONE]":
            raise AssertionError(f"a stream without an end: …{body[-300:]!r}")
        events = [json.loads(line) for line in lines[:-1]]
    texts, ends, scores, usage = {}, {}, {}, None
    for event in events:
        if "error" in event:
            raise AssertionError(f"an error in a stream: {event}")
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            index = choice["index"]
            part = choice.get("message") or choice.get("delta") or {}
            texts[index] = texts.get(index, "") + (choice.get("text") or part.get("content") or "")
            if choice.get("finish_reason"):
                ends[index] = choice["finish_reason"]
            found = choice.get("logprobs") or {}
            scores.setdefault(index, []).extend(
                [(token["token"], token["logprob"], [(top["token"], top["logprob"]) for top in token["top_logprobs"]])
                 for token in found.get("content") or []] or
                list(zip(found.get("tokens", []), found.get("token_logprobs", []))))
    if usage["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"]:
        raise AssertionError(f"more tokens are cached than can be: {usage}")
    return {"choices": [(index, texts[index], ends.get(index), scores[index]) for index in sorted(texts)],
            "tokens": (usage["prompt_tokens"], usage["completion_tokens"])}


class Connection:
    """One connection; `read_answer` takes one whole answer of it."""

    def __init__(self, port, timeout_s):
        self.port, self.timeout_s = port, timeout_s

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20), self.timeout_s)
        return self

    async def __aexit__(self, kind, error, trace):
        self.writer.close()

    def reset(self):
        """Closes without goodbye, as a client that is killed may."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()

    async def send(self, data):
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), self.timeout_s)

    async def read_answer(self, on_piece=None):
        """(status, headers, body); `on_piece` is awaited between the pieces of a body."""
        try:
            return await asyncio.wait_for(self._read_answer(on_piece), self.timeout_s)
        except asyncio.TimeoutError:
            raise AssertionError(f"no whole answer within {self.timeout_s} s") from None

    async def _read_answer(self, on_piece):
        line = (await self.reader.readuntil(b"\r\n")).decode("latin-1")
        if not line.startswith("HTTP/1."):
            raise AssertionError(f"no answer of HTTP: {line!r}")
        status, headers = int(line.split()[1]), {}
        while (line := (await self.reader.readuntil(b"\r\n")).decode("latin-1").strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") != "chunked":
            return status, headers, await self.reader.readexactly(int(headers.get("content-length", 0)))
        body = bytearray()
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            if await self.reader.readexactly(2) != b"\r\n":
                raise AssertionError("a chunk has another length than it says")
            if on_piece:
                await on_piece()
        await self.reader.readexactly(2)
        return status, headers, bytes(body)


GONE = (ConnectionError, asyncio.IncompleteReadError)


def random_garbage(rng):
    """Bytes that are no request, or one that must be refused."""
    kind = rng.randrange(9)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 2000))
    if kind == 1:
        return b"GET " + b"/" * rng.randrange(30000, 60000) + b" HTTP/1.1\r\nhost: a\r\n\r\n"
    if kind == 2:
        return b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 20000 + b"\r\n"
    if kind == 3:
        return b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nnothex\r\n"
    if kind == 4:
        return b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n"
    if kind == 5:
        return b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n{"
    if kind == 6:
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    if kind == 7:
        return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200)  # the beginning of TLS
    body = rng.choice((b'{"model": "default", "messages": [', b"[" * 5000, b"\xff\xfe{}", b'{"messages": NaN}',
                       b'{"prompt": "a", "prompt": "b"}', b'{"prompt": "\xed\xa0\x80"}', b'{"prompt": 7}'))
    return (b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: "
            + str(len(body)).encode() + b"\r\n\r\n" + body)
