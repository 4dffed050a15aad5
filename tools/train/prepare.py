"""Trains the tokenizer and turns the text collections into packed token files.

Writes tokenizer.json, one NAME.u16.xz for each source and corpus.json into --out.
"""

import argparse
import json
import lzma
import random
from pathlib import Path

import numpy
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import AddedToken, Regex

import dialogues
import sources
from settings import END_OF_TEXT, SPECIAL_TOKENS, SPLIT_PATTERN, ModelSettings

# Tokens are small 16-bit numbers: these settings let LZMA see their alignment.
COMPRESSION = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 26, "lc": 2, "lp": 1, "pb": 1}]


def train_tokenizer(texts: list[str], vocabulary: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    assert tokenizer.get_vocab_size() == vocabulary
    return tokenizer


def hold_out(documents: list, every: int) -> tuple[list, list]:
    kept = [document for index, document in enumerate(documents) if index % every]
    return kept, documents[::every]


def build_documents(folder: Path, story_copies: int, small_talks: int) -> dict[str, list[str]]:
    """Every source as a list of documents; names that start with eval_ are not trained on."""
    chance = random.Random(7)
    children, books = sources.read_books(folder / "train")
    held_books = [book[:200_000] for book in books[40::120]]
    books = [book for index, book in enumerate(books) if index % 120 != 40]
    stories = sources.read_stories(folder / "train")
    talks = sources.read_dialogues(folder / "train" / "dialogues_topicalchat.jsonl.xz")
    orders = sources.read_dialogues(folder / "train" / "dialogues_taskmaster4.jsonl")
    capitals = sources.read_capitals(folder / "train")
    talks, held_talks = hold_out(talks, 40)
    half = sum(map(len, books)) // 2
    middle = next(i for i in range(len(books)) if sum(map(len, books[:i])) >= half)
    copies = [(story, copy) for copy in range(story_copies) for story in stories]
    african = sources.read_african_stories(folder / "train")
    african = [sources.vary_story(story, copy, chance) for copy in range(2) for story in african]
    return {
        "books_easy": books[:middle],
        "books_hard": books[middle:],
        "children": children,
        "african": african,
        "stories": [sources.vary_story(story, copy, chance) for story, copy in copies],
        "story_chat": [dialogues.story_request(story, copy, chance) for story, copy in copies],
        "talks": [dialogues.real_dialogue(talk, chance) for _ in range(2) for talk in talks],
        "orders": [dialogues.real_dialogue(order, chance) for order in orders if len(order) > 1],
        "small_talk": [dialogues.small_talk(capitals, chance) for _ in range(small_talks)],
        "eval_stories": [sources.read_text(folder / "eval" / "tinystories_val_yuninxia.txt").strip()],
        "eval_seen_stories": stories[:800],
        "eval_books": held_books,
        "eval_talks": [dialogues.real_dialogue(talk, chance) for talk in held_talks],
    }


def tokenizer_sample(documents: dict[str, list[str]]) -> list[str]:
    """Stories and dialogues whole, and a slice of every book, so that stories shape the merges."""
    sample = documents["stories"][: len(documents["stories"]) // 2] + documents["talks"] + documents["small_talk"]
    for name in ("children", "books_easy", "books_hard"):
        sample += [book[:60_000] for book in documents[name]]
    # The markers become whole tokens; their letters must not count as text.
    for token in SPECIAL_TOKENS:
        sample = [text.replace(token, "\n") for text in sample]
    return sample


def pack(tokenizer: Tokenizer, documents: list[str]) -> numpy.ndarray:
    end = tokenizer.token_to_id(END_OF_TEXT)
    pieces = []
    for first in range(0, len(documents), 512):
        for encoding in tokenizer.encode_batch(documents[first : first + 512], add_special_tokens=False):
            pieces.append(numpy.array(encoding.ids + [end], dtype=numpy.uint16))
    return numpy.concatenate(pieces)


def shorten_books(tokens: numpy.ndarray, limit: int) -> numpy.ndarray:
    """Keeps the easier books: the hardest prose is at the end."""
    return tokens[:limit] if limit else tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data/text"))
    parser.add_argument("--out", type=Path, default=Path(".cache/corpus"))
    parser.add_argument("--story-copies", type=int, default=6)
    parser.add_argument("--small-talks", type=int, default=25_000)
    parser.add_argument("--hard-book-tokens", type=int, default=0, help="keep this many; 0 keeps all")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    documents = build_documents(options.data, options.story_copies, options.small_talks)
    tokenizer = train_tokenizer(tokenizer_sample(documents), ModelSettings().vocabulary)
    tokenizer.save(str(options.out / "tokenizer.json"))
    summary = {}
    for name, texts in documents.items():
        tokens = pack(tokenizer, texts)
        if name == "books_hard":
            tokens = shorten_books(tokens, options.hard_book_tokens)
        packed = lzma.compress(tokens.tobytes(), format=lzma.FORMAT_XZ, filters=COMPRESSION)
        (options.out / f"{name}.u16.xz").write_bytes(packed)
        size = sum(len(text.encode()) for text in texts)
        summary[name] = {"documents": len(texts), "tokens": len(tokens), "text_bytes": size, "packed_bytes": len(packed)}
        print(name, summary[name], flush=True)
    (options.out / "corpus.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
