"""Our reader and PyPI's safetensors agree on files that the latter wrote and on damaged copies of them.

Usage: safetensors_peer_test.py DUMP_SAFETENSORS. Exits with 77 (skipped) where the package is missing.
"""

import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import safetensors
    import safetensors.numpy
except ImportError as error:
    print(f"skipped: {error}; install safetensors into .venv")
    sys.exit(77)

TYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"]
N_DAMAGED = 3000
# What only we refuse, and why: names would be ambiguous, types unusable, text unprintable or deeper than the format is.
STRICTER = [" twice in the object ", " levels deep, ", "which is not supported", "a tensor has an empty name"]


def sample(rng):
    tensors = {}
    for i in range(rng.randrange(6)):
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        dtype = np.dtype(rng.choice(TYPES))
        data = np.frombuffer(rng.randbytes(int(np.prod(shape)) * dtype.itemsize), np.uint8)
        tensors[f"t{i}"] = (data & 1 if dtype == bool else data).view(dtype).reshape(shape)
    return safetensors.numpy.save(tensors, {"format": "pt"} if rng.random() < 0.5 else None)


def damaged(rng, image):
    """One to three digits, quotes, brackets or any bytes changed, inserted or taken away, mostly in the header."""
    header_bytes = 8 + int.from_bytes(image[:8], "little")
    image = bytearray(image)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(header_bytes if rng.random() < 0.9 else len(image))
        byte = rng.choice(b"0123456789,:[]{}\" ") if rng.random() < 0.7 else rng.randrange(256)
        action = rng.randrange(8)
        if action == 0:
            del image[place:]
        elif action == 1:
            image.append(byte)
        else:
            image[place:place + 1] = bytes([byte])
        if place >= len(image):
            break
    return bytes(image)


def peer_dump(image):
    try:
        tensors = safetensors.deserialize(image)
    except Exception as error:  # the package has several kinds
        return f"refused {error}"
    lines = []
    for name, tensor in tensors:
        shape = ",".join(str(dim) for dim in tensor["shape"])
        lines.append(f"{name}:{tensor['dtype']}:{shape}:{bytes(tensor['data']).hex()}")
    return " ".join(sorted(lines, key=lambda line: line.encode()))


def compare(image, ours, theirs):
    if ours == theirs or (ours.startswith("refused") and theirs.startswith("refused")):
        return
    is_stricter = ours.startswith("refused") and any(reason in ours for reason in STRICTER)
    assert is_stricter, f"{image!r}\n  ours:   {ours}\n  theirs: {theirs}"


def main():
    rng = random.Random(5)
    images = [sample(rng) for _ in range(100)]
    n_whole = len(images)
    images += [damaged(rng, rng.choice(images[:n_whole])) for _ in range(N_DAMAGED)]
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / f"{i}.safetensors" for i in range(len(images))]
        for file, image in zip(files, images):
            file.write_bytes(image)
        listed = subprocess.run([sys.argv[1], *files], check=True, capture_output=True).stdout.decode().split("\n")[:-1]
    assert len(listed) == len(images), f"{len(listed)} lines for {len(images)} files"
    theirs = [peer_dump(image) for image in images]
    assert not any(line.startswith("refused") for line in theirs[:n_whole]), "a whole file is refused"
    for image, ours, other in zip(images, listed, theirs):
        compare(image, ours, other)
    n_accepted = sum(not line.startswith("refused") for line in listed)
    print(f"{len(images)} files: both accept {n_accepted} and read the same; only the other accepts "
          f"{sum(not line.startswith('refused') for line in theirs) - n_accepted}")


if __name__ == "__main__":
    main()
