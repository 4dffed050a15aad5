"""What running streams, /health and /metrics notice of a long prompt that arrives (bench/serve.py --beside-prefill)."""

import asyncio
import time

import serve_load as load

PATHS = ("/health", "/metrics")
ENDLESS = 1_000_000  # tokens; the context ends first


async def poll(target, times):
    """Times of GETs of each path, until cancelled."""
    while True:
        for path in PATHS:
            begin = time.perf_counter()
            times.append((path, begin, await load.time_path(target, path)))
        await asyncio.sleep(0.05)


async def measure(target, arguments):
    """(samples of the streams, times of the paths, sample of the long prompt)."""
    samples = [load.Sample() for _ in range(arguments.streams)]
    streams = [asyncio.ensure_future(load.ask(target, load.make_prompt(100 + i, 8), ENDLESS, arguments.timeout, sample))
               for i, sample in enumerate(samples)]
    try:
        while not all(sample.tokens for sample in samples):
            await asyncio.sleep(0.01)
            if any(stream.done() for stream in streams):
                raise SystemExit(f"{target.name}: {[sample.error for sample in samples]}")
        times = []
        polling = asyncio.ensure_future(poll(target, times))
        streams.append(polling)
        await asyncio.sleep(arguments.settle)
        prefill = await load.ask(target, load.make_prompt(1, arguments.beside_prefill), 1, arguments.timeout)
        ended = [sample for sample in samples if sample.end and sample.end < prefill.end]
        if ended:
            raise SystemExit(f"{len(ended)} streams ended before the prefill: the context is too short ({ended[0].error})")
        return samples, times, prefill
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


def summary(values_s):
    result = {f"p{share}_ms": round(1000 * load.percentile(values_s, share / 100), 2) for share in (50, 95, 99)}
    return {"n": len(values_s), **result, "max_ms": round(1000 * max(values_s, default=0), 2)}


async def beside_prefill(target, arguments):
    """Prints and returns the figures."""
    samples, times, prefill = await measure(target, arguments)
    if prefill.error:
        raise SystemExit(f"{target.name}: the long prompt: {prefill.error}")
    begin, end = prefill.sent, prefill.tokens[0] if prefill.tokens else prefill.end
    gaps = [(b, b - a) for sample in samples for a, b in zip(sample.tokens, sample.tokens[1:])]
    n_tokens = prefill.usage["prompt_tokens"] if prefill.usage else None
    result = {"prompt_tokens": n_tokens, "prefill_s": round(end - begin, 3), "streams": arguments.streams,
              "gaps before": summary([gap for at, gap in gaps if begin - arguments.settle < at <= begin]),
              "gaps during": summary([gap for at, gap in gaps if begin < at <= end])}
    for path in PATHS:
        known = [(at, seconds) for name, at, seconds in times if name == path and seconds is not None]
        result[f"{path} during"] = summary([seconds for at, seconds in known if begin < at <= end])
    print(f"\n{target.name}: {arguments.streams} streams beside a prompt of {n_tokens} tokens, "
          f"whose first token comes after {end - begin:.2f} s")
    for name, figures in result.items():
        if isinstance(figures, dict):
            print(f"  {name:16} " + "  ".join(f"{key.replace('_ms', '')} {value}" for key, value in figures.items())
                  + " ms")
    return result
