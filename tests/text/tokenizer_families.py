"""Tokenizers of every family, trained here with the stages that the family's tokenizer.json has, and random combinations
of stages. Each is a name and the text of a tokenizer.json.
"""
import json
import pathlib
import random
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from make_tokenizer_fixtures import TRAINING_TEXT  # noqa: E402

SPACE = "\u2581"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD, TAIL = r"[^\r\n\p{L}\p{N}]?", r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = f"{LEAD}{UPPER}*{LOWER}+|{LEAD}{UPPER}+{LOWER}*" + r"|\p{N}" + TAIL
SUFFIX = CONTRACTIONS + "?"
GPT4O = f"{LEAD}{UPPER}*{LOWER}+{SUFFIX}|{LEAD}{UPPER}+{LOWER}*{SUFFIX}" + r"|\p{N}{1,3}" + TAIL
DEEPSEEK3 = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
             "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")
CJK, CJK3 = "[一-龥ࠀ-一가-퟿]+", "[一-龥\u3040-ゟ゠-ヿ]+"
LATIN = ("\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ"
         "Ὗ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤ\u2ceb-\u2cee\u2cf2\u2cf3"
         "Ꙁ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+")
BAILING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+"
EXAONE_MOE = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
SEED_CODER = CONTRACTIONS + "|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"

P, N, D, T = pre_tokenizers, normalizers, decoders, processors


def special(text, **flags):
    return AddedToken(text, special=True, **{"normalized": False, **flags})


def plain(text, **flags):
    return AddedToken(text, special=False, **{"normalized": False, **flags})


def split(pattern, behavior="isolated", invert=False):
    return P.Split(Regex(pattern), behavior, invert=invert)


def byte_level(**options):
    return P.ByteLevel(**{"add_prefix_space": False, "use_regex": False, **options})


COMMON = [special("<s>"), special("</s>"), special("<|user|>"), plain("<note>"), plain("</note>")]
CORPUS = [TRAINING_TEXT + "aaaa aaaaaaaa mississippi \n\n\n\n        x    y  z\n"]


def train(model, trainer, normalizer, pre_tokenizer):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def finish(tokenizer, decoder, tokens, post=None):
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.add_tokens(list(tokens))
    if post:
        tokenizer.post_processor = post(tokenizer)
    return tokenizer.to_str()


def template(text):
    def make(tokenizer):
        names = [name for name in text.split() if not name.startswith("$")]
        return T.TemplateProcessing(single=text, special_tokens=[(n, tokenizer.token_to_id(n)) for n in dict.fromkeys(names)])
    return make


def byte_bpe(stages, tokens=COMMON, normalizer=None, post=None, ignore_merges=False, extra=("Ġlantern", "lantern")):
    pre_tokenizer = P.Sequence(list(stages))
    trained = train(models.BPE(), trainers.BpeTrainer(vocab_size=500, show_progress=False, special_tokens=[],
                                                      initial_alphabet=P.ByteLevel.alphabet()), normalizer, pre_tokenizer)
    model = json.loads(trained.to_str())["model"]
    vocab, merges = model["vocab"], [tuple(m) for m in model["merges"]]
    for text in extra:
        vocab.setdefault(text, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    return finish(tokenizer, D.ByteLevel(), tokens, post)


def char_bpe(normalizer, pre_tokenizer, decoder, tokens=COMMON, post=None, byte_fallback=True, **options):
    unknown = options.pop("unk_token", "<unk>")
    names = {k: options[k] for k in ("continuing_subword_prefix", "end_of_word_suffix") if k in options}
    trained = train(models.BPE(unk_token=unknown, **names),
                    trainers.BpeTrainer(vocab_size=420, show_progress=False, special_tokens=[unknown] if unknown else [], **names), normalizer, pre_tokenizer)
    model = json.loads(trained.to_str())["model"]
    vocab = {text: i for i, text in enumerate(([unknown] if unknown else []) + ["<s>", "</s>"])}
    for byte in range(256 if byte_fallback is True else byte_fallback or 0):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    for text in model["vocab"]:
        vocab.setdefault(text, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m) for m in model["merges"]], unk_token=unknown,
                                     byte_fallback=bool(byte_fallback), **options))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    return finish(tokenizer, decoder, tokens, post)


def word_piece(normalizer, pre_tokenizer, decoder, tokens=None, post=None, prefix="##", level=False, **options):
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if level:
        trainer = trainers.WordLevelTrainer(vocab_size=120, special_tokens=names, show_progress=False)
        trained = train(models.WordLevel(unk_token="[UNK]"), trainer, normalizer, pre_tokenizer)
    else:
        trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=names, show_progress=False,
                                            continuing_subword_prefix=prefix)
        trained = train(models.WordPiece(unk_token="[UNK]", **options), trainer, normalizer, pre_tokenizer)
    return finish(trained, decoder, tokens or [special(n) for n in names], post)


