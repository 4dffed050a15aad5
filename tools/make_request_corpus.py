#!/usr/bin/env python3
"""Writes fuzz/corpus/request and fuzz/request_fuzzer.dict from what tests/server/api/print_answers prints.

usage: make_request_corpus.py PRINT_ANSWERS
Seeds are full bodies and each of their parts alone; the dictionary has the names and values of the OpenAPI document.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = {
    "chat": {"messages": [{"role": "user", "content": "a"}]},
    "chat_system": {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], "seed": 1},
    "chat_stream": {"messages": [{"role": "user", "content": "a"}], "stream": True, "n": 2, "stop": "b"},
    "chat_logprobs": {"messages": [{"role": "user", "content": "a"}], "logprobs": True, "top_logprobs": 3},
    "chat_unknown": {"messages": [{"role": "user", "content": "a"}], "temprature": 1},
    "completion_text": {"prompt": "a", "max_tokens": 4},
    "completion_texts": {"prompt": ["a", "b"], "echo": True, "max_tokens": 0},
    "completion_ids": {"prompt": [1, 2, 3], "logprobs": 2},
    "tokenize": {"text": "a"},
    "detokenize": {"tokens": [1, 2]},
}


def seeds(samples):
    yield from SMALL.items()
    for sample in samples:
        if sample["schema"].endswith("Request"):
            yield "full_" + sample["schema"], sample["value"]


def words(document):
    """Names of members, values of enums and what the syntax is made of."""
    found = {"{", "}", "[", "]", ":", ",", "null", "true", "false", "-1", "1e999", "NaN", "\\uD800", "9223372036854775808"}
    for schema in document["components"]["schemas"].values():
        for name, member in schema.get("properties", {}).items():
            found.add(f'"{name}":')
            for form in [member, *member.get("anyOf", [])]:
                found.update(json.dumps(value) for value in form.get("enum", []))
    return sorted(found)


def main():
    first, *rest = subprocess.run([sys.argv[1]], capture_output=True, check=True, text=True).stdout.splitlines()
    folder = ROOT / "fuzz/corpus/request"
    folder.mkdir(parents=True, exist_ok=True)
    for index, (name, body) in enumerate(seeds([json.loads(line) for line in rest])):
        flags = b"0" if index % 2 == 0 else b"1"  # strict and lenient in turn
        (folder / f"{name}.body").write_bytes(flags + json.dumps(body, separators=(",", ":")).encode())
    quoted = [json.dumps(word) for word in words(json.loads(first))]
    text = "# Written by tools/make_request_corpus.py.\n" + "".join(word + "\n" for word in quoted)
    (ROOT / "fuzz/request_fuzzer.dict").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
