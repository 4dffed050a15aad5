"""Hugging Face folders: config.json, generation_config.json, safetensors in one file or in shards."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

TORCH_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_folder(folder: Path, config: dict, tensors: dict, n_shards: int = 1, generation: dict | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    if generation:
        write_json(folder / "generation_config.json", generation)
    own = TORCH_TYPES[config.get("torch_dtype") or config["dtype"]]
    # Stored frequencies stay float32 where old checkpoints have them.
    stored = {name: torch.from_numpy(values.copy()).to(torch.float32 if name.endswith("inv_freq") else own)
              for name, values in tensors.items()}
    if n_shards == 1:
        save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map = list(stored), {}
    for shard in range(n_shards):
        file_name = f"model-{shard + 1:05}-of-{n_shards:05}.safetensors"
        part = names[shard * len(names) // n_shards : (shard + 1) * len(names) // n_shards]
        save_file({name: stored[name] for name in part}, folder / file_name, metadata={"format": "pt"})
        weight_map |= {name: file_name for name in part}
    total = sum(tensor.nbytes for tensor in stored.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_json(folder / "model.safetensors.index.json", index)
