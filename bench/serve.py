#!/usr/bin/env python3
"""Latency and throughput of a server: time to the first token, between tokens and to the end, tokens a second.

    .venv/bin/python bench/serve.py                                       # the bundled model
    .venv/bin/python bench/serve.py --against llama-cpp-python            # beside PyPI's, after scripts/setup bench
    .venv/bin/python bench/serve.py --model 1b.gguf --clients 1,8 --poisson 0.5 --bursty 0.5 --tokens 32
    .venv/bin/python bench/serve.py --url other=http://127.0.0.1:9000     # any server with /v1/completions
    .venv/bin/python bench/serve.py --model 1b.gguf --beside-prefill 16384 --streams 4

Run it from the project's root after `. scripts/lib.sh; configure release; build release quandex`; with a model of any size,
as `quandex make-model` writes them. Not run by the tests.

Scenarios: `clients` that each send a request when they have their last answer; arrivals at a mean rate, one by one
(Poisson) or in bursts of the same mean rate. All servers run at once and are measured in turn, in rounds whose order
alternates; a figure is the median of the rounds. Before the first round the servers must agree on how many tokens
prompts have, and each answer must have exactly --tokens tokens: ours by ignore_eos, llama-cpp-python's by a bias
against each token that could end it. Prompts are made up, of mixed lengths, and each begins otherwise.

  first   from sending the request to its first text         gap    between two texts of a stream
  whole   to the end of the answer                           tok/s  answered tokens over the scenario's time
  decode  tok/s at the moments in which all the clients were between their first text and their last

--beside-prefill measures what running streams notice of a long prompt: gaps before and during its prefill, and how long
/health and /metrics take meanwhile.
"""
import argparse
import asyncio
import contextlib
import json
import math
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "server"), str(ROOT / "bench")]
import serve_load as load  # noqa: E402
from serve_prefill import beside_prefill  # noqa: E402
from serve_targets import start_targets  # noqa: E402

COLUMNS = (("first_p50_ms", "first p50"), ("first_p95_ms", "p95"), ("first_p99_ms", "p99"), ("gap_p50_ms", "gap p50"),
           ("gap_p95_ms", "p95"), ("gap_p99_ms", "p99"), ("whole_p50_ms", "whole p50"), ("whole_p95_ms", "p95"),
           ("tokens_per_s", "tok/s"), ("decode_per_s", "decode"))
RATIOS = ("first_p50_ms", "first_p95_ms", "gap_p50_ms", "gap_p95_ms", "whole_p50_ms", "tokens_per_s", "decode_per_s")


class Scenario:
    """One pattern of arrivals: (kind, number)."""

    def __init__(self, kind, number, arguments):
        self.kind, self.number, self.arguments = kind, number, arguments
        self.n = arguments.requests or (max(8, 2 * int(number)) if kind == "clients" else 16)
        self.name = f"{number:g} clients" if kind == "clients" else f"{kind} {number:g}/s"

    def run(self, target, round_number):
        """Figures; servers get the same prompts in one round, and new ones in the next."""
        arguments = self.arguments
        rng = random.Random(f"{arguments.seed} {self.name} {round_number}")
        lengths = load.mixed_lengths(rng, self.n, arguments.shortest, arguments.longest)
        prompts = [load.make_prompt(rng.randrange(10 ** 9), n_words) for n_words in lengths]
        common = (target, prompts, arguments.tokens)
        n_clients = int(self.number) if self.kind == "clients" else 0
        if n_clients:
            samples = asyncio.run(load.closed_loop(*common, n_clients, arguments.timeout))
        else:
            arrivals = (load.poisson_arrivals(rng, self.n, self.number) if self.kind == "poisson" else
                        load.bursty_arrivals(rng, self.n, self.number, arguments.burst))
            samples = asyncio.run(load.open_loop(*common, arrivals, arguments.timeout))
        return load.figures_of(samples, arguments.tokens, n_clients)


def median_of(rounds):
    """The median of each figure; counts are added up."""
    result = {}
    for key in rounds[0]:
        values = [figures[key] for figures in rounds]
        if key in ("requests", "errors"):
            result[key] = sum(values)
        elif key == "error":
            result[key] = next((value for value in values if value), None)
        else:
            known = [value for value in values if not math.isnan(value)]
            result[key] = statistics.median(known) if known else math.nan
    return result


