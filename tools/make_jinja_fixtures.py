#!/usr/bin/env python3
"""Makes tests/fixtures/jinja/, templates of our own writing (tools/jinja_cases/) with the renderings of Python's jinja2, and
of them the seeds of the fuzz target (fuzz/corpus/jinja).
Run from the project's root: .venv/bin/python tools/make_jinja_fixtures.py
"""
import json
import pathlib
import random
import re
import sys
import zlib

import jinja_reference
from jinja_cases import conversations, errors, expressions, filters, methods, statements, whitespace

ROOT, SEEDS = pathlib.Path("tests/fixtures/jinja"), pathlib.Path("fuzz/corpus/jinja")
CHAT = pathlib.Path("tools/jinja_cases/chat")
N_CONVERSATIONS = 60  # for each chat template, drawn from all
MAX_BYTES = 1_000_000

# What templates see whose case has no context of its own.
CONTEXT = {
    "s": "text", "n": 7, "l": [3, 1, 2], "d": {"b": 1, "a": "x"},
    "rows": [{"name": "Cy", "age": 30, "tags": ["x"], "in": {"k": 2}}, {"name": "ann", "age": 25, "tags": [], "in": {"k": 1}},
             {"name": "Bob", "age": 30, "tags": ["x", "y"], "in": {"k": 3}}],
    "tricky": {"items": [1], "get": 2, "other": 3},
    "x": 5,
}
TOPICS = {"statements": statements.CASES, "expressions": expressions.CASES, "filters": filters.CASES,
          "methods": methods.CASES, "whitespace": whitespace.CASES}
# Contexts may be changed by a template in Python (not in the sandbox, but generators do run out): each case gets a copy.
REFERENCE = jinja_reference.Reference()


def copied(value):
    return json.loads(json.dumps(value))


def case_of(name, entry):
    template, context = entry if isinstance(entry, tuple) else (entry, None)
    case = {"name": name, "template": template}
    if context is not None:
        case["context"] = context
    return case, REFERENCE.render(template, copied(CONTEXT if context is None else context))


def rendered_cases(cases):
    for name, entry in cases.items():
        case, rendering = case_of(name, entry)
        if rendering.text is None:
            sys.exit(f"{name}: Python ends in {rendering.error}: {rendering.message} (line {rendering.line})")
        if re.search(r" at 0x[0-9a-f]+", rendering.text):
            sys.exit(f"{name}: the rendering holds an address: {rendering.text}")
        yield {**case, "text": rendering.text}


def failing_cases(cases, tells_line):
    for name, entry in cases.items():
        case, rendering = case_of(name, entry)
        if rendering.text is not None:
            sys.exit(f"{name}: Python renders {rendering.text!r}, expected an error")
        case["error"] = {"raised": rendering.message} if rendering.is_raised else {}
        if tells_line:
            case["error"]["line"] = rendering.line
        yield case


def source():
    return {"command": ".venv/bin/python tools/make_jinja_fixtures.py", "now": jinja_reference.FIXED_NOW, **jinja_reference.versions()}


def write(name, document, list_key):
    """JSON with one line for each element of the list, so that changes can be read."""
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in document[list_key])
    head = json.dumps({**document, list_key: []}, ensure_ascii=False, indent=1)
    assert head.endswith(f'"{list_key}": []\n}}')
    text = head[:-len("[]\n}")] + "[\n" + lines + "\n]\n}\n"
    assert json.loads(text) == document
    (ROOT / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(document[list_key])} cases, {len(text.encode())} bytes")


def chat_document():
    contexts = dict(conversations.contexts())
    templates = {path.stem: path.read_text(encoding="utf-8") for path in sorted(CHAT.glob("*.jinja"))}
    renderings = []
    for name, template in templates.items():
        rng = random.Random(name)
        for context_name in sorted(rng.sample(sorted(contexts), N_CONVERSATIONS)):
            rendering = REFERENCE.render(template, copied(contexts[context_name]))
            messages, setting, prompt = split_name(context_name)
            entry = {"template": name, "messages": messages, "setting": setting, "prompt": prompt}
            if rendering.text is not None:
                entry["text"] = rendering.text
            else:
                entry["error"] = {"raised": rendering.message} if rendering.is_raised else {}
            renderings.append(entry)
    return {"source": source(), "base": conversations.BASE, "settings": conversations.SETTINGS, "messages": conversations.MESSAGES,
            "templates": templates, "renderings": renderings}


def split_name(context_name):
    parts = context_name.split("+")
    prompt = parts[-1] == "prompt"
    return parts[0], "".join(parts[1:len(parts) - prompt]), prompt


def seed_name(name):
    return re.sub(r"\W", lambda sign: {"+": "plus", "-": "minus", "%": "block", "#": "comment"}[sign.group()], name) + ".seed"


def write_seeds(documents):
    """A seed of the fuzz target is a template, a zero byte and a context: see fuzz/jinja_fuzzer.cpp."""
    SEEDS.mkdir(parents=True, exist_ok=True)
    for old in SEEDS.iterdir():
        old.unlink()
    for case in (case for document in documents for case in document["cases"]):
        chance = zlib.crc32(case["name"].encode())  # of the name alone, so that a new case changes no other seed
        if chance % 4:
            continue
        context = case.get("context", CONTEXT if chance % 16 == 0 else {"s": "text", "d": {"a": 1}, "l": [2, 1]})
        (SEEDS / seed_name(case["name"])).write_bytes(case["template"].encode() + b"\0" + json.dumps(context).encode())
    contexts = list(conversations.contexts())
    for path in sorted(CHAT.glob("*.jinja")):
        context = contexts[zlib.crc32(path.stem.encode()) % len(contexts)][1]
        (SEEDS / seed_name(f"chat_{path.stem}")).write_bytes(path.read_bytes() + b"\0" + json.dumps(context).encode())


def main():
    jinja_reference.use_utc()
    ROOT.mkdir(parents=True, exist_ok=True)
    documents = []
    for topic, cases in TOPICS.items():
        documents.append({"source": source(), "context": CONTEXT, "cases": list(rendered_cases(cases))})
        write(f"{topic}.json", documents[-1], "cases")
    failing = [*failing_cases(errors.LINES, True), *failing_cases(errors.CASES, False)]
    documents.append({"source": source(), "context": CONTEXT, "cases": failing})
    write("errors.json", documents[-1], "cases")
    write("chat.json", chat_document(), "renderings")
    write_seeds(documents)
    total = sum(path.stat().st_size for path in ROOT.iterdir())
    assert total < MAX_BYTES, total
    print(f"{total} bytes, {len(list(SEEDS.iterdir()))} seeds")


if __name__ == "__main__":
    main()
