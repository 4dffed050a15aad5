"""Holds the packed sources on the training device and draws batches from them."""

import json
import lzma
from pathlib import Path

import numpy
import torch

# Shares of each source at four points of the training; between them they change evenly.
# Stories are few (about 1.6 M different tokens as stories or inside chats): in 1.15 G tokens each is seen
# about 46 times, most often in the second half. Shares that jump in the last tenth make it learn them by heart.
POINTS = (0.0, 0.55, 0.90, 1.0)
DECAY_STARTS = POINTS[1]
PLAN = {
    "books_easy": (0.490, 0.462, 0.430, 0.400),
    "books_hard": (0.386, 0.330, 0.216, 0.131),
    "children":   (0.070, 0.100, 0.140, 0.180),
    "african":    (0.003, 0.004, 0.005, 0.006),
    "stories":    (0.018, 0.034, 0.064, 0.075),
    "story_chat": (0.010, 0.024, 0.044, 0.052),
    "talks":      (0.015, 0.030, 0.065, 0.090),
    "orders":     (0.002, 0.004, 0.006, 0.006),
    "small_talk": (0.006, 0.012, 0.030, 0.060),
}
BOOKS = ("books_easy", "books_hard", "children")


def shares_at(progress: float) -> numpy.ndarray:
    """Share of every source, in the order of PLAN, for a progress between 0 and 1."""
    shares = numpy.array([numpy.interp(progress, POINTS, points) for points in PLAN.values()])
    return shares / shares.sum()


def read_packed(folder: Path, name: str) -> numpy.ndarray:
    data = lzma.decompress((folder / f"{name}.u16.xz").read_bytes())
    return numpy.frombuffer(data, dtype=numpy.uint16)


def shuffle_documents(tokens: numpy.ndarray, end_of_text: int, seed: int) -> numpy.ndarray:
    """Copies of one story then have other neighbours every time."""
    documents = numpy.split(tokens, numpy.flatnonzero(tokens == end_of_text)[:-1] + 1)
    order = numpy.random.default_rng(seed).permutation(len(documents))
    return numpy.concatenate([documents[index] for index in order])


class Corpus:
    def __init__(self, folder: Path, device: str, end_of_text: int):
        summary = json.loads((folder / "corpus.json").read_text())
        sources = [read_packed(folder, name) for name in PLAN]
        assert [len(tokens) for tokens in sources] == [summary[name]["tokens"] for name in PLAN]
        joined = numpy.concatenate([tokens if name in BOOKS else shuffle_documents(tokens, end_of_text, seed=1)
                                    for name, tokens in zip(PLAN, sources)])
        self.lengths = numpy.array([len(tokens) for tokens in sources])
        offsets = numpy.concatenate(([0], numpy.cumsum(self.lengths)))
        starts = numpy.concatenate(([0], numpy.flatnonzero(joined == end_of_text)[:-1] + 1))
        self.device = device
        # Ids stay below 32768, and signed 16-bit tensors can be indexed on every device.
        self.tokens = torch.from_numpy(joined.astype(numpy.int16)).to(device)
        self.offsets = torch.from_numpy(offsets).to(device)
        self.document_starts = torch.from_numpy(starts).to(device)
        self.drawn = numpy.zeros(len(PLAN))

    def draw(self, rows: int, length: int, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Random windows; half of those in which a document could begin do begin with it, as prompts do.

        Books begin too seldom for that: their few first pages would be half of what is read of them.
        """
        shares = shares_at(progress)
        self.drawn += shares * rows * length
        weights = torch.from_numpy(shares).float().to(self.device, non_blocking=True)
        source = torch.multinomial(weights, rows, replacement=True)
        first, after = self.offsets[source], self.offsets[source + 1]
        room = (after - first - length - 1).clamp(min=1)
        position = first + (torch.rand(rows, device=self.device, dtype=torch.float64) * room).long()
        index = torch.searchsorted(self.document_starts, position, right=True) - 1
        aligned = torch.maximum(self.document_starts[index], first)
        chosen = (torch.rand(rows, device=self.device) < 0.5) & (position - aligned < length)
        position = torch.where(chosen, aligned, position)
        window = position[:, None] + torch.arange(length + 1, device=self.device)
        tokens = self.tokens[window.clamp(max=len(self.tokens) - 1)].long()
        return tokens[:, :-1], tokens[:, 1:].contiguous()

    def epochs(self) -> dict[str, float]:
        """How often each source was seen so far."""
        return {name: round(float(seen), 2) for name, seen in zip(PLAN, self.drawn / self.lengths)}
