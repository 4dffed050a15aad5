"""What bench/serve.py sends and measures: prompts, one streamed request over a plain socket, arrivals of many, and their
figures. Nothing but Python.
"""

import asyncio
import bisect
import json
import math
import random
import time

WORDS = ("the a one old little big red happy cat dog boat garden house river tree friend girl boy mother king went saw "
         "found said told loved ran and but then because with under over near day night story").split()


def make_prompt(seed, n_words):
    """Text of our own that begins otherwise for each seed, so that no cache of prefixes helps anybody."""
    rng = random.Random(seed)
    return f"{seed} " + " ".join(rng.choice(WORDS) for _ in range(n_words - 1))


def mixed_lengths(rng, n, shortest, longest):
    """Numbers of words, uniform in their logarithm: many short prompts, some long ones."""
    return [round(math.exp(rng.uniform(math.log(shortest), math.log(longest)))) for _ in range(n)]


class Target:
    """A server under measurement. `body` is what it needs to generate exactly max_tokens."""

    def __init__(self, name, version, port, body, host="127.0.0.1", model="default"):
        self.name, self.version, self.host, self.port, self.body, self.model = name, version, host, port, body, model

    def request(self, prompt, max_tokens, streams=False, **more):
        body = {"model": self.model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0, **self.body, **more}
        if streams:
            body.update(stream=True, stream_options={"include_usage": True})
        body = json.dumps(body).encode()
        headers = {"host": f"{self.host}:{self.port}", "content-type": "application/json",
                   "content-length": len(body), "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST /v1/completions HTTP/1.1\r\n{lines}\r\n".encode() + body


class Sample:
    """The times of one request, in seconds: `sent`, one of `tokens` for each piece of text, `end`."""

    def __init__(self):
        self.sent, self.tokens, self.end, self.error, self.usage = time.perf_counter(), [], None, None, None

    def first_s(self):
        return self.tokens[0] - self.sent

    def gaps_s(self):
        return [b - a for a, b in zip(self.tokens, self.tokens[1:])]


async def read_head(reader):
    status = int((await reader.readline()).split()[1])
    headers = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip().lower()
    return status, headers


async def pieces_of(reader, headers):
    """The body as it comes: its chunks, or what each read brings."""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        return
    while piece := await reader.read(65536):
        yield piece


async def ask(target, prompt, max_tokens, timeout_s, sample=None):
    """One streamed request; a failure is told in the sample, which grows while the answer comes."""
    sample = sample or Sample()
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(target.host, target.port, limit=1 << 24)
            writer.write(target.request(prompt, max_tokens, True))
            await writer.drain()
            status, headers = await read_head(reader)
            rest, reason = b"", None
            async for piece in pieces_of(reader, headers):
                now = time.perf_counter()
                rest += piece
                *events, rest = rest.replace(b"\r\n", b"\n").split(b"\n\n")
                for event in events:
                    if not event.startswith(b"data: ") or event == b"data: [DONE]":
                        continue
                    told = json.loads(event[6:])
                    sample.usage = told.get("usage") or sample.usage
                    for choice in told.get("choices", []):
                        reason = choice.get("finish_reason") or reason
                        if choice.get("text"):
                            sample.tokens.append(now)
            if status != 200:
                sample.error = f"status {status}: {rest[:200].decode(errors='replace')}"
            elif reason != "length":
                sample.error = f"ended with {reason} after {len(sample.tokens)} pieces of text"
            elif sample.usage and sample.usage["completion_tokens"] != max_tokens:
                sample.error = f"{sample.usage['completion_tokens']} tokens instead of {max_tokens}"
    except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, TimeoutError) as error:
        sample.error = f"{type(error).__name__}: {error}"
    finally:
        if writer:
            writer.close()
    sample.end = time.perf_counter()
    return sample


async def closed_loop(target, prompts, max_tokens, n_clients, timeout_s):
    """n_clients that each send their next request when they have their answer."""
    waiting = list(reversed(prompts))
    samples = []

    async def client():
        while waiting:
            samples.append(await ask(target, waiting.pop(), max_tokens, timeout_s))

    await asyncio.gather(*(client() for _ in range(n_clients)))
    return samples


async def open_loop(target, prompts, max_tokens, arrivals_s, timeout_s):
    """Requests at their times, whatever the server does."""
    begin = time.perf_counter()

    async def arrive(prompt, at):
        await asyncio.sleep(max(0, begin + at - time.perf_counter()))
        return await ask(target, prompt, max_tokens, timeout_s)

    return await asyncio.gather(*(arrive(prompt, at) for prompt, at in zip(prompts, arrivals_s)))


def poisson_arrivals(rng, n, per_second):
    at, times = 0.0, []
    for _ in range(n):
        times.append(at)
        at += rng.expovariate(per_second)
    return times


def bursty_arrivals(rng, n, per_second, burst):
    """Bursts of `burst` requests at once; the same number a second as without bursts."""
    times = poisson_arrivals(rng, -(-n // burst), per_second / burst)
    return [at for at in times for _ in range(burst)][:n]


def percentile(values, share):
    """The smallest value that is at or above that share of all."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def figures_of(samples, max_tokens, n_clients):
    """The figures of one run of a scenario, times in milliseconds. n_clients: of a closed loop, else 0."""
    good = [sample for sample in samples if sample.error is None and sample.tokens]
    figures = {"requests": len(samples), "errors": len(samples) - len(good),
               "error": next((sample.error for sample in samples if sample.error), None)}
    gaps = [gap for sample in good for gap in sample.gaps_s()]
    for name, values in (("first", [sample.first_s() for sample in good]), ("gap", gaps),
                         ("whole", [sample.end - sample.sent for sample in good])):
        for share in (50, 95, 99):
            figures[f"{name}_p{share}_ms"] = 1000 * percentile(values, share / 100)
    wall_s = max((s.end for s in samples), default=0) - min((s.sent for s in samples), default=0)
    figures["tokens_per_s"] = max_tokens * len(good) / wall_s if wall_s > 0 else math.nan
    figures["decode_per_s"] = together_rate(good, n_clients)
    return figures


def together_rate(samples, n_clients):
    """Pieces of text a second over the moments in which n_clients streams were between their first and their last; NaN
    where there were none. Prefill has no part in it."""
    changes = sorted([(sample.tokens[0], 1) for sample in samples] + [(sample.tokens[-1], -1) for sample in samples])
    spans, n_active = [], 0
    for (at, change), (until, _) in zip(changes, changes[1:]):
        n_active += change
        if n_clients and n_active == n_clients and until > at:
            spans.append((at, until))
    if not spans:
        return math.nan
    times = sorted(at for sample in samples for at in sample.tokens)
    n_pieces = sum(bisect.bisect_right(times, until) - bisect.bisect_right(times, at) for at, until in spans)
    return n_pieces / sum(until - at for at, until in spans)


async def time_path(target, path):
    """Seconds of one GET on a connection of its own; None where the server does not have that path."""
    begin = time.perf_counter()
    reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {target.host}\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read(-1)
    writer.close()
    return time.perf_counter() - begin if b" 200 " in answer[:20] else None