def shown(value):
    return "-" if value is None or math.isnan(value) else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def print_row(*cells, width=9):
    widths = (16, 17, 9) + (width,) * (len(cells) - 3)
    print("  ".join(f"{cell:<{width}}" if i < 2 else f"{cell:>{width}}"
                    for i, (cell, width) in enumerate(zip(cells, widths))).rstrip(), flush=True)


def check_same_work(targets, arguments):
    """Prompts have as many tokens for one server as for another, and answers as many as asked for."""
    rng = random.Random(arguments.seed)
    for n_words in (arguments.shortest, arguments.longest):
        prompt = load.make_prompt(rng.randrange(10 ** 9), n_words)
        usages = {target.name: asyncio.run(whole_usage(target, prompt, arguments.tokens)) for target in targets}
        counts = {usage["prompt_tokens"] for usage in usages.values()}
        if max(counts) - min(counts) > 1:  # one may put a token before the text that the other does not
            raise SystemExit(f"the servers do not read the same prompt: {usages}")
        wrong = {name: usage for name, usage in usages.items() if usage["completion_tokens"] != arguments.tokens}
        if wrong:
            raise SystemExit(f"answers have not {arguments.tokens} tokens: {wrong}")
        print(f"a prompt of {n_words} words: "
              + ", ".join(f"{usage['prompt_tokens']} tokens ({name})" for name, usage in usages.items()))


async def whole_usage(target, prompt, n_tokens, **more):
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=1 << 24)
    writer.write(target.request(prompt, n_tokens, **more))
    status, headers = await load.read_head(reader)
    text = b"".join([piece async for piece in load.pieces_of(reader, headers)])
    writer.close()
    if status != 200:
        raise SystemExit(f"{target.name}: {status} {text[:500].decode(errors='replace')}")
    return json.loads(text)["usage"]


def scoring_rate(target, arguments):
    """Tokens a second of a prompt that is scored: prefill with the head computed for every token."""
    rates = []
    for i in range(arguments.rounds):
        prompt = load.make_prompt(f"{arguments.seed} {i}", arguments.longest)
        begin = time.perf_counter()
        usage = asyncio.run(whole_usage(target, prompt, 1, echo=True, logprobs=0))
        rates.append(usage["prompt_tokens"] / (time.perf_counter() - begin))
    return statistics.median(rates)


def print_scaling(target, results, arguments):
    """How decoding scales with clients, and its bound: what a step of many tokens costs, head included."""
    rates = {int(n): median_of(results[f"{n:g} clients", target.name])["decode_per_s"] for n in arguments.clients}
    scoring = scoring_rate(target, arguments)
    print(f"\n{target.name}: a prompt of {arguments.longest} words is scored at {scoring:.1f} tokens/s")
    for n, rate in rates.items():
        if n > 1 and 1 in rates:
            print(f"  {n} clients decode {rate:.1f} tokens/s: {rate / rates[1]:.2f} times one client's, "
                  f"{100 * rate / scoring:.0f} % of scoring")


def run_scenarios(targets, scenarios, arguments):
    results = {(scenario.name, target.name): [] for scenario in scenarios for target in targets}
    for round_number in range(arguments.rounds):
        for scenario in scenarios:
            for target in targets if round_number % 2 == 0 else targets[::-1]:
                print(f"\rround {round_number + 1} of {arguments.rounds}: {scenario.name}, {target.name}\x1b[K", end="",
                      file=sys.stderr)
                results[scenario.name, target.name].append(scenario.run(target, round_number))
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return results


