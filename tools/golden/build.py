"""Makes one case: its files, their golden logits, and the checks that let nothing doubtful become golden."""

import json
import re
import shutil
import tempfile
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from golden import hf, readers, second, witness, write_gguf
from golden.cases import Case
from golden.weights import make_tensors

# Relative to the largest logit. The second witness in float64 follows the same definitions in the same precision; as it
# is, it takes norms, RoPE and softmax through float32; a family that holds the same values may hold its RoPE factors
# and other constants as float32.
SAME_PRECISION = 1e-9
FLOAT32_INSIDE = 1e-4
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
                               ("numpy", "transformers", "torch", "gguf", "safetensors")).replace("+cpu", ""),
            "command": f"tools/make_golden.py {case.name}",
            "architecture": case.config["model_type"],
            "families": {}, "runs": [], "notes": [],
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
        as_it_is = max(relative(second.logits(hf_folder, ids, False), truth) for ids, truth in zip(self.runs, golden))
        in_float64 = max(relative(second.logits(hf_folder, ids, True), truth) for ids, truth in zip(self.runs, golden))
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
            self.facts["notes"] += [f"no GGUF: {reason}"] if reason else []
            return
        path = self.folder / "model.gguf"
        write_gguf.write_gguf(path, self.case.config, tensors, self.case.gguf)
        self.check_family("GGUF", readers.read_gguf(path), golden)
        self.facts["families"]["gguf"] = path.name

    def build(self) -> None:
        case = self.case
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        tensors = make_tensors(case.config, case.name, case.lattice)
        with tempfile.TemporaryDirectory() as scratch:
            hf_folder = self.folder / "hf" if case.keep_hf else Path(scratch) / "hf"
            stored = dict(tensors)
            if case.stored_frequencies:
                table, _ = readers.Rope(readers.make_table(dict(rope_type="default", rope_theta=1e4), 16, 64)).table(1)
                for layer in range(case.config["num_hidden_layers"]):
                    stored[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = table.astype(np.float32)
            hf.write_folder(hf_folder, case.config, stored, case.n_shards, case.generation)
            if case.keep_hf:
                self.facts["families"]["hf"] = "hf"
            model = readers.read_folder(hf_folder)
            golden = self.write_runs("runs", "logits", model)
            margin = witness.routing_margin(model)
            if margin is not None:
                require(margin > ROUTING_MARGIN, f"{case.name}: a routing margin of {margin:.1e}; try another seed")
                self.facts["routing_margin"] = rounded(margin)
            self.check_transformers(hf_folder, golden)
            self.check_matters(hf_folder, golden)
            self.write_gguf(tensors, golden)
        self.facts["largest_logit"] = round(float(max(np.abs(truth).max() for truth in golden)), 3)
        text = re.sub(r"\[[\s\d,]+\]", lambda match: " ".join(match[0].split()), json.dumps(self.facts, indent=1))
        (self.folder / "case.json").write_text(text + "\n")
