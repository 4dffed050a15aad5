#!/usr/bin/env python3
"""Makes tests/fixtures/hf_tokenizers/, small tokenizers as Hugging Face folders hold them, one for each way in which the
supported families differ, with texts and the ids that the PyPI packages `tokenizers` and `sentencepiece` give them; and
of them the seeds of the fuzz targets (fuzz/corpus/tokenizer_json, fuzz/corpus/sentencepiece_model).
Run from the project's root: python3 tools/make_hf_tokenizer_fixtures.py
"""
import base64
import io
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece
import tokenizers
from make_tokenizer_fixtures import HAND_MADE, NEARLY_SPACES, PATTERNS, SPACES, TRAINING_TEXT
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, "tests/text")
from tokenizer_families import families  # noqa: E402

ROOT, SEEDS = pathlib.Path("tests/fixtures/hf_tokenizers"), pathlib.Path("fuzz/corpus")
SPACE = "\u2581"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD, TAIL = r"[^\r\n\p{L}\p{N}]?", r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = f"{LEAD}{UPPER}*{LOWER}+|{LEAD}{UPPER}+{LOWER}*" + r"|\p{N}" + TAIL
SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = f"{LEAD}{UPPER}*{LOWER}+{SUFFIX}|{LEAD}{UPPER}+{LOWER}*{SUFFIX}" + r"|\p{N}{1,3}" + TAIL

TEXTS = [
    "ShipsWere counted BY theKeeper", "HTMLParser's IT'S", "path/to/the/sea//\n/x", "a /\n/ b", "ABCdefGHI", "éÉèÈ", "ǅungla",
    " <s>the</s> sea", "<s> the", "the<s>", "</s></s>", "<unk>", "<0x0A>", "<0x41>x", "a<|user|>  \n b", "<|user|> \t\u3000x <|user|>",
    "  <mask>  x", "x\u00a0<mask>", "<|user|> <mask>", "<note>the sea</note> was", "x <note> y", "<note>", " <note>", "\u2581\u2581", "a\u2581b",
    "\u2581the", "x\n\ny", "x\n\n\n\ny", "  the", "   the   sea", "cafe\u0301 e\u0301e\u0301 <s>\u0301", "\u1100\u1161\u11a8 \u212b \u2126 \u0344", "\u0958 a\u0323\u0307 a\u0307\u0323",
    "q\u0307\u0323 \U0001d15e \ufb1d \u0f73", "the the  the   the", "mississippi aaaaaaaaa", "    " * 5, "a" * 33, "[INST] hello [/INST]",
]


def texts():
    rng = random.Random(7)
    parts = list(SPACES[:6] + "\u3000\x85" + NEARLY_SPACES[4:8]) + [
        " ", " ", "  ", "\n", "\n\n", "'s", "the", "Ship", "ships", "was", "7", "42", "\u0663", ".", "!?", "é", "e\u0301", "ж", "海", "です", "한",
        "\u2581", "😀", "<s>", "</s>", "<note>", "<|user|>", "<mask>", "<", "\x00", "aaa",
    ]
    yield from dict.fromkeys(HAND_MADE[:-1] + TEXTS)
    for _ in range(40):
        yield "".join(rng.choice(parts) for _ in range(rng.randint(2, 10)))


def special(text, **flags):
    return AddedToken(text, special=True, **{"normalized": False, **flags})


def plain(text, **flags):
    return AddedToken(text, special=False, **{"normalized": False, **flags})


def train(pre_tokenizer, normalizer, alphabet, n_tokens):
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer, trained.normalizer = pre_tokenizer, normalizer
    corpus = [TRAINING_TEXT + "aaaa aaaaaaaa mississippi \n\n\n\n        x    y  z\n"]
    trained.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=n_tokens, show_progress=False, initial_alphabet=alphabet, special_tokens=[]))
    return json.loads(trained.to_str())["model"]


def byte_level(patterns, tokens, normalizer=None, ignore_merges=False, template=None, use_regex=False):
    splits = [p if not isinstance(p, str) else pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    pre_tokenizer = pre_tokenizers.Sequence([*splits, last]) if splits else last
    model = train(pre_tokenizer, normalizer, pre_tokenizers.ByteLevel.alphabet(), 440)
    vocab, merges = model["vocab"], [tuple(merge) for merge in model["merges"]]
    for text in ("Ġlantern", "lantern"):  # no merge makes them
        vocab.setdefault(text, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.add_tokens(tokens)
    if template:
        post = processors.TemplateProcessing(single=template, special_tokens=[
            (text, tokenizer.token_to_id(text)) for text in template.split() if text != "$A"])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), post])
    return tokenizer


