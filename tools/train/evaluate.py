"""Measures a model: losses on held-out text, share of distinct 4-grams, samples."""

import argparse
import json
import math
from pathlib import Path

import numpy
import torch
import torch.nn.functional as functional
from safetensors.torch import load_file
from tokenizers import Tokenizer

from corpus import read_packed
from dialogues import render
from model import Qwen3
from settings import END_OF_TEXT, TURN_END, TURN_START, ModelSettings

STORY_PROMPTS = [
    "Once upon a time", "One day, a little girl named Lily", "Once upon a time, there was a small dog named Max.",
    "Tom and Anna were playing in the park when", "In a big forest, there lived a", "The little bird wanted to",
    "It was a rainy day and Ben", "Once there was an old king who", "Sara found a shiny key in the garden.",
    "The farmer had a cow and a",
]
CHATS = [
    ["Hello!"], ["What is your name?"], ["Tell me a story about a dog."], ["I am sad today."], ["What color is the sky?"],
    ["Hi! How are you?", None, "I am fine too. What is your favorite animal?", None, "Thank you, goodbye!"],
    ["Can you tell me a story about a princess and a frog?", None, "Thank you!"], ["Do you like to read books?"],
    ["What is the capital of France?"], ["Do you like football?"],
]


@torch.no_grad()
def mean_loss(model: Qwen3, tokens: numpy.ndarray, device: str, limit: int = 200_000) -> float:
    """Nats per token over windows that do not overlap, each read without what came before."""
    length = model.settings.context
    count = min(len(tokens) - 1, limit) // length
    rows = torch.from_numpy(tokens[: count * length + 1].astype(numpy.int64))
    inputs, targets = rows[:-1].view(count, length), rows[1:].view(count, length)
    total = 0.0
    for first in range(0, count, 32):
        part, goal = inputs[first : first + 32].to(device), targets[first : first + 32].to(device)
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=device.startswith("cuda")):
            total += model.loss(part, goal).item() * len(part)
    return total / count


def pick(logits: torch.Tensor, temperature: float, best: int) -> torch.Tensor:
    values, ids = logits.float().topk(best, dim=-1)
    chosen = torch.multinomial(functional.softmax(values / temperature, dim=-1), 1)
    return ids.gather(-1, chosen)


@torch.no_grad()
def continue_text(model, tokenizer, prompt: str, new_tokens: int, temperature: float = 0.8, best: int = 40) -> list[int]:
    """Ids of the continuation; stops at the end of the text or of the turn."""
    device = next(model.parameters()).device
    stops = {tokenizer.token_to_id(END_OF_TEXT), tokenizer.token_to_id(TURN_END)}
    tokens = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False).ids], device=device)
    start = tokens.shape[1]
    while tokens.shape[1] < min(start + new_tokens, model.settings.context):
        chosen = pick(model(tokens)[:, -1], temperature, best)
        if chosen.item() in stops:
            break
        tokens = torch.cat((tokens, chosen), dim=1)
    return tokens[0, start:].tolist()


def distinct_share(texts: list[list[int]], order: int = 4) -> float:
    """Different runs of `order` tokens over all runs, counted over all texts together."""
    runs = [tuple(text[i : i + order]) for text in texts for i in range(len(text) - order + 1)]
    return len(set(runs)) / max(1, len(runs))


def hold_chat(model, tokenizer, turns: list, new_tokens: int) -> str:
    """Plays a chat; None stands for a reply of the model."""
    messages = []
    for turn in turns + ([None] if turns[-1] is not None else []):
        if turn is not None:
            messages.append({"role": "user", "content": turn})
            continue
        prompt = render(messages) + f"{TURN_START}assistant\n"
        reply = tokenizer.decode(continue_text(model, tokenizer, prompt, new_tokens))
        messages.append({"role": "assistant", "content": reply})
    return "\n".join(f"**{message['role']}**: {message['content']}" for message in messages)


def write_samples(model, tokenizer, new_tokens: int = 200, seed: int = 1) -> tuple[str, float]:
    """Ten stories and ten chats, none picked, and the share of distinct 4-grams of the stories."""
    torch.manual_seed(seed)
    stories = [continue_text(model, tokenizer, prompt, new_tokens) for prompt in STORY_PROMPTS]
    lines = ["## Stories\n"]
    for prompt, story in zip(STORY_PROMPTS, stories):
        lines.append(f"**{prompt}**{tokenizer.decode(story)}\n")
    lines.append("## Chats\n")
    lines += [hold_chat(model, tokenizer, turns, new_tokens) + "\n" for turns in CHATS]
    return "\n".join(lines), distinct_share(stories)


def held_out(corpus_folder: Path) -> dict[str, numpy.ndarray]:
    """Texts that are not trained on, and 800 stories that are (`seen`).

    Validation halves may choose among weights; the test halves only report on the chosen ones.
    """
    stories, talks = read_packed(corpus_folder, "eval_stories"), read_packed(corpus_folder, "eval_talks")
    middle, talks_middle = len(stories) // 2, len(talks) // 2
    return {
        "validation_stories": stories[:middle], "test_stories": stories[middle:],
        "validation_talks": talks[:talks_middle], "test_talks": talks[talks_middle:],
        "books": read_packed(corpus_folder, "eval_books"),
        "seen_stories": read_packed(corpus_folder, "eval_seen_stories"),
    }


def measure(model, texts: dict[str, numpy.ndarray], device: str, limit: int = 10**9) -> dict[str, float]:
    return {name: round(mean_loss(model, tokens, device, limit), 4) for name, tokens in texts.items()}


def all_losses(model, corpus_folder: Path, tokenizer: Tokenizer, device: str, limit: int = 10**9) -> dict[str, float]:
    """Nats per token of every text; the stories also in bits per byte, to compare across tokenizers."""
    texts = held_out(corpus_folder)
    losses = measure(model, texts, device, limit)
    for name in ("validation_stories", "test_stories"):
        size = len(tokenizer.decode(texts[name].tolist(), skip_special_tokens=True).encode())
        losses[name + "_bits_per_byte"] = round(losses[name] * len(texts[name]) / size / math.log(2), 4)
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path(".cache/corpus"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--samples", type=Path, help="write the samples here")
    options = parser.parse_args()
    model = Qwen3(ModelSettings()).to(options.device).eval()
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(options.weights).items()})
    tokenizer = Tokenizer.from_file(str(options.corpus / "tokenizer.json"))
    report = all_losses(model, options.corpus, tokenizer, options.device)
    text, report["distinct_4_grams"] = write_samples(model, tokenizer)
    print(json.dumps(report, indent=1))
    if options.samples:
        options.samples.write_text(text + "\n")


if __name__ == "__main__":
    main()
