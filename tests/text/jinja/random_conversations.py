"""Conversations with something odd in them: a value of another kind, a key that is missing, doubled messages."""
import json
import random

VALUES = [None, True, False, 0, 1, -1, 2.5, "", " ", "text", "a\nb", "<think>x</think>y", "user", "assistant", "system", "tool", [], ["a"], [[]],
          {}, {"type": "text", "text": "T"}, [{"type": "text", "text": "T"}], [{"type": "image"}], {"name": "f", "arguments": "{}"},
          "{\"a\": 1}", {"a": {"b": [1, 2.0, None]}}, "\U0001f600\u00e9", 10**12, 1e20, "function", "object", "array", ["string", "null"]]
KEYS = ["content", "role", "tool_calls", "name", "type", "text", "arguments", "reasoning_content", "parameters", "properties", "required", "items"]


def places(value, path=()):
    """The path of every value inside."""
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from places(inner, (*path, key))


def copied(value):
    return json.loads(json.dumps(value))


def mutated(rng: random.Random, context):
    context = copied(context)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = rng.choice(list(places(context)))
        holder = context
        for key in path[:-1]:
            holder = holder[key]
        key, change = path[-1], rng.randrange(4)
        if change == 0 and len(path) > 1:
            del holder[key]
        elif change == 1 and isinstance(holder[key], dict):
            holder[key][rng.choice(KEYS)] = copied(rng.choice(VALUES))
        elif change == 2 and isinstance(holder, list):
            holder.insert(key, copied(holder[key]))
        else:
            holder[key] = copied(rng.choice(VALUES))
    return context
