"""What bench/tokenizer.py measures on: texts, runs of one character, and vocabularies made larger."""
import json
import lzma
import pathlib
import random

RUNS = {
    "letter": "a", "capital": "A", "space": " ", "newline": "\n", "crlf": "\r\n", "tab": "\t", "digit": "1",
    "equals": "=", "apostrophe": "'", "han": "\u6d77", "accent": "\u0301", "nul": "\0",
}


def make_runs(folder, n_bytes):
    """Files of one character each, named for it."""
    files = []
    for name, unit in RUNS.items():
        path = folder / f"run of {name}"
        path.write_bytes(unit.encode() * (n_bytes // len(unit.encode())))
        files.append(path)
    return files


def shared_texts(shared, folder):
    """English texts of the folder data/ beside the repository, those that are there."""
    texts = [shared / "text/eval/tinyshakespeare.txt", shared / "text/eval/wikitext-2/test.txt"]
    books = shared / "text/train/books_le1930_a.txt.xz"
    if books.exists():
        texts.append(folder / "books.txt")
        with lzma.open(books) as file:
            texts[-1].write_bytes(file.read(4 << 20).decode("utf-8", "ignore").encode())
    return [text for text in texts if text.exists()]


def make_text(path, n_bytes):
    """English enough for a benchmark: words whose lengths and frequencies are those of prose, with its punctuation."""
    draw = random.Random(5)
    syllables = [a + b + c for a in ["", "b", "c", "d", "f", "l", "m", "n", "p", "r", "s", "st", "t", "th", "w"]
                 for b in "aeiou" for c in ["", "", "n", "r", "s", "t", "nd", "ng"]]
    words = ["".join(draw.choices(syllables, k=draw.choice([1, 1, 1, 2, 2, 3]))) for _ in range(20000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    parts, size = [], 0
    while size < n_bytes:
        sentence = draw.choices(words, weights, k=draw.randint(4, 24))
        sentence[0] = sentence[0].capitalize()
        if draw.random() < 0.1:
            sentence.insert(2, str(draw.randint(1, 2000)))
        if draw.random() < 0.4:
            sentence[len(sentence) // 2] += ","
        parts.append(" ".join(sentence) + draw.choice([". ", ". ", "? ", ".\n", ".\n\n", "!\n", "'s. "]))
        size += len(parts[-1])
    path.write_text("".join(parts)[:n_bytes])
    return path


def train_vocabulary(folder, text):
    """A vocabulary with GPT-2's pattern, trained on a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train([str(text)], trainer)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    return folder


def grow_vocabulary(source, folder, n_bytes, as_pairs):
    """The vocabulary `source` with merges of its own tokens added until the file has n_bytes: pairs of tokens as lists,
    as newer files have them, or as texts with a space."""
    data = json.loads((source / "tokenizer.json").read_text())
    vocab, model = data["model"]["vocab"], data["model"]
    merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    draw = random.Random(9)
    tokens = [token for token in vocab if len(token) < 8]
    next_id = max(max(vocab.values()), *(token["id"] for token in data["added_tokens"]), 0) + 1
    # The sizes as the file will have them, without the spaces that indent nothing.
    size = lambda value: len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + 1
    model["merges"] = [list(merge) if as_pairs else " ".join(merge) for merge in merges]
    total = size(data)
    while total < n_bytes:
        left, right = draw.choice(tokens), draw.choice(tokens)
        if left + right in vocab:
            continue
        vocab[left + right] = next_id
        model["merges"].append([left, right] if as_pairs else f"{left} {right}")
        total += size(left + right) + len(str(next_id)) + 1 + size(model["merges"][-1])
        next_id += 1
    folder.mkdir()
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text)
    return folder