def sentencepiece_style(normalizer, pre_tokenizer, strips, tokens, template, model=None):
    """Characters with byte fallback. Without `model` the merges are those of a training, which not every pair of tokens
    that concatenates to a token is among."""
    if model is None:
        model = train(None, normalizers.Replace(" ", SPACE), [], 260)
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    for text in model["vocab"]:
        vocab.setdefault(text, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m) for m in model["merges"]], unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strips else []))
    tokenizer.add_tokens([special("<unk>"), special("<s>"), special("</s>"), *tokens])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def train_sentencepiece(**options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TRAINING_TEXT.strip().split("\n") * 4), model_writer=out, model_type="bpe", vocab_size=560,
        byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity", remove_extra_whitespaces=False,
        split_digits=True, allow_whitespace_only_pieces=True, minloglevel=2, num_threads=1, hard_vocab_limit=False, **options)
    return out.getvalue()


def split_everywhere(model_bytes):
    """All merges of a SentencePiece model, as conversions write them: of each piece every pair of pieces that make it,
    pieces by score."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
    ids = [i for i in range(processor.get_piece_size()) if not (
        processor.is_byte(i) or processor.is_control(i) or processor.is_unknown(i))]
    vocab = {processor.id_to_piece(i): i for i in ids}
    merges = []
    for text, i in sorted(vocab.items(), key=lambda item: -processor.get_score(item[1])):
        pairs = [(text[:k], text[k:]) for k in range(1, len(text)) if text[:k] in vocab and text[k:] in vocab]
        merges += sorted(pairs, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    return {"vocab": vocab, "merges": merges}


def dump(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def cases_of(tokenizer):
    # Special tokens that the normalizer changes are shown by this library where it is to leave special tokens out.
    unhidden = {i for i, token in tokenizer.get_added_tokens_decoder().items()
                if token.special and tokenizer.id_to_token(i) != token.content}
    for text in texts():
        case = {"text": text}
        tokenizer.encode_special_tokens = False
        case["ids"] = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        as_text = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        if as_text != case["ids"]:
            case["as_text"] = as_text
        if len(case["ids"]) < 4:
            case["prompt"] = tokenizer.encode(text, add_special_tokens=True).ids
        decoded = tokenizer.decode(case["ids"], skip_special_tokens=True)
        if unhidden.intersection(case["ids"]):
            case["decoded"] = None
        elif decoded != text:
            case["decoded"] = decoded
        yield case


def cases_of_sentencepiece(model_bytes):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
    for text in texts():
        ids = processor.encode(text)
        case = {"text": text, "as_text": ids}
        decoded = processor.decode(ids)
        if decoded != text:
            # Unknown tokens are shown as a mark, which we do not have; U+2581 in a text becomes spaces, of which each
            # token in front then loses one.
            case["decoded"] = None if processor.unk_id() in ids or (SPACE in text and decoded != text.replace(SPACE, " ")) else decoded
        yield case


def write_folder(name, tokenizer, config, tool="tokenizers", files=()):
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(tokenizer, bytes):
        (folder / "tokenizer.model").write_bytes(tokenizer)
        cases, version = cases_of_sentencepiece(tokenizer), sentencepiece.__version__
    else:
        dump(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
        cases, version = cases_of(tokenizer), tokenizers.__version__
    dump(folder / "tokenizer_config.json", config)
    for path, value in dict(files).items():
        (folder / path).write_text(value) if isinstance(value, str) else dump(folder / path, value)
    head = {"source": "texts and training text of tools/make_tokenizer_fixtures.py", "tool": f"{tool} {version}",
            "command": "python3 tools/make_hf_tokenizer_fixtures.py",
            "cases_are": "ids: special tokens parsed; as_text: not parsed, where that differs; prompt: with BOS and EOS; "
                         "decoded: of ids without special tokens, where not the text; null: not compared"}
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    (folder / "vectors.json").write_text(json.dumps(head)[:-1] + ',"cases":[\n' + lines + "\n]}\n")
    print(folder, {path.name: path.stat().st_size for path in sorted(folder.iterdir())})


def byte_level_folders():
    end, start = special("<|endoftext|>"), special("<|im_start|>")
    common = [plain("<note>"), plain("</note>"), special("<|user|>")]
    write_folder("gpt2", byte_level([], [special("<|endoftext|>", normalized=True), *common], use_regex=True),
                 {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"})
    write_folder("qwen2", byte_level([PATTERNS["qwen2"]], [end, start, special("<|im_end|>"), *common],
                                     normalizers.NFC()),
                 {"add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                  "chat_template": "{{ messages[0].content }}<|im_end|>"})
    write_folder("llama3", byte_level([PATTERNS["llama-bpe"]], [special("<s>"), special("</s>"), special("<|eot_id|>"), *common],
                                      ignore_merges=True, template="<s> $A"),
                 {"bos_token": {"content": "<s>", "special": True}, "eos_token": "<|eot_id|>",
                  "chat_template": [{"name": "default", "template": "{{ bos_token }}"},
                                    {"name": "tool-use", "template": "{{ tools }}"}]})
    write_folder("smollm", byte_level([pre_tokenizers.Digits(individual_digits=True)], [end, *common], use_regex=True),
                 {"eos_token": "<|endoftext|>"})
    write_folder("tekken", byte_level([TEKKEN], [special("<unk>"), special("<s>"), special("</s>"), special("[INST]"),
                                                 special("[/INST]"), *common], ignore_merges=True, template="<s> $A"),
                 {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>"})
    write_folder("gpt4o", byte_level([GPT4O], [end, plain("<mask>", lstrip=True), special("<|user|>", rstrip=True)]),
                 {"eos_token": "<|endoftext|>"})


def sentencepiece_folders():
    config = {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    notes = [plain("<note>"), plain("</note>")]
    prepend = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    spm = train_sentencepiece(add_dummy_prefix=True, user_defined_symbols=["<note>", "</note>"])
    converted = split_everywhere(train_sentencepiece(add_dummy_prefix=True))
    write_folder("llama2", sentencepiece_style(prepend, None, True, notes, "<s> $A", converted), config)
    write_folder("llama2_trained", sentencepiece_style(prepend, None, True, notes, "<s> $A </s>"),
                 {**config, "add_eos_token": True})
    write_folder("phi3", sentencepiece_style(
        prepend, None, True, [special("<|user|>", rstrip=True), special("<|end|>", rstrip=True), plain("<mask>", lstrip=True)],
        "$A", converted), {**config, "add_bos_token": False},
        files={"generation_config.json": {"eos_token_id": [2, len(converted["vocab"]) + 3 + 256 + 1]}})
    for scheme in ("first", "always", "never"):
        metaspace = pre_tokenizers.Metaspace(SPACE, prepend_scheme=scheme, split=False)
        write_folder(f"metaspace_{scheme}", sentencepiece_style(
            None, metaspace, scheme != "never", [special("[INST]"), special("[/INST]"), *notes], "<s> $A", converted), config)
    write_folder("gemma", sentencepiece_style(
        normalizers.Replace(" ", SPACE), pre_tokenizers.Split(" ", "merged_with_previous"), False,
        [plain("\n\n"), plain(SPACE * 2), *notes], "<s> $A", converted), config,
        files={"chat_template.jinja": "{{ bos_token }}{{ messages }}"})
    write_folder("sentencepiece", spm, config, "sentencepiece")
    write_folder("sentencepiece_no_prefix", train_sentencepiece(
        add_dummy_prefix=False, user_defined_symbols=[SPACE * 2, "\n\n", "<note>"]), config, "sentencepiece")


# Kinds of tokenizers that the folders above lack, of tests/text/tokenizer_families.py.
STAGED = {
    "gpt-neox-nfc": "neox", "gpt2-prefix-space": "roberta", "command-r": "command_r", "deepseek-llm": "deepseek_llm", "deepseek-v3": "deepseek_v3",
    "bloom": "bloom", "two-template": "template", "llama2-normalized": "normalized", "clip": "clip", "gpt1": "gpt1",
    "bpe-subword-prefix": "subword_prefix", "bpe-half-bytes": "half_bytes", "bge": "wordpiece", "bert-single-word": "single_word",
    "bert-short": "wordpiece_short", "word-level": "word_level", "t5": "unigram", "unigram-bytes": "unigram_bytes", "albert": "albert",
}
CHARSMAP_RULES = "A\ta\nB\tb\nE\te\n\u00e9\te\ne\u0301\tE\n\u00a0\t \n\u3000\t \n\uff21\tA\n\ufb01\tfi\n\u00ad\t\n\u2026\t...\n"


def train_unigram(**options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TRAINING_TEXT.strip().split("\n") * 4), model_writer=out, model_type="unigram", vocab_size=560,
        character_coverage=0.98, minloglevel=2, num_threads=1, hard_vocab_limit=False, **options)
    return out.getvalue()


def charsmap_of(model_bytes):
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(model_bytes)
    return model.normalizer_spec.precompiled_charsmap


def staged_folders():
    for name, text in families():
        if name in STAGED:
            write_folder(STAGED[name], tokenizers.Tokenizer.from_str(text), {})
    rules = pathlib.Path(tempfile.mkdtemp()) / "rules.tsv"
    rules.write_text("".join(
        " ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n"
        for source, target in (line.split("\t") for line in CHARSMAP_RULES.strip("\n").split("\n"))))
    unigram = train_unigram(normalization_rule_tsv=str(rules), user_defined_symbols=["<note>", "</note>"])
    precompiled = json.loads(dict(families())["t5"])
    precompiled["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap_of(unigram)).decode()},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
    write_folder("precompiled", tokenizers.Tokenizer.from_str(json.dumps(precompiled)), {})
    write_folder("sentencepiece_unigram", unigram, {
        "add_bos_token": False, "add_eos_token": True, "eos_token": "</s>", "unk_token": "<unk>"}, "sentencepiece")
    write_folder("sentencepiece_unigram_bytes", train_unigram(
        normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True), {"eos_token": "</s>"}, "sentencepiece")


def shortened(tokenizer, n_merges=20):
    """A seed for fuzzing: special tokens, bytes, and what the first merges need."""
    model, added = tokenizer["model"], tokenizer["added_tokens"]
    model["merges"] = model["merges"][:n_merges]
    kept = {text for a, b in model["merges"] for text in (a, b, a + b)} | {token["content"] for token in added}
    vocab = [text for text in model["vocab"] if text in kept or text.startswith("<0x")]
    ids = {text: i for i, text in enumerate(dict.fromkeys(vocab + [token["content"] for token in added]))}
    model["vocab"] = {text: ids[text] for text in vocab}
    for token in added:
        token["id"] = ids[token["content"]]
    return tokenizer


def small(tokenizer, n_tokens=40):
    """A seed of any model: some of its tokens, and the merges among them."""
    model, added = tokenizer["model"], tokenizer["added_tokens"]
    needed = {token["content"] for token in added} | {model.get("unk_token")}
    if model["type"] == "Unigram":
        model["vocab"] = model["vocab"][:n_tokens]
        kept = {text: i for i, (text, _) in enumerate(model["vocab"])}
    else:
        texts = [text for i, text in enumerate(model["vocab"]) if i < n_tokens or text in needed]
        kept = model["vocab"] = {text: i for i, text in enumerate(texts)}
    prefix = model.get("continuing_subword_prefix") or ""
    if model["type"] == "BPE":
        model["merges"] = [[a, b] for a, b in model["merges"] if a in kept and b in kept and a + b[len(prefix):] in kept]
    ids = dict(kept)
    for token in added:
        token["id"] = ids.setdefault(token["content"], len(ids))
    return tokenizer


def seeds():
    for name in ("roberta", "deepseek_v3", "template", "normalized", "clip", "gpt1", "subword_prefix", "half_bytes", "wordpiece",
                 "single_word", "word_level", "unigram", "unigram_bytes", "albert"):
        dump(SEEDS / "tokenizer_json" / f"{name}.json", small(json.loads((ROOT / name / "tokenizer.json").read_text())))
    for name in ("gpt2", "qwen2", "llama3", "llama2", "phi3", "metaspace_first", "gemma"):
        dump(SEEDS / "tokenizer_json" / f"{name}.json", shortened(json.loads((ROOT / name / "tokenizer.json").read_text())))
    for name, folder in (("prefix", "sentencepiece"), ("no_prefix", "sentencepiece_no_prefix"), ("unigram", "sentencepiece_unigram")):
        (SEEDS / "sentencepiece_model" / f"{name}.model").write_bytes((ROOT / folder / "tokenizer.model").read_bytes())


if __name__ == "__main__":
    byte_level_folders()
    sentencepiece_folders()
    staged_folders()
    seeds()
