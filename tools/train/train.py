"""Trains quandex-tiny for a given number of minutes.

The schedule follows the clock: whatever the speed of the machine, the learning rate reaches zero
when the minutes are over. The weights with the best validation loss are the ones that it writes.
A checkpoint with the optimizer's state is written now and then, and --resume goes on from it.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from corpus import DECAY_STARTS, Corpus
from evaluate import all_losses, held_out, measure, write_samples
from model import Qwen3
from optimizer import make_optimizers
from settings import END_OF_TEXT, ModelSettings

PIECE_BYTES = 14 << 20


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(".cache/corpus"))
    parser.add_argument("--out", type=Path, default=Path(".cache/train"))
    parser.add_argument("--minutes", type=float, default=8.5, help="whole run, start and compilation included")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rows", type=int, default=128, help="windows in a batch")
    parser.add_argument("--length", type=int, default=1024, help="tokens in a window")
    parser.add_argument("--layers", type=int, default=ModelSettings.layers, help="fewer make a quick trial")
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=0.002)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--start-weights", type=Path, help="begin from these weights, with a fresh optimizer")
    parser.add_argument("--start-progress", type=float, default=0.0, help="begin here in the schedule")
    parser.add_argument("--checkpoint", type=Path, help="file for the resumable state")
    parser.add_argument("--resume", action="store_true", help="go on from --checkpoint")
    parser.add_argument("--eval-seconds", type=float, default=20)
    parser.add_argument("--eval-tokens", type=int, default=100_000, help="of each held-out text")
    parser.add_argument("--sample-tokens", type=int, default=200, help="length of each sample at the end")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def rate_factor(progress: float, progress_at_start: float) -> float:
    """Short warm-up, then flat, then a straight line to zero."""
    warm_up = min(1.0, (progress - progress_at_start) / 0.01 + 0.01)
    return warm_up * min(1.0, (1.0 - progress) / (1.0 - DECAY_STARTS))


def save_weights(model: Qwen3, folder: Path, name: str) -> None:
    """16-bit safetensors, cut in pieces that small file limits let through."""
    tensors = {key: tensor.detach().half().cpu().contiguous() for key, tensor in model.state_dict().items()}
    whole = folder / f"{name}.safetensors"
    save_file(tensors, whole, metadata={"format": "pt"})
    data = whole.read_bytes()
    for index, first in enumerate(range(0, len(data), PIECE_BYTES)):
        (folder / f"{name}.safetensors.part{index}").write_bytes(data[first : first + PIECE_BYTES])
    whole.unlink()


class Best:
    """The weights with the lowest mean of the validation losses on stories and talks."""

    def __init__(self):
        self.loss, self.progress, self.weights = float("inf"), 0.0, {}

    def offer(self, model: Qwen3, progress: float, losses: dict[str, float]) -> None:
        loss = (losses["validation_stories"] + losses["validation_talks"]) / 2
        if loss < self.loss:
            self.loss, self.progress = loss, progress
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


class Run:
    """One training run: model, optimizers, corpus, clock and log."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.began = time.monotonic()
        options.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(options.seed)
        torch.set_float32_matmul_precision("high")
        self.settings = ModelSettings(layers=options.layers)
        self.tokenizer = Tokenizer.from_file(str(options.corpus / "tokenizer.json"))
        self.corpus = Corpus(options.corpus, options.device, self.tokenizer.token_to_id(END_OF_TEXT))
        self.model = Qwen3(self.settings, options.dropout).to(options.device)
        self.optimizers = make_optimizers(self.model, options.muon_rate, options.adam_rate, options.weight_decay)
        self.base_rates = [optimizer.param_groups[0]["lr"] for optimizer in self.optimizers]
        self.steps, self.first_progress, self.best = 0, options.start_progress, Best()
        self.load_state()
        compile_or_not = (lambda f: f) if options.no_compile else torch.compile
        self.loss = compile_or_not(self.model.loss)
        self.log_file = (options.out / "log.jsonl").open("a")
        self.texts = held_out(options.corpus)

    def load_state(self) -> None:
        options = self.options
        if options.start_weights:
            weights = load_file(options.start_weights)
            self.model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        if options.resume and options.checkpoint.exists():
            state = torch.load(options.checkpoint, map_location=options.device, weights_only=False)
            self.model.load_state_dict(state["model"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"]):
                optimizer.load_state_dict(saved)
            self.steps, self.first_progress, self.corpus.drawn = state["steps"], state["progress"], state["drawn"]
            vars(self.best).update(state["best"])

    def save_state(self, progress: float) -> None:
        if not self.options.checkpoint:
            return
        state = {"model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
                 "steps": self.steps, "progress": progress, "drawn": self.corpus.drawn, "best": vars(self.best)}
        unfinished = self.options.checkpoint.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.replace(self.options.checkpoint)

    def log(self, **values) -> None:
        line = json.dumps({"seconds": round(time.monotonic() - self.began, 1), "step": self.steps, **values})
        print(line, flush=True)
        self.log_file.write(line + "\n")
        self.log_file.flush()

    def train_step(self, progress: float) -> torch.Tensor:
        inputs, targets = self.corpus.draw(self.options.rows, self.options.length, progress)
        device = self.options.device.split(":")[0]
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = self.loss(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        factor = rate_factor(progress, self.first_progress)
        for optimizer, rate in zip(self.optimizers, self.base_rates):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def evaluate(self, progress: float, train_loss: float, speed: float) -> None:
        self.model.eval()
        options = self.options
        losses = measure(self.model, self.texts, options.device, options.eval_tokens)
        self.best.offer(self.model, progress, losses)
        self.model.train()
        self.log(progress=round(progress, 4), train_loss=round(train_loss, 4), tokens_per_second=int(speed), **losses)

    def train(self) -> None:
        self.train_step(self.first_progress)  # compiles, and must not count in the schedule
        loss = self.train_step(self.first_progress)
        float(loss)
        started = time.monotonic()
        reserve = 20 if self.options.minutes > 2 else 5  # seconds for the last figures and samples
        end = max(started + 5, self.began + self.options.minutes * 60 - reserve)
        self.log(started=round(started - self.began, 1), parameters=sum(p.numel() for p in self.model.parameters()))
        speed, loss_value, trunk_saved = 0.0, 0.0, self.first_progress > DECAY_STARTS
        next_eval, mark, mark_steps = started, started, self.steps
        while True:
            now = time.monotonic()
            progress = self.first_progress + (1 - self.first_progress) * (now - started) / (end - started)
            if progress >= 1.0:
                break
            if not trunk_saved and progress >= DECAY_STARTS:
                save_weights(self.model, self.options.out, "weights-before-decay")
                trunk_saved = True
            loss = self.train_step(progress)
            self.steps += 1
            if self.steps % 4 == 0:
                loss_value = float(loss)  # waits, so that the clock is the device's
            if now >= next_eval and self.steps > mark_steps:
                loss_value = float(loss)
                speed = (self.steps - mark_steps) * self.options.rows * self.options.length / (time.monotonic() - mark)
                self.evaluate(progress, loss_value, speed)
                self.save_state(progress)
                next_eval, mark, mark_steps = now + self.options.eval_seconds, time.monotonic(), self.steps
        self.finish(float(loss), speed)

    def finish(self, train_loss: float, speed: float) -> None:
        self.evaluate(1.0, train_loss, speed)
        self.save_state(1.0)
        self.model.load_state_dict(self.best.weights)
        self.model.eval()
        save_weights(self.model, self.options.out, "weights")
        limit = 10 * self.options.eval_tokens
        losses = all_losses(self.model, self.options.corpus, self.tokenizer, self.options.device, limit)
        self.log(final=losses, taken_at=round(self.best.progress, 4), epochs=self.corpus.epochs())
        text, distinct = write_samples(self.model, self.tokenizer, self.options.sample_tokens)
        (self.options.out / "samples.md").write_text(text + "\n")
        self.log(distinct_4_grams=round(distinct, 4))


if __name__ == "__main__":
    Run(read_options()).train()
