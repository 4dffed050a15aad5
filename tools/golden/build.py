"""Makes one case: its files, their golden logits, and the checks that let nothing doubtful become golden."""

import json
import re
import shutil
import tempfile
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from golden import (bin_readers, hf, readers, second, witness, write_gguf, write_llama2c, write_mlx, write_qwen3c)
from golden.cases import Case
from golden.rope import inverse_frequencies
from golden.weights import head_dim_of, make_tensors, stack_experts

# Relative to the largest logit. The second witness in float64 follows the same definitions in the same precision; as it
# is, it takes norms, RoPE and softmax through float32; a family that holds the same values may hold its RoPE factors
# and other constants as float32.
SAME_PRECISION = 1e-9
FLOAT32_INSIDE = 1e-5
OTHER_FAMILY = 1e-5
MATTERS = 0.01
ROUTING_MARGIN = 1e-3


def token_ids(seed: str, length: int, vocab: int) -> list:
    return np.random.default_rng(zlib.crc32(f"ids {seed}".encode())).integers(0, vocab, length).tolist()


def relative(got: np.ndarray, golden: np.ndarray) -> float:
    return float(np.abs(got - golden).max() / np.abs(golden).max())


def require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"make_golden: {what}")


def rounded(value: float) -> float:
    """Two digits: enough to read, and the same on every machine but for luck."""
    return float(f"{value:.1e}")


