"""Writes a model file that always says the same, so that a test knows every token of an answer beforehand.

Each token has one that follows it: attention and feed-forward add nothing (their last matrices are zero), so the logits are
head · norm(embedding of the last token), and row t of the head is the sum of the embeddings of those that t follows.
Embeddings are random signs, so a token's own product is kDim and any other about sqrt(kDim): no temperature in use
changes the choice. What follows a token that no script names is left open.
Needs nothing but Python.
"""

import array
import random
import struct

DIM = 256
N_HEADS = 4
CONTEXT = 4096
ALIGNMENT = 32
UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4

# ChatML with tools, as Qwen's templates have them. What follows a tool's answer, or `enable_thinking` false, starts behind
# an empty thought.
TEMPLATE = """
{%- if tools %}{{ '<|im_start|>system\\n# Tools\\n\\n<tools>' }}
{%- for tool in tools %}{{ '\\n' }}{{ tool | tojson }}{% endfor %}
{{- '\\n</tools>\\n\\nFor each call, return a json object with function name and arguments within <tool_call></tool_call>:\\n' }}
{{- '<tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}{% endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}{{ '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}{{ '<|im_start|>assistant\\n' + (message.content or '') }}
{%- for call in message.tool_calls or [] %}
{%- set function = call.function or call %}
{{- '\\n<tool_call>\\n{"name": "' + function.name + '", "arguments": ' }}
{%- if function.arguments is string %}{{ function.arguments }}{% else %}{{ function.arguments | tojson }}{% endif %}
{{- '}\\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\\n' }}
{%- else %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
{%- if (enable_thinking is defined and enable_thinking is false) or messages[-1].role == 'tool' %}
{{- '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"""

# The answer to a question, one token a string; and the one behind an empty thought.
THOUGHT = "I look it up."
CALL_NAME, CALL_ARGUMENTS = "get_weather", '{"city": "Paris"}'
CALLS = ["<think>", "\n" + THOUGHT + "\n", "</think>", "<tool_call>",
         '\n{"name": "' + CALL_NAME + '", "arguments": {"city": "', "Paris", '"}}\n', "</tool_call>", "<|im_end|>"]
SAYS = ["It", " is", " sunny", " in", " the", " city", " to", "day", ".", "<|im_end|>"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MATCHED_WHOLE = ["<think>", "</think>", "<tool_call>", "</tool_call>"]


def byte_characters():
    """GPT-2's characters for bytes: printable ones stand for themselves, the others for the next free code points."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    free = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(free)) for byte in range(256)]


def make_vocabulary():
    """Tokens, their kinds, and the merge that makes the line break of an empty thought one token."""
    characters = byte_characters()
    spelt = lambda text: "".join(characters[byte] for byte in text.encode())
    newline = spelt("\n")
    tokens, kinds = list(characters), [NORMAL] * 256
    tokens.append(newline * 2), kinds.append(NORMAL)
    for text in SPECIAL + MATCHED_WHOLE:
        tokens.append(text), kinds.append(CONTROL if text in SPECIAL else USER_DEFINED)
    for text in CALLS + SAYS:
        if text not in SPECIAL + MATCHED_WHOLE and spelt(text) not in tokens:
            tokens.append(spelt(text)), kinds.append(NORMAL)
    numbers = {token: number for number, token in enumerate(tokens)}
    assert len(numbers) == len(tokens)
    follows = {}
    for start, script in ((newline, CALLS), (newline * 2, SAYS)):
        at = numbers[start]
        for text in script:
            following = numbers[text if text in SPECIAL + MATCHED_WHOLE else spelt(text)]
            assert at not in follows, f"two tokens follow {tokens[at]!r}"
            follows[at] = at = following
    return tokens, kinds, [f"{newline} {newline}"], follows


def as_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def as_value(kind, value):
    if kind == STRING:
        return as_string(value)
    return struct.pack({UINT32: "<I", FLOAT32: "<f", BOOL: "<?", INT32: "<i"}[kind], value)


def metadata_entry(key, kind, value):
    if isinstance(value, list):
        return as_string(key) + struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(as_value(kind, v) for v in value)
    return as_string(key) + struct.pack("<I", kind) + as_value(kind, value)


def metadata(tokens, kinds, merges):
    numbers = {token: number for number, token in enumerate(tokens)}
    return [
        ("general.architecture", STRING, "llama"), ("general.name", STRING, "scripted"),
        ("llama.block_count", UINT32, 1), ("llama.context_length", UINT32, CONTEXT),
        ("llama.embedding_length", UINT32, DIM), ("llama.feed_forward_length", UINT32, DIM),
        ("llama.attention.head_count", UINT32, N_HEADS), ("llama.attention.head_count_kv", UINT32, N_HEADS),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5), ("llama.rope.freq_base", FLOAT32, 10000.0),
        ("llama.vocab_size", UINT32, len(tokens)),
        ("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, "qwen2"),
        ("tokenizer.ggml.tokens", STRING, tokens), ("tokenizer.ggml.token_type", INT32, kinds),
        ("tokenizer.ggml.merges", STRING, merges),
        ("tokenizer.ggml.eos_token_id", UINT32, numbers["<|im_end|>"]),
        ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.chat_template", STRING, TEMPLATE),
    ]


def tensors(n_vocab, follows):
    """(name, shape with the row's length first, values)."""
    signs = random.Random(7)
    embeddings = [[signs.choice((-1.0, 1.0)) for _ in range(DIM)] for _ in range(n_vocab)]
    head = [[0.0] * DIM for _ in range(n_vocab)]
    for token, following in follows.items():
        head[following] = [a + b for a, b in zip(head[following], embeddings[token])]
    flat = lambda rows: array.array("f", [value for row in rows for value in row])
    ones, zeros = array.array("f", [1.0] * DIM), array.array("f", bytes(4 * DIM * DIM))
    square = [DIM, DIM]
    result = [("token_embd.weight", [DIM, n_vocab], flat(embeddings)), ("output.weight", [DIM, n_vocab], flat(head)),
              ("output_norm.weight", [DIM], ones), ("blk.0.attn_norm.weight", [DIM], ones),
              ("blk.0.ffn_norm.weight", [DIM], ones)]
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        result.append((f"blk.0.{name}.weight", square, zeros))
    return result


def write_scripted_model(path):
    tokens, kinds, merges, follows = make_vocabulary()
    entries, parts = metadata(tokens, kinds, merges), tensors(len(tokens), follows)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(parts), len(entries))
    head += b"".join(metadata_entry(*entry) for entry in entries)
    offset = 0
    for name, shape, values in parts:
        head += as_string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", 0, offset)  # f32
        offset += -(-4 * len(values) // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        for _, _, values in parts:
            data = values.tobytes()
            file.write(data + bytes(-len(data) % ALIGNMENT))
    return path