def print_results(targets, scenarios, results):
    print()
    print_row("milliseconds", "server", "requests", *(title for _, title in COLUMNS))
    for scenario in scenarios:
        for target in targets:
            figures = median_of(results[scenario.name, target.name])
            print_row(scenario.name, target.name, f"{figures['requests'] - figures['errors']}/{figures['requests']}",
                      *(shown(figures[key]) for key, _ in COLUMNS))
            if figures["error"]:
                print(f"{'':16}  first error: {figures['error']}")
    for other in targets[1:]:
        print(f"\n{targets[0].name} against {other.name}: how many times as good, median of rounds (least to most)")
        print_row("", "", "", *(dict(COLUMNS)[key] if key.endswith(("p50_ms", "per_s")) else key[:-3].replace("_", " ")
                                for key in RATIOS), width=15)
        for scenario in scenarios:
            pairs = list(zip(results[scenario.name, targets[0].name], results[scenario.name, other.name]))
            print_row(scenario.name, "", "", *(ratio_text(pairs, key) for key in RATIOS), width=15)


def ratio_text(pairs, key):
    """Above 1 ours is better: of times theirs over ours, of rates ours over theirs."""
    ratios = [theirs[key] / ours[key] if key.endswith("_ms") else ours[key] / theirs[key] for ours, theirs in pairs
              if ours[key] and theirs[key] and not math.isnan(ours[key] / theirs[key])]
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"


def processor():
    info = pathlib.Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] \
        if info.exists() else []
    return names[0] if names else platform.processor()


def conditions(arguments, targets):
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
                            check=False)
    return {"processor": processor(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
            "commit": commit.stdout.strip(), "model": str(arguments.model), "servers": {t.name: t.version for t in targets},
            "tokens": arguments.tokens, "words": [arguments.shortest, arguments.longest], "rounds": arguments.rounds}


def numbers(text):
    return [float(number) for number in text.split(",") if number]


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/release/src/cli/quandex", type=pathlib.Path)
    parser.add_argument("--model", default=ROOT / "models/quandex-tiny.gguf", type=pathlib.Path)
    parser.add_argument("--url", action="append", default=[], help="NAME=http://HOST:PORT, a server that runs already")
    parser.add_argument("--against", choices=["llama-cpp-python"], action="append", default=[])
    parser.add_argument("--only-others", action="store_true", help="without ours")
    parser.add_argument("--option", action="append", default=[], help="for `quandex start`, as in --option=--parallel=32")
    parser.add_argument("--ctx", type=int, default=0, help="positions of a sequence; 0: as many as the scenarios need")
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--clients", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--poisson", type=numbers, default=[], help="requests a second, of one scenario each")
    parser.add_argument("--bursty", type=numbers, default=[])
    parser.add_argument("--burst", type=int, default=8, help="requests of a burst")
    parser.add_argument("--requests", type=int, default=0, help="of a scenario; 0: twice the clients, at least 8, or 16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--shortest", type=int, default=8, help="words of a prompt")
    parser.add_argument("--longest", type=int, default=256)
    parser.add_argument("--scaling", action="store_true", help="how decoding scales, beside the rate of scored prompts")
    parser.add_argument("--beside-prefill", type=int, default=0, metavar="WORDS", help="of the long prompt")
    parser.add_argument("--streams", type=int, default=4, help="that run beside it")
    parser.add_argument("--settle", type=float, default=5, help="seconds that they are watched before it")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="all figures of all rounds")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    scenarios = [Scenario(kind, number, arguments) for kind in ("clients", "poisson", "bursty")
                 for number in getattr(arguments, kind)]
    with contextlib.ExitStack() as stack:
        targets = start_targets(arguments, stack)
        told = conditions(arguments, targets)
        print(f"{told['processor']}, {told['cores']} cores, load {told['load']}; commit {told['commit']}; "
              f"{arguments.model.name}, {arguments.threads} threads; "
              + "; ".join(f"{name}: {version}" for name, version in told["servers"].items()), flush=True)
        if arguments.beside_prefill:
            results = {target.name: asyncio.run(beside_prefill(target, arguments)) for target in targets}
        else:
            check_same_work(targets, arguments)
            results = run_scenarios(targets, scenarios, arguments)
            print_results(targets, scenarios, results)
            if arguments.scaling:
                print_scaling(targets[0], results, arguments)
            results = [{"scenario": scenario, "server": server, "rounds": rounds}
                       for (scenario, server), rounds in results.items()]
    if arguments.json:
        arguments.json.write_text(json.dumps({"conditions": told, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
