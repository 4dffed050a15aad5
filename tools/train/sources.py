"""Reads and cleans the text collections, each into a list of documents."""

import json
import lzma
import random
import re
from pathlib import Path

from settings import END_OF_TEXT

# Children's prose is the closest that the books come to the stories, so it is drawn more often.
CHILDREN_AUTHORS = (
    "Grimm", "Andersen", "Baum", "Nesbit", "Barrie", "Carroll", "Grahame", "Potter", "Spyri",
    "Collodi", "Aesop", "Sewell", "Hodgson Burnett", "Chandler Warner", "Lofting", "Kipling",
    "Alcott", "Montgomery", "Farwell Brown", "Andrew Lang", "Eleanor H. Porter", "Milne",
    "Margery Williams", "George MacDonald", "Bannerman", "Wyss", "Kate Douglas Wiggin",
)
GIRLS = (
    "Lily Sue Mia Lucy Anna Sara Amy Jane Sally Sarah Lila Molly Jill Mary Emma Jen Bella Ella "
    "Luna Lisa Jenny Polly Susie Lola Emily Millie Tina Kate Zoe Clara Ruby Nina Rosa Alice Nora"
).split()
BOYS = (
    "Tim Tom Ben Sam Bob Jack Timmy John Joe Tommy Billy Leo Jimmy Jim Jake Andy Bobby Fred "
    "Peter Pete Danny Dave David Adam Oscar Henry Noah Hugo Paul Theo Eric Felix Omar Luke"
).split()
NAME = re.compile(r"\b(" + "|".join(GIRLS + BOYS) + r")\b")
PLAIN_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ", "–": "-", "—": "-"})


def read_text(path: Path) -> str:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8").read()
    return path.read_text(encoding="utf-8")


def split_documents(text: str) -> list[str]:
    return [part.strip() for part in text.split(END_OF_TEXT) if part.strip()]


def clean_book(text: str) -> str:
    text = re.sub(r"_([^_\n]+)_", r"\1", text.translate(PLAIN_QUOTES))
    text = re.sub(r"[ \t]+", " ", text)
    return re.sub(r"\n{3,}", "\n\n", text)


def is_for_children(book: str) -> bool:
    heading = book[:300].split("\n\n")[0]
    return any(author in heading for author in CHILDREN_AUTHORS)


def read_books(folder: Path) -> tuple[list[str], list[str]]:
    """Children's books, then all others, easiest prose first."""
    children, others = [], []
    for path in sorted(folder.glob("books_le1930_*.txt.xz")):
        for book in split_documents(read_text(path)):
            (children if is_for_children(book) else others).append(clean_book(book))
    return children, others


def clean_story(text: str) -> str:
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.translate(PLAIN_QUOTES).split("\n"))
    return "\n".join(line for line in lines if line)


def is_whole(story: str) -> bool:
    """Some stories of the collection stop in the middle of a sentence."""
    return len(story) > 200 and story[-1] in ".!?\"'"


def read_stories(folder: Path) -> list[str]:
    stories = map(clean_story, split_documents(read_text(folder / "tinystories.txt.xz")))
    return [story for story in stories if is_whole(story)]


def read_african_stories(folder: Path) -> list[str]:
    """The lines of this collection are wrapped for small pages; paragraphs are joined again."""
    documents = []
    for text in split_documents(read_text(folder / "african_storybook_en_ccby.txt")):
        paragraphs = (" ".join(part.split()) for part in text.translate(PLAIN_QUOTES).split("\n\n"))
        documents.append("\n".join(part for part in paragraphs if part))
    return [story for story in documents if len(story) > 200]


def rename_people(story: str, chance: random.Random) -> str:
    """Swaps first names for others of the same kind, so that repeats differ."""
    names = sorted(set(NAME.findall(story)))
    girls, boys = list(GIRLS), list(BOYS)
    chance.shuffle(girls)
    chance.shuffle(boys)
    swapped = {name: (girls if name in GIRLS else boys).pop() for name in names}
    return NAME.sub(lambda match: swapped[match.group(1)], story)


def vary_story(story: str, copy: int, chance: random.Random) -> str:
    """The first copy keeps its names; half of all copies part paragraphs by an empty line."""
    varied = story if copy == 0 else rename_people(story, chance)
    return varied.replace("\n", "\n\n") if chance.random() < 0.5 else varied


def read_dialogues(path: Path) -> list[list[dict]]:
    rows = (json.loads(line)["messages"] for line in read_text(path).splitlines() if line.strip())
    return [[clean_message(message) for message in row] for row in rows]


def clean_message(message: dict) -> dict:
    content = " ".join(message["content"].translate(PLAIN_QUOTES).split())
    return {"role": message["role"], "content": content[:1].upper() + content[1:]}


def read_capitals(folder: Path) -> list[tuple[str, str]]:
    """(country, capital) pairs of the World Factbook."""
    pairs, country = [], ""
    for line in read_text(folder / "world_factbook.txt.xz").splitlines():
        if line.startswith("# "):
            country = line[2:].strip()
        found = re.search(r"Capital: name: ([A-Z][\w' .\-]+)$", line.split(";")[0].strip())
        if found and re.fullmatch(r"[\w' \-]+", country):
            pairs.append((country, found.group(1).strip()))
    return pairs
