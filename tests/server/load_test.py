"""A bounded load: 64 streams at a time with clients that hang up, send halves and garbage, read and write slowly and pipeline.

usage: load_test.py PROGRAM MODEL SECONDS [--sanitized] [--seed N]

Every complete answer must be the one, bit for bit, that the same request got when it was alone, on a server with room for
all; half of the load runs on such a server, half on one with so few K/V blocks that sequences are preempted. After the
load nothing may be left: no request, no block, no memory that grows, and the server ends with status 0.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from load_client import GONE, Connection, Request, content_of, make_pool, random_garbage  # noqa: E402
from served import Metrics, Served, parse_metrics, wait_until  # noqa: E402

N_STREAMS = 64
N_BAD = 12
N_POOL = 40
LEAST_PHASE_S = 4
MOST_HELD = 40  # half-sent requests that stay open
CONTEXT = 1024
ROOMY = ("--parallel", N_STREAMS, "--ctx", CONTEXT)
N_FEW_BLOCKS = 48  # one context and a half


class Load:
    """One phase of load on one server."""

    def __init__(self, server, pool, rng, timeout_s):
        self.server, self.pool, self.rng, self.timeout_s = server, pool, rng, timeout_s
        self.counts, self.held, self.slowest_s = {}, [], {}
        self.memory = []

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def connection(self):
        return Connection(self.server.port, self.timeout_s)

    def check(self, request, status, headers, body):
        """One answer of a request that was sent as it should be."""
        if status == 503 and "retry-after" in headers:
            self.count("refused for now")
            return
        if status != 200:
            raise AssertionError(f"{status} {body[:500]!r} for {request.body}")
        found = content_of(request, body)
        if found != request.expected:
            raise AssertionError(f"another answer than alone:\n{found}\ninstead of\n{request.expected}\nfor {request.body}")
        self.count("equal")

    async def run(self, deadline):
        self.deadline = deadline
        bad = (self.hang_up_in_request, self.hang_up_in_answer, self.hang_up_waiting, self.hold_half, self.send_garbage,
               self.read_slowly, self.write_slowly, self.pipeline)
        workers = [self.repeat(self.ask) for _ in range(N_STREAMS)]
        workers += [self.repeat(lambda: self.rng.choice(bad)()) for _ in range(N_BAD)]
        workers.append(self.repeat(self.observe))
        tasks = [asyncio.ensure_future(worker) for worker in workers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            for connection in self.held:
                connection.writer.close()

    async def repeat(self, action):
        while time.monotonic() < self.deadline:
            await action()

    async def ask(self):
        """A client as it should be: some requests on one connection."""
        async with self.connection() as connection:
            for _ in range(self.rng.randrange(1, 4)):
                request = self.rng.choice(self.pool)
                await connection.send(request.bytes())
                answer = await connection.read_answer()
                self.check(request, *answer)
                if answer[0] == 503:
                    await asyncio.sleep(0.05)
                if answer[1].get("connection") == "close" or time.monotonic() > self.deadline:
                    return

    async def hang_up_in_request(self):
        data = self.rng.choice(self.pool).bytes()
        async with self.connection() as connection:
            await connection.send(data[:self.rng.randrange(len(data))])
            await asyncio.sleep(self.rng.uniform(0, 0.05))
            if self.rng.random() < 0.5:
                connection.reset()
        self.count("hung up in a request")

    async def hang_up_in_answer(self):
        request = self.rng.choice([request for request in self.pool if request.streams])
        async with self.connection() as connection:
            await connection.send(request.bytes())
            try:  # a short answer ends before that many bytes
                await asyncio.wait_for(connection.reader.readexactly(self.rng.randrange(1, 4000)), self.rng.uniform(0.05, 2))
            except (asyncio.IncompleteReadError, asyncio.TimeoutError):
                pass
            if self.rng.random() < 0.5:
                connection.reset()
        self.count("hung up in an answer")

    async def hang_up_waiting(self):
        async with self.connection() as connection:
            await connection.send(self.rng.choice(self.pool).bytes())
            await asyncio.sleep(self.rng.uniform(0, 0.3))
            if self.rng.random() < 0.5:
                connection.reset()
        self.count("hung up waiting")

    async def hold_half(self):
        if len(self.held) >= MOST_HELD:
            self.held.pop(self.rng.randrange(MOST_HELD)).writer.close()
        data = self.rng.choice(self.pool).bytes()
        connection = await self.connection().__aenter__()
        self.held.append(connection)
        await connection.send(data[:self.rng.randrange(len(data))])
        await asyncio.sleep(0.05)
        self.count("held")

    async def send_garbage(self):
        """Refused, or hung up on; never a 500 and never a connection that stays."""
        data = random_garbage(self.rng)
        async with self.connection() as connection:
            try:
                await connection.send(data)
                connection.writer.write_eof()
                status, _, body = await connection.read_answer()
                if status < 400 or status == 500:
                    raise AssertionError(f"{status} {body[:300]!r} for {data[:100]!r}")
            except GONE:
                pass
        self.count("garbage")

    async def read_slowly(self):
        request = self.rng.choice([request for request in self.pool if request.streams])
        async with self.connection() as connection:
            await connection.send(request.bytes())
            pause = self.rng.uniform(0, 0.02)
            self.check(request, *await connection.read_answer(lambda: asyncio.sleep(pause)))
        self.count("read slowly")

    async def write_slowly(self):
        request = self.rng.choice(self.pool)
        data = request.bytes()
        async with self.connection() as connection:
            n_pieces = self.rng.randrange(2, 8)
            ends = sorted(self.rng.randrange(len(data)) for _ in range(n_pieces)) + [len(data)]
            for begin, end in zip([0] + ends, ends):
                await connection.send(data[begin:end])
                await asyncio.sleep(self.rng.uniform(0, 0.05))
            self.check(request, *await connection.read_answer())
        self.count("written slowly")

    async def pipeline(self):
        """Several requests in one write: answers come in their order."""
        requests = [self.rng.choice(self.pool) for _ in range(self.rng.randrange(2, 4))]
        async with self.connection() as connection:
            await connection.send(b"".join(request.bytes() for request in requests))
            for request in requests:
                self.check(request, *await connection.read_answer())
        self.count("pipelined")

    async def observe(self):
        """Health and metrics answer whatever is going on; blocks are free or used at every moment."""
        for path in ("/health", "/metrics"):
            begin = time.monotonic()
            async with self.connection() as connection:
                await connection.send(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
                status, _, body = await connection.read_answer()
            if status != 200:
                raise AssertionError(f"{path}: {status} {body[:300]!r}")
            if path == "/metrics":
                now = parse_metrics(body.decode())
                total, *parts = (now[f"kv_cache_blocks_{name}", ()] for name in ("total", "used", "cached", "free"))
                if sum(parts) != total:
                    raise AssertionError(f"of {total} blocks {parts} are used, cached and free")
            self.slowest_s[path] = max(self.slowest_s.get(path, 0), time.monotonic() - begin)
        self.memory.append(self.server.resident_bytes())
        await asyncio.sleep(0.2)


async def ask_alone(server, pool, timeout_s):
    """One after the other, what each of the pool is answered."""
    async with Connection(server.port, timeout_s) as connection:
        for request in pool:
            await connection.send(request.bytes())
            status, _, body = await connection.read_answer()
            if status != 200:
                raise AssertionError(f"{status} {body[:500]!r} for {request.body}")
            request.expected = content_of(request, body)


def check_nothing_is_left(server, timeout_s):
    def is_idle():
        now = Metrics(server)
        return now("sequences_running") == 0 and now("sequences_waiting") == 0

    wait_until(is_idle, "no request is left in the engine", timeout_s)
    now = Metrics(server)
    blocks = {name: now(f"kv_cache_blocks_{name}") for name in ("total", "used", "cached", "free")}
    if blocks["used"] != 0 or blocks["cached"] + blocks["free"] != blocks["total"]:
        raise AssertionError(f"once nothing runs blocks are {blocks}")
    return now


def check_memory(memory, most_growth_bytes):
    """The first third fills caches and pools; from there on it may not grow by more than noise."""
    memory = [value for value in memory if value]
    if len(memory) < 6:
        return
    early, late = max(memory[:len(memory) // 3]), max(memory[-3:])
    if late - early > most_growth_bytes:
        raise AssertionError(f"memory grew from {early >> 20} to {late >> 20} MiB")
    print(f"  memory {early >> 20} MiB after a third, {late >> 20} MiB at the end")


def run_phase(name, server, pool, rng, deadline, arguments):
    load = Load(server, pool, rng, arguments.timeout_s)
    begin = time.monotonic()
    asyncio.run(load.run(max(deadline, begin + LEAST_PHASE_S)))
    now = check_nothing_is_left(server, arguments.timeout_s)
    asyncio.run(ask_again(server, pool, arguments.timeout_s))
    print(f"{name}, {time.monotonic() - begin:.0f} s: {', '.join(f'{number} {what}' for what, number in sorted(load.counts.items()))}")
    print(f"  slowest {', '.join(f'{path} {1000 * s:.0f} ms' for path, s in load.slowest_s.items())}; "
          f"{now('preemptions_total'):.0f} preemptions")
    check_memory(load.memory, (256 if arguments.sanitized else 32) << 20)
    if load.counts.get("equal", 0) < N_STREAMS:
        raise AssertionError(f"only {load.counts.get('equal', 0)} answers came")
    return now


async def ask_again(server, pool, timeout_s):
    """After the load the server still says what it said before."""
    expected = [request.expected for request in pool]
    again = [Request(request.path, request.body) for request in pool[:4]]
    await ask_alone(server, again, timeout_s)
    if [request.expected for request in again] != expected[:4]:
        raise AssertionError("after the load the answers are others")


def few_blocks(program, model):
    """Options of a server that computes 16 sequences at once, and has memory for N_FEW_BLOCKS of K/V."""
    command = [program, "plan", model, "--ctx", str(CONTEXT), "--parallel", "16", "--json"]
    plan = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    others = plan["total_bytes"] + plan["mapped_bytes"] - plan["kv_bytes"]
    return ("--ctx", CONTEXT, "--parallel", 16,
            "--memory", f"{others + N_FEW_BLOCKS * plan['kv_bytes'] // plan['kv_blocks']}B")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--sanitized", action="store_true", help="of a sanitizer: slower, and its memory may grow more")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    arguments.timeout_s = 400 if arguments.sanitized else 90
    print(f"seed {arguments.seed}", flush=True)
    begin = time.monotonic()
    rng = random.Random(arguments.seed)
    pool = make_pool(N_POOL, rng, 400)
    environment = {"ASAN_OPTIONS": "quarantine_size_mb=16"}
    with Served(arguments.program, arguments.model, *ROOMY, environment=environment) as server:
        asyncio.run(ask_alone(server, pool, arguments.timeout_s))
        print(f"alone: {time.monotonic() - begin:.0f} s for {len(pool)} requests")
        run_phase("roomy", server, pool, rng, begin + arguments.seconds / 2, arguments)
    options = few_blocks(arguments.program, arguments.model)
    with Served(arguments.program, arguments.model, *options, environment=environment) as server:
        now = run_phase("few blocks", server, pool, rng, begin + arguments.seconds, arguments)
        if now("kv_cache_blocks_total") > N_FEW_BLOCKS:
            raise AssertionError(f"{now('kv_cache_blocks_total')} blocks are not few")
        if now("preemptions_total") == 0:
            raise AssertionError("nothing was preempted: this load proves less than it should")


if __name__ == "__main__":
    main()
