#!/usr/bin/env python3
"""Makes tests/fixtures/tokenizer_*.json: two small byte-level BPE vocabularies with texts and the ids that the PyPI
package `tokenizers` gives them. Run from the project's root: python3 tools/make_tokenizer_fixtures.py
"""
import json
import pathlib
import random

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "qwen2": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST,
    "llama-bpe": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST,
}

TRAINING_TEXT = """
The lighthouse keeper's daughter counted ships: one, two, three, and then the fog came in. "I'll wait," she said,
"they're late, but they've been late before." Her father wasn't worried. He'd seen 17 winters, 365 nights each, and
he'd say that it's the 18th that you're afraid of. We'll see, won't we? I'M SURE WE'LL SEE.
    def count_ships(ships):
        total = 0
        for ship in ships:
            total += 1    # every ship counts
        return total

In the morning the harbour was full of boats, and the boats were full of fish, and the fish were full of the sea.
Le phare était éteint; la mer était calme. Der Leuchtturmwärter schläft. Корабли стояли в тумане, и никто не спешил.
灯台の光が海を照らしていた。船は静かに港に入った。灯塔照亮了大海。 바다는 조용했다. كان البحر هادئا. समुद्र शांत था।
1000 2000 3000 12345 67890 3.14159 2.71828 1,234,567 100% $5.00 #42 @home a=b; c+=d; if (x != y) { z--; } // end
"""

# Tokens that no merge makes: only a vocabulary that ignores merges ever gives them for a whole piece.
UNMERGED = [" lantern", "lantern", "quay", " 海"]

SPACES = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
NEARLY_SPACES = "\x1c\x1d\x1e\x1f\u180e\u200b\u200c\u200d\u2060\ufeff"

HAND_MADE = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\r", "\n\r", "a\r\nb", "a \r\n b", "a\r\n\r\n  b",
    "Hello world", " Hello world", "Hello  world", "Hello   world  ", "  \n  \n  x", "\t\tx\t\t", "x \n", "x\n ", "x \n\n y",
    "I'm you're he'd we'll they've it's don't", "I'M YOU'RE HE'D WE'LL THEY'VE IT'S DON'T", "'s's't're", "' s", "''s",
    "'\u017f", "it'\u017f late", "I\u2019m not", "'tis 'twas", "o'clock", "'LL'Ve'rE", "x's'", "'d1'd",
    "1", "12", "123", "1234", "12345", "1234567890", " 1 22 333 4444", "3.14", "1,000,000", "١٢٣٤٥", "Ⅷ½²③", "１２３４",
    "a1b22c333", "0x1F600", "x=1;y=22;", "!!!", "!!!\n", "!!!\r\n\r\n", " !!!\n\n x", "...\n...", "#!/bin/sh\n\tls -l\n",
    "lantern", " lantern", "  lantern", "quay quay", "quays", " 海", "海 海", "the lantern's light",
    "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈 🇩🇪🇫🇷", "👍🏽👍", "a😀b", "e\u0301", "\u0301", "e\u0301\u0302x", "a\u0300 b\u0300", "\u0915\u093f\u0924\u093e\u092c",
    "ﬁ ﬂ ß İ ı ſ K Å", "Ǆǅǆ", "ªº", "ʰ", "中文字", "日本語テキスト、です。", "한국어 텍스트", "𝒳𝟙𝟚", "𐍈", "\U0010ffff", "\ud7ff\ue000",
    "\x00", "a\x00b", "\x7f\x80\x9f", "\ufffd", "\ufeffbom", "a\u200bb", "a\u00adb", "x\u180ey", " \u180e ", "\u180e\u180e",
    "<|start|>", "<|start|>user\nhi<|end|>\n", "a<|start|>", "<|start|><|end|>", "<|start|", "<|start|>|>", "<<|end|>>",
    " <|end|> ", "<think>", "x<think>y</think>z", "<think> <think>", "<thinking>", "<think", "<|end|>\n\n<|end|>",
    "def f(x):\n    return x  # no\n\n\nclass A:\n\tpass\n", "{\"a\": [1, 2, {\"b\": null}]}", "https://example.org/a?b=c&d=%20",
    "a" * 70, " " * 70, "\n" * 70, "1" * 70, "ab" * 40, "!" * 70, " a" * 30, "é" * 40, "😀" * 20,
]


def adversarial_texts():
    yield from HAND_MADE
    for c in SPACES + NEARLY_SPACES:
        yield from (c, f"a{c}b", f"a{c}{c}b", f" {c}x", f"{c} x", f"{c}\n{c}x", f"1{c}1", f"!{c}!")
    rng = random.Random(20240)
    parts = list(SPACES + NEARLY_SPACES) + [
        " ", " ", "  ", "\n", "\r\n", "'s", "'LL", "'", "the", "Ship", "was", "lantern", "7", "42", "2024", "٣", "½", ".", "!?", "--",
        "(", "é", "e\u0301", "\u0301", "ß", "ж", "海", "です", "한", "ا", "क", "\u093f", "😀", "\u200d", "\ufe0f", "🇩", "<|start|>", "<|end|>",
        "<think>", "<|", "_", "\x00", "\ue000", "𝟙", "𐍈",
    ]
    for _ in range(150):
        yield "".join(rng.choice(parts) for _ in range(rng.randint(2, 14)))


def make_tokenizer(pre):
    ignore_merges = pre == "llama-bpe"
    pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERNS[pre]), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizer
    trained.train_from_iterator([TRAINING_TEXT], trainers.BpeTrainer(
        vocab_size=600, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(trained.to_str())["model"]
    vocab, merges = model["vocab"], [tuple(merge) for merge in model["merges"]]
    for text in UNMERGED:
        stored = "".join(piece for piece, _ in pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str(text))
        vocab.setdefault(stored, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ("<|start|>", "<|end|>")])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in ("<think>", "</think>")])
    return tokenizer, merges


def make_fixture(pre):
    tokenizer, merges = make_tokenizer(pre)
    n_vocab = tokenizer.get_vocab_size()
    tokens = [tokenizer.id_to_token(i) for i in range(n_vocab)]
    types = [3 if t in ("<|start|>", "<|end|>") else 4 if t in ("<think>", "</think>") else 1 for t in tokens]
    cases = []
    for text in dict.fromkeys(adversarial_texts()):
        tokenizer.encode_special_tokens = False
        parsed = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append([text, parsed] if plain == parsed else [text, parsed, plain])
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    head = json.dumps({
        "source": "texts and training text of this tool", "tool": f"tokenizers {tokenizers.__version__}",
        "command": "python3 tools/make_tokenizer_fixtures.py", "pre": pre, "tokens": tokens, "types": types,
        "merges": [" ".join(merge) for merge in merges],
        "cases_are": "[text, ids, ids with control tokens as text where they differ]",
    }, separators=(",", ":"))
    path = pathlib.Path(f"tests/fixtures/tokenizer_{pre.replace('-', '_')}.json")
    path.write_text(head[:-1] + ',"cases":[\n' + lines + "\n]}\n")
    print(path, path.stat().st_size, "bytes,", len(cases), "cases,", n_vocab, "tokens")


if __name__ == "__main__":
    for name in PATTERNS:
        make_fixture(name)
