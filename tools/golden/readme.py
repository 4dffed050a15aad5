"""tests/fixtures/golden/README.md, from the cases themselves."""

import json
from pathlib import Path

HEAD = """# Golden checkpoints

Tiny seeded checkpoints of each architecture in every file family, and the logits they must give. Made by
`tools/make_golden.py` in the environment of `scripts/setup tools`; not edited by hand:

    .venv-tools/bin/python tools/make_golden.py            # all of them, the same bytes every time
    .venv-tools/bin/python tools/make_golden.py qwen3moe   # one

A case is a folder:

- `case.json`: what it proves, where it comes from, `families` (family -> file or folder), `runs` (`ids`, the file of their
  `logits`, its `shape`), and the checks it has passed. Families share the runs where they hold the same values. Quantized
  weights have logits of their own: `mlx_runs` for a quantized MLX folder, `qwen3c_runs` for a rounded qwen3.c file.
- `logits-N.f32`, `mlx-logits-N.f32`, `qwen3c-logits-N.f32`: `[n_tokens, vocab]`, little-endian float32, of one full forward
  over exactly those ids.
- `hf/`, `mlx/`: folders as on the hub; `model.gguf`; `model.bin`: qwen3.c or llama2.c. None has a tokenizer.

The logits are those of a forward in float64 that reads the written files (`tools/golden/witness.py`). Before they become
golden, the tool requires:

- transformers, one full forward with eager attention: within 1e-9 of the largest logit when its float32 steps (norms, RoPE,
  softmax, routing) are made float64, and within 1e-5 as it is in double precision (`transformers_error`);
- every other family of the same values, each read by a reader of its own: within 1e-5 (GGUF holds RoPE factors as float32);
- mlx-lm on its own folder, widened to float32: within 1e-5 (`mlx_error`);
- that each key named in `change_without` moves the logits by more than 1 % when it is changed: a reader that passes over
  it cannot pass;
- that no choice of experts is closer than 1e-3 in router logits (`routing_margin`).

All weights that are not quantized are exact in bfloat16 and in float16. `hf*` in the table: in shards.

| case | proves | families |
|---|---|---|
"""


def write_readme(directory: Path, cases: list) -> None:
    rows = []
    for case in cases:
        facts = json.loads((directory / case.name / "case.json").read_text())
        families = [name + ("*" if name == "hf" and case.n_shards > 1 else "") for name in sorted(facts["families"])]
        rows.append(f"| `{case.name}` | {facts['proves']} | {', '.join(families)} |\n")
    (directory / "README.md").write_text(HEAD + "".join(rows))