class Builder:
    def __init__(self, case: Case, folder: Path):
        self.case, self.folder = case, folder
        self.runs = [token_ids(case.name, length, case.config["vocab_size"]) for length in case.runs]
        self.facts = {
            "proves": case.proves,
            "source": "seeded random weights, no third-party data",
            "tools": ", ".join(f"{name} {version(name)}" for name in
                               ("numpy", "transformers", "torch", "gguf", "safetensors", "mlx", "mlx-lm")).replace("+cpu", ""),
            "command": f"tools/make_golden.py {case.name}",
            "architecture": case.config["model_type"],
            "families": {}, "runs": [],
        }

    def write_runs(self, key: str, prefix: str, model: witness.Model) -> list:
        """The golden logits of one set of weights. Returns them in float64."""
        golden = []
        for index, ids in enumerate(self.runs):
            logits = witness.forward(model, ids)
            require(0.5 < np.abs(logits).max() < 60, f"{self.case.name}: largest logit {np.abs(logits).max():.2f}")
            name = f"{prefix}-{index}.f32"
            logits.astype("<f4").tofile(self.folder / name)
            self.facts.setdefault(key, []).append({"ids": ids, "logits": name, "shape": list(logits.shape)})
            golden.append(logits)
        return golden

    def check_transformers(self, hf_folder: Path, golden: list) -> None:
        pairs = [second.logits(hf_folder, ids) for ids in self.runs]
        as_it_is, in_float64 = (max(map(relative, side, golden)) for side in zip(*pairs))
        require(in_float64 < SAME_PRECISION, f"{self.case.name}: transformers in float64 differs by {in_float64:.1e}")
        require(as_it_is < FLOAT32_INSIDE, f"{self.case.name}: transformers differs by {as_it_is:.1e}")
        self.facts["transformers_error"] = rounded(as_it_is)
        self.facts["transformers_float64_error_below"] = SAME_PRECISION

    def check_matters(self, hf_folder: Path, golden: list) -> None:
        for name, changes in self.case.matters.items():
            model = readers.read_folder(hf_folder, changes)
            effect = max(relative(witness.forward(model, ids), truth) for ids, truth in zip(self.runs, golden))
            require(effect > MATTERS, f"{self.case.name}: {name} changes the logits by only {effect:.1e}")
            self.facts.setdefault("change_without", {})[name] = rounded(effect)

    def check_family(self, family: str, model: witness.Model, golden: list) -> None:
        for ids, truth in zip(self.runs, golden):
            error = relative(witness.forward(model, ids), truth)
            require(error < OTHER_FAMILY, f"{self.case.name}: {family} differs by {error:.1e}")

    def write_gguf(self, tensors: dict, golden: list) -> None:
        reason = write_gguf.inexpressible(self.case.config)
        if reason or not self.case.gguf:
            self.facts["notes"] = f"no GGUF: {reason}" if reason else "no GGUF: another case has it"
            return
        path = self.folder / "model.gguf"
        write_gguf.write_gguf(path, self.case.config, tensors, self.case.gguf)
        self.check_family("GGUF", readers.read_gguf(path), golden)
        self.facts["families"]["gguf"] = path.name

    def write_mlx(self, hf_folder: Path, golden: list) -> None:
        if self.case.mlx is None:
            return
        folder = self.folder / "mlx"
        write_mlx.write_mlx(folder, hf_folder, **self.case.mlx)
        model = readers.read_folder(folder)
        if self.case.mlx.get("bits"):
            golden = self.write_runs("mlx_runs", "mlx-logits", model)
            self.note_margin("mlx_routing_margin", model)
        else:
            self.check_family("MLX", model, golden)
        error = max(relative(write_mlx.logits(folder, ids), truth) for ids, truth in zip(self.runs, golden))
        require(error < FLOAT32_INSIDE, f"{self.case.name}: mlx-lm differs by {error:.1e}")
        self.facts["mlx_error"] = rounded(error)
        self.facts["families"]["mlx"] = folder.name

    def write_bins(self, tensors: dict, golden: list) -> None:
        path = self.folder / "model.bin"
        if self.case.qwen3c:
            write_qwen3c.write_qwen3c(path, self.case.config, tensors)
            model = bin_readers.read_qwen3c(path)
            if self.case.lattice:
                self.check_family("qwen3.c", model, golden)
            else:
                self.write_runs("qwen3c_runs", "qwen3c-logits", model)
            self.facts["families"]["qwen3c"] = path.name
        if self.case.llama2c:
            write_llama2c.write_llama2c(path, self.case.config, tensors)
            self.check_family("llama2.c", bin_readers.read_llama2c(path), golden)
            self.facts["families"]["llama2c"] = path.name

    def note_margin(self, key: str, model: witness.Model) -> None:
        margin = witness.routing_margin(model)
        if margin is not None:
            require(margin > ROUTING_MARGIN, f"{self.case.name}: a routing margin of {margin:.1e}; try another seed")
            self.facts[key] = rounded(margin)

    def stored_tensors(self, tensors: dict) -> dict:
        case = self.case
        stored = stack_experts(tensors) if case.stacked else dict(tensors)
        if case.stored_frequencies:
            table = inverse_frequencies(case.config["rope_theta"], head_dim_of(case.config)).astype(np.float32)
            for layer in range(case.config["num_hidden_layers"]):
                stored[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = table
        return stored

    def build(self) -> None:
        case = self.case
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        tensors = make_tensors(case.config, case.name, case.lattice)
        with tempfile.TemporaryDirectory() as scratch:
            hf_folder = self.folder / "hf" if case.keep_hf else Path(scratch) / "hf"
            hf.write_folder(hf_folder, case.config, self.stored_tensors(tensors), case.n_shards, case.generation)
            model = readers.read_folder(hf_folder)
            if case.keep_hf:
                self.facts["families"]["hf"] = "hf"
                golden = self.write_runs("runs", "logits", model)
            else:
                golden = [witness.forward(model, ids) for ids in self.runs]
            self.note_margin("routing_margin", model)
            self.check_transformers(hf_folder, golden)
            self.check_matters(hf_folder, golden)
            self.write_gguf(tensors, golden)
            self.write_mlx(hf_folder, golden)
        self.write_bins(tensors, golden)
        self.facts["largest_logit"] = round(float(max(np.abs(truth).max() for truth in golden)), 3)
        text = re.sub(r"\[[\s\d,]+\]", lambda match: " ".join(match[0].split()), json.dumps(self.facts, indent=1))
        (self.folder / "case.json").write_text(text + "\n")
