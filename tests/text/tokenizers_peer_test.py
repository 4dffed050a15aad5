#!/usr/bin/env python3
"""Compares our tokenizers with PyPI's `tokenizers`, text by text: ids with special tokens parsed and as text, ids as a
prompt, and decoding of these ids and of random ones, whole and as a stream (which encode_lines compares itself).

  tests/text/tokenizers_peer_test.py build/release/tests/text/encode_lines quick|full [NAME…]

`quick` is part of the default tests: every tokenizer.json there is and some random combinations of stages, in half a
minute. `full` (scripts/test full, or this command) compares 100 000 texts per tokenizer.json and 300 combinations.
tokenizer.json files are those of ../shared/data/tokenizers and tests/fixtures/hf_tokenizers and, for families with no
vocabulary at hand, ones trained here with that family's stages (tokenizer_families.py). Texts: tokenizer_texts.py.
Exit status 77, skipped, where `tokenizers` is missing.
"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time

try:
    import tokenizers
except ImportError:
    print("skipped: the PyPI package tokenizers is not installed")
    sys.exit(77)
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer_families import families, random_combination  # noqa: E402
from tokenizer_texts import agreed_characters, make_texts  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
QUICK_SECONDS = 25
SKIPPED_FIXTURES = set()


class Ours:
    def __init__(self, program, path):
        self.command = [program, str(path)]

    def ask(self, requests):
        """requests: (letter, payload); the answers, or the message with which the tokenizer is refused."""
        data = b"".join(letter.encode() + struct.pack("<I", len(payload)) + payload for letter, payload in requests)
        run = subprocess.run(self.command, input=data, capture_output=True, timeout=3000)
        if run.returncode == 3:
            return run.stderr.decode(errors="replace").strip().splitlines()[-1]
        if run.returncode != 0:
            raise SystemExit(f"{self.command} ended with {run.returncode}: {run.stderr.decode(errors='replace')[-2000:]}")
        answers, at = [], 0
        while at < len(run.stdout):
            size = struct.unpack_from("<I", run.stdout, at)[0]
            answers.append(run.stdout[at + 4:at + 4 + size])
            at += 4 + size
        return answers


def as_bytes(ids):
    return struct.pack(f"<{len(ids)}i", *ids)


def of_peer(tokenizer, text):
    """Ids with special tokens as text, parsed, and as a prompt. Panics of the library count as no answer."""
    try:
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        return plain, tokenizer.encode(text, add_special_tokens=False).ids, tokenizer.encode(text).ids
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def decoded(tokenizer, ids, skips):
    try:
        return tokenizer.decode(ids, skip_special_tokens=skips)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def requests_of(tokenizer, texts, rng):
    requests, expected, about = [], [], []

    def add(letter, payload, want, what):
        requests.append((letter, payload))
        expected.append(want)
        about.append(what)

    # Special tokens that the normalizer changes: `tokenizers` 0.23 no longer knows them for special when it decodes, and
    # shows them where it is to leave special tokens out. We leave them out.
    unhidden = {i for i, token in tokenizer.get_added_tokens_decoder().items()
                if token.special and tokenizer.id_to_token(i) != token.content}
    n_ids = tokenizer.get_vocab_size(with_added_tokens=True)
    usable = [i for i in range(n_ids) if tokenizer.id_to_token(i) is not None]
    for raw in texts:
        text = raw.decode("utf-8", "replace")
        answers = of_peer(tokenizer, text)
        if answers is None:
            continue
        for letter, ids in zip("esp", answers):
            add(letter, raw, as_bytes(ids), text)
        ids = answers[1] if rng.random() < 0.7 else [rng.choice(usable) for _ in range(rng.randint(1, 12))]
        for letter, skips in (("d", True), ("D", False)):
            want = None if skips and unhidden.intersection(ids) else decoded(tokenizer, ids, skips)
            if want is not None:
                add(letter, as_bytes(ids), want.encode(), ids)
    return requests, expected, about


def explain(tokenizer, letter, what, want, got):
    print(f"  {letter} {what!r}")
    if letter in "dD":
        print("   want", want.decode(errors="replace").__repr__(), "\n   got ", got.decode(errors="replace").__repr__())
        print("   tokens", [tokenizer.id_to_token(i) for i in what])
        return
    want, got = (struct.unpack(f"<{len(data) // 4}i", data) for data in (want, got))
    first = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
    for name, ids in (("want", want), ("got ", got)):
        print(f"   {name} from {first}", [(i, tokenizer.id_to_token(i)) for i in ids[first:first + 12]])


def compare(program, name, path, count, seed, agreed, may_refuse=False):
    """The number of texts compared, or None where we refuse the file; exits at a difference."""
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()][:40]
    done = differences = 0
    rng = random.Random(seed)
    ours = Ours(program, path)
    texts = make_texts(count, seed, specials, agreed)
    while True:
        chunk = [text for text, _ in zip(texts, range(20000))]
        if not chunk:
            return done, differences
        requests, expected, about = requests_of(tokenizer, chunk, rng)
        answers = ours.ask(requests)
        if isinstance(answers, str):
            if may_refuse:
                return None, answers
            print(f"{name}: REFUSED: {answers}")
            return done, 1
        assert len(answers) == len(expected), (len(answers), len(expected))
        for (letter, _), what, want, got in zip(requests, about, expected, answers):
            if want != got:
                differences += 1
                if differences <= 3:
                    print(f"{name}: difference")
                    explain(tokenizer, letter, what, want, got)
        done += len(chunk)


def files():
    shared = ROOT.parent / "shared/data/tokenizers"
    for path in sorted(shared.glob("*/tokenizer.json")):
        yield f"shared/{path.parent.name}", path
    for path in sorted((ROOT / "tests/fixtures/hf_tokenizers").glob("*/tokenizer.json")):
        yield f"fixtures/{path.parent.name}", path


def main():
    program, mode, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    # Some stages make the library panic, at length and on file descriptor 2.
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    is_full = mode == "full"
    started = time.monotonic()
    agreed, assigned = agreed_characters()
    print(f"tokenizers {tokenizers.__version__}: {len(agreed)} of {assigned} assigned code points mean the same to both sides")
    failures = total = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        def run(name, path, count, seed, may_refuse=False):
            nonlocal failures, total, refused
            if wanted and not any(w in name for w in wanted):
                return
            begun = time.monotonic()
            done, differences = compare(program, name, path, count, seed, agreed, may_refuse)
            if done is None:
                refused += 1
                print(f"{name}: refused: {differences}")
                return
            total += done
            failures += differences > 0
            print(f"{name}: {done} texts, {differences} differences, {time.monotonic() - begun:.1f} s", flush=True)

        for name, path in files():
            run(name, path, 100200 if is_full else 60 if name.startswith("shared") else 120, 1)
        for name, text in families():
            path = pathlib.Path(folder) / f"{name}.json"
            path.write_text(text)
            # These look ahead to the end of a run of digits from each of its places: the work grows with its square, and
            # with runs of thousands our limit of steps ends it in an error.
            may_refuse = name in ("superbpe", "tiny-aya")
            run(f"trained/{name}", path, 100200 if is_full else 120, 2, may_refuse)
        for seed in range(300 if is_full else 1000):
            if not is_full and seed >= 8 and time.monotonic() - started > QUICK_SECONDS:
                break
            path = pathlib.Path(folder) / "combination.json"
            try:
                path.write_text(random_combination(seed))
            except BaseException as error:  # stages that leave the library's trainers nothing end in a panic
                if isinstance(error, KeyboardInterrupt):
                    raise
                continue
            run(f"combination/{seed}", path, 2000 if is_full else 100, seed, may_refuse=True)
    print(f"{total} texts compared, {refused} combinations refused, {failures} tokenizers differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