def unigram(normalizer, pre_tokenizer, decoder, tokens=COMMON, post=None, byte_fallback=False, single=False):
    trained = train(models.Unigram(), trainers.UnigramTrainer(
        vocab_size=300, show_progress=False, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"]), normalizer, pre_tokenizer)
    pieces = [tuple(piece) for piece in json.loads(trained.to_str())["model"]["vocab"]]
    if byte_fallback:
        pieces += [(f"<0x{byte:02X}>", 0.0) for byte in range(256)]
    if single:  # as SentencePiece writes them
        pieces = [(text, struct.unpack("f", struct.pack("f", score))[0]) for text, score in pieces]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    return finish(tokenizer, decoder, [special("<unk>"), *tokens], post)


def families():
    llama_decoder = D.Sequence([D.Replace(SPACE, " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    prepend = N.Sequence([N.Prepend(SPACE), N.Replace(" ", SPACE)])
    bert_post = lambda t: T.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    bos = template("<s> $A")
    yield "gpt-neox", byte_bpe([byte_level(use_regex=True)], [special("<s>"), special("</s>"), *[plain(" " * n) for n in (2, 3, 4, 8)]])
    yield "gpt-neox-nfc", byte_bpe([byte_level(use_regex=True)], [special("<s>"), special("</s>", normalized=True), plain("é", normalized=True)], N.NFC())
    yield "gpt2-prefix-space", byte_bpe([byte_level(use_regex=True, add_prefix_space=True)], [special("<s>"), special("</s>"), special("<mask>", lstrip=True)],
                                        post=lambda t: T.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>"))))
    yield "falcon", byte_bpe([P.Punctuation("contiguous"), byte_level(use_regex=True), P.Digits(), split("[0-9][0-9][0-9]")])
    yield "starcoder", byte_bpe([P.Digits(individual_digits=True), byte_level(use_regex=True)])
    yield "command-r", byte_bpe([P.Digits(individual_digits=True), byte_level(use_regex=True)], normalizer=N.NFC(), post=bos)
    yield "mpt", byte_bpe([byte_level(use_regex=True)], normalizer=N.NFC())
    yield "deepseek-llm", byte_bpe([split("[\r\n]"), split(LATIN), split("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), split(r"\s+$"), split(CJK),
                                    P.Digits(), byte_level()], [special("<｜begin▁of▁sentence｜>"), special("<s>"), *COMMON[3:]], post=bos)
    yield "deepseek-coder", byte_bpe([split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(CJK), P.Digits(individual_digits=True), byte_level()])
    yield "deepseek-v3", byte_bpe([split(r"\p{N}{1,3}"), split(CJK3), split(DEEPSEEK3), byte_level()], post=bos)
    yield "qwen2", byte_bpe([split(QWEN2), byte_level()], normalizer=N.NFC())
    yield "qwen2-removed", byte_bpe([split(QWEN2, "removed", True), byte_level()])
    yield "llama3", byte_bpe([split(LLAMA3), byte_level()], ignore_merges=True, post=lambda t: T.Sequence([T.ByteLevel(trim_offsets=False), bos(t)]))
    yield "tekken", byte_bpe([split(TEKKEN), byte_level()], ignore_merges=True, post=bos)
    yield "gpt-4o", byte_bpe([split(GPT4O), byte_level()], [special("<s>", rstrip=True), plain("<note>", lstrip=True, rstrip=True), plain("\t")])
    yield "bloom", byte_bpe([split(BLOOM), byte_level()])
    yield "viking", byte_bpe([split(BLOOM), P.Digits(individual_digits=True), byte_level()])
    yield "superbpe", byte_bpe([split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))"), byte_level()])
    yield "tiny-aya", byte_bpe([split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(GPT4O), byte_level()])
    yield "bailing", byte_bpe([split(BAILING), byte_level()])
    yield "exaone-moe", byte_bpe([split(EXAONE_MOE), byte_level()])
    yield "seed-coder", byte_bpe([split(SEED_CODER), byte_level()])
    yield "minicpm5", byte_bpe([split(r"\p{N}{1,3}"), split(QWEN2), byte_level()])
    yield "two-template", byte_bpe([split(LLAMA3), byte_level()], post=template("<s> <|user|> $A </s> <s>"))
    yield "llama2", char_bpe(prepend, None, llama_decoder, [special("<unk>"), *COMMON], bos, fuse_unk=True)
    yield "llama2-normalized", char_bpe(prepend, None, llama_decoder, [special("<unk>", normalized=True), special("<s>", normalized=True), plain("the"), plain("sea", normalized=True)], bos, fuse_unk=True)
    yield "llama2-latin1-token", char_bpe(prepend, None, llama_decoder, [special("<unk>"), plain("é"), plain("<0x0A>")], bos, fuse_unk=True)
    yield "llama2-single-word", char_bpe(prepend, None, llama_decoder, [special("<unk>"), plain("\u00df", single_word=True), plain("1", single_word=True), plain("\u6d77", single_word=True), *COMMON], bos, fuse_unk=True)
    yield "phi3", char_bpe(prepend, None, llama_decoder, [special("<unk>"), special("<|user|>", rstrip=True), plain("<note>", lstrip=True)], None, fuse_unk=True)
    for scheme in ("first", "always", "never"):
        yield f"metaspace-{scheme}", char_bpe(None, P.Metaspace(SPACE, scheme, False), D.Metaspace(SPACE, scheme), [special("<unk>"), *COMMON], bos, fuse_unk=True)
    yield "gemma", char_bpe(N.Replace(" ", SPACE), P.Split(" ", "merged_with_previous"), D.Sequence([D.Replace(SPACE, " "), D.ByteFallback(), D.Fuse()]),
                            [plain("\n\n"), plain(SPACE * 2), *COMMON], bos, fuse_unk=True)
    yield "clip", char_bpe(N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]),
                           P.Sequence([split(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "removed", True), byte_level()]),
                           D.ByteLevel(), COMMON, template("<s> $A </s>"), False, end_of_word_suffix="</w>")
    yield "gpt1", char_bpe(N.BertNormalizer(), P.BertPreTokenizer(), D.BPEDecoder("</w>"), COMMON, None, False, end_of_word_suffix="</w>")
    yield "bpe-subword-prefix", char_bpe(N.NFKC(), P.WhitespaceSplit(), D.WordPiece("##", False), COMMON, None, False, continuing_subword_prefix="##", fuse_unk=True)
    yield "bpe-half-bytes", char_bpe(None, P.Whitespace(), D.Sequence([D.ByteFallback(), D.Fuse()]), COMMON, None, 160, fuse_unk=True)
    yield "bpe-drops-unknown", char_bpe(None, None, D.Fuse(), COMMON, None, False, unk_token=None)
    yield "bpe-unfused", char_bpe(None, None, None, COMMON, None, False)
    yield "bge", word_piece(N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), post=bert_post)
    yield "bert-cased", word_piece(N.BertNormalizer(lowercase=False), P.BertPreTokenizer(), D.WordPiece("##", False), post=template("[CLS] $A [SEP]"))
    yield "bert-single-word", word_piece(N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), [special("[UNK]"), special("[CLS]"), special("[SEP]"), plain("ship", single_word=True, normalized=True), plain("sea", single_word=True), special("[MASK]", lstrip=True)], post=bert_post)
    yield "bge-matched-only", word_piece(N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), [special("[UNK]"), special("[CLS]"), special("[SEP]"), plain("\u6d77", single_word=True), plain("<", lstrip=True, single_word=True)], post=bert_post)
    yield "bert-short", word_piece(N.Sequence([N.NFD(), N.StripAccents()]), P.Whitespace(), D.WordPiece("@@", True), prefix="@@", max_input_chars_per_word=4, continuing_subword_prefix="@@")
    yield "word-level", word_piece(N.Lowercase(), P.Sequence([P.WhitespaceSplit(), P.Punctuation()]), None, level=True)
    yield "t5", unigram(N.Sequence([N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace(SPACE), D.Metaspace(SPACE), post=template("$A </s>"))
    yield "t5-single-precision", unigram(N.NFKC(), P.Sequence([P.WhitespaceSplit(), P.Metaspace(SPACE)]), D.Metaspace(SPACE), single=True)
    yield "unigram-bytes", unigram(N.Replace(" ", SPACE), None, D.Sequence([D.Replace(SPACE, " "), D.ByteFallback(), D.Fuse()]), byte_fallback=True)
    yield "albert", unigram(N.Sequence([N.Replace("``", '"'), N.NFKD(), N.StripAccents(), N.Lowercase()]), P.Metaspace(SPACE, "first"), D.Metaspace(SPACE, "first"))


BEHAVIORS = ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"]
REGEXES = [r"\s+", r"\w+|[^\w\s]+", r"\p{L}+", r"\d", r"(?=[A-Z])", r"[^\S\n]+", r"\S", r"(?i:the|sea)", r"\bs", r"^\s*", r"\s*$", r"(?<=a)", "[aeiou]{1,2}", r"\p{Han}", r"[\w']+", r"x*", r"(a|b)++", r".", r"\B", r"\x41|\x{1F600}", r"[^a-z]", r"\W+", r"(?>a+)b?", r"\n|\r"]


def random_stages(rng):
    def normalizer():
        return rng.choice([
            N.NFC, N.NFD, N.NFKC, N.NFKD, N.Lowercase, N.StripAccents, lambda: N.Strip(rng.random() < .5, rng.random() < .5),
            lambda: N.Prepend(rng.choice([SPACE, "x", " ", "ab"])), lambda: N.Replace(rng.choice([" ", "a", "the", "\n", "e\u0301"]), rng.choice(["", SPACE, "_", "aa"])),
            lambda: N.Replace(Regex(rng.choice([r"\s+", r"\d", r"[^\x20-\x{10FFFF}]", r"(?i:s)", r"^\s+", r"\s+$", r"\b"])), rng.choice(["", " ", "#"])),
            lambda: N.BertNormalizer(rng.random() < .5, rng.random() < .5, rng.choice([None, True, False]), rng.random() < .5)])()

    def pre_tokenizer():
        return rng.choice([
            lambda: P.Split(rng.choice([" ", "a", "the", "\n", SPACE]), rng.choice(BEHAVIORS), invert=rng.random() < .3),
            lambda: P.Split(Regex(rng.choice(REGEXES)), rng.choice(BEHAVIORS), invert=rng.random() < .3),
            lambda: P.Metaspace(rng.choice([SPACE, "_"]), rng.choice(["first", "always", "never"]), rng.random() < .5),
            lambda: P.ByteLevel(rng.random() < .5, True, rng.random() < .5), lambda: P.Digits(rng.random() < .5), lambda: P.Punctuation(rng.choice(BEHAVIORS)),
            P.Whitespace, P.WhitespaceSplit, P.BertPreTokenizer, lambda: P.CharDelimiterSplit(rng.choice(" ae.\u6d77"))])()

    def decoder():
        single = [D.Metaspace, lambda: D.Metaspace("_", "never"), lambda: D.WordPiece("##", rng.random() < .5), D.ByteFallback, lambda: D.Strip(rng.choice(" a"), rng.randint(0, 2), 0),
                  lambda: D.Replace(SPACE, " "), lambda: D.Replace(Regex(r"\s+"), " "), lambda: D.BPEDecoder("</w>"), lambda: D.Replace("a", "")]
        stages = [rng.choice(single)() for _ in range(rng.randint(0, 3))]
        if rng.random() < .6:
            stages += [rng.choice([D.ByteLevel, D.Fuse])()] + ([D.Strip(rng.choice(" a"), rng.randint(0, 2), 0)] if rng.random() < .5 else [])
        return D.Sequence(stages) if stages else None

    def sequence(kind, make, most):
        stages = [make() for _ in range(rng.randint(0, most))]
        return None if not stages else stages[0] if len(stages) == 1 and rng.random() < .5 else kind(stages)

    return sequence(N.Sequence, normalizer, 3), sequence(P.Sequence, pre_tokenizer, 3), decoder()


def random_combination(seed):
    rng = random.Random(seed)
    normalizer, pre_tokenizer, decoder = random_stages(rng)
    flags = lambda: {"lstrip": rng.random() < .3, "rstrip": rng.random() < .3, "single_word": rng.random() < .3, "normalized": rng.random() < .5}
    tokens = [special("<s>", **flags()), special("</s>", **flags()), special("<|user|>", **flags()), plain("<note>", **flags()), plain("The", **flags()), plain("sea", **flags())]
    kind = rng.choice(["byte", "char", "char", "piece", "level", "unigram", "unigram"])
    if kind == "byte":
        stages = ([pre_tokenizer] if pre_tokenizer else []) + [P.ByteLevel(rng.random() < .5, True, rng.random() < .5)]
        return byte_bpe(stages, tokens, normalizer, template(rng.choice(["$A", "<s> $A", "<s> $A </s>", "<s> <s> $A </s> <|user|>"])), rng.random() < .5)
    if kind == "char":
        return char_bpe(normalizer, pre_tokenizer, decoder, tokens, template("<s> $A"), rng.choice([True, False, 180]), fuse_unk=rng.random() < .5,
                        ignore_merges=rng.random() < .3, **rng.choice([{}, {}, {"continuing_subword_prefix": "##"}, {"end_of_word_suffix": "</w>"}]))
    if kind == "unigram":
        return unigram(normalizer, pre_tokenizer, decoder, tokens, template("$A </s>"), rng.random() < .5)
    return word_piece(normalizer, pre_tokenizer, decoder, [special("[UNK]", **flags()), plain("ship", **flags()), *tokens], level=kind == "level")
