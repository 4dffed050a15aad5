"""Random and adversarial texts for the differential test of tokenizers, and the code points they are made of.

A code point is used where Python's tables and those of `tokenizers` agree on all that a stage asks of it: the Unicode
versions of both have assigned it, and neither has changed its mind about it since. They are found by asking both, not by a
list: normal forms, lower case, and the classes that the stages Strip, StripAccents, BertNormalizer, Digits, Punctuation and
Whitespace go by.
"""
import random
import unicodedata

from tokenizers import normalizers, pre_tokenizers

CONTROLS = ("Cc", "Cf", "Co", "Cs", "Cn")
PLANES = [range(0, 0x80), range(0x80, 0x250), range(0x250, 0x600), range(0x600, 0x1100), range(0x1100, 0x2000),
          range(0x2000, 0x3400), range(0x3400, 0xA000), range(0xA000, 0xD800), range(0xE000, 0x10000),
          range(0x10000, 0x11000), range(0x11000, 0x1F000), range(0x1F000, 0x20000), range(0x20000, 0x30000),
          range(0x30000, 0x40000), range(0xE0000, 0xF0000), range(0xF0000, 0x110000)]


def _mapped(normalizer, characters, separator="\n"):
    """What becomes of each character alone; the separator must be something that the normalizer keeps."""
    return normalizer.normalize_str(separator.join(characters)).split(separator)


def _members(pre_tokenizer, characters):
    """The characters that are pieces of their own between letters."""
    pieces = pre_tokenizer.pre_tokenize_str("x" + "x".join(characters) + "x")
    return {piece for piece, _ in pieces if len(piece) == 1 and piece != "x"}


def agreed_characters():
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and c != 10 and unicodedata.category(chr(c)) != "Cn"]
    category = {c: unicodedata.category(c) for c in characters}
    agreed = set(characters)

    def keep(expected, found):
        agreed.difference_update(c for c, want, have in zip(characters, expected, found) if want != have)

    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        keep([unicodedata.normalize(form, c) for c in characters], _mapped(getattr(normalizers, form)(), characters))
    keep([c.lower() for c in characters], _mapped(normalizers.Lowercase(), characters))
    keep(["" if category[c][0] == "M" else c for c in characters], _mapped(normalizers.StripAccents(), characters))
    bert = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    controls = lambda c: c != "\t" and c != "\r" and (category[c] in CONTROLS or c in "\0\ufffd")
    keep(["" if controls(c) else " " if c.isspace() and c not in "\x1c\x1d\x1e\x1f" else c for c in characters],
         _mapped(bert, characters, "xyzzy"))
    accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    keep(["".join(d for d in unicodedata.normalize("NFD", c) if unicodedata.category(d) != "Mn") for c in characters],
         _mapped(accents, characters))
    for pre_tokenizer, is_member in ((pre_tokenizers.Digits(individual_digits=True), lambda c: category[c][0] == "N"),
                                     (pre_tokenizers.Punctuation(), lambda c: category[c][0] == "P" or (c < "\x80" and category[c][0] == "S"))):
        found = _members(pre_tokenizer, characters)
        agreed.difference_update(c for c in characters if (c in found) != is_member(c))
    return agreed, len(characters)


FRAGMENTS = [
    " ", " ", " ", "  ", "   ", "    ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t", "\x0b", "\x0c", "\x85", "\xa0", "\u2003", "\u3000", "\u2028",
    "\u180e", "\u200b", "\ufeff", "the", "The", "THE", "ships", "Ship", "lighthouse", "lantern", " the", " sea", "was", "counted", "they're",
    "I'M", "we'LL", "'s", "'S", "'t", "'re", "'ve", "'\u017f", "n't", " do not", "don't", ".", ",", "!?", "...", " .", " ,", "?!", "--", "(", ")", "\"",
    "'", "/", "\\", "_", "#", "$5.00", "100%", "a=b;", "c++", "{", "}", "<", ">", "<|", "|>", "<0x0A>", "<0x41>", "##ing", "##", "\u2581", "\u2581\u2581",
    "\u2581the", "</w>", "7", "42", "007", "2024", "1234567", "3.14", "1,000,000", "\u0663\u0664", "\u00bd", "\u2167", "\uff11\uff12", "\U0001d7d9", "e\u0301", "\u0301",
    "a\u0323\u0307", "q\u0307\u0323", "\u00e9", "\u00c9", "\u00df", "\u0130", "\u0131", "\u03a3", "\u03c2", "\ufb01", "\ufb03", "\u212b", "\u2126", "\u212a", "\u01c5", "\u1e9e",
    "\u043a\u043e\u0440\u0430\u0431\u043b\u0438", "\u041a\u041e\u0420", "\u6d77", "\u706f\u53f0", "\u3067\u3059\u3002", "\u30e9\u30f3\u30d7", "\ubc14\ub2e4", "\u1100\u1161\u11a8", "\u0627\u0644\u0628\u062d\u0631",
    "\u0938\u092e\u0941\u0926\u094d\u0930", "\u0e17\u0e30\u0e40\u0e25", "\U0001f600", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U00020000", "\U0002b820", "\U0002b920", "\x00", "\x01", "\x7f", "\ufffd", "\ue000", "\U000f0000", "\U0001d15e", "\u0958", "\u0f73",
    "aaaa", "mississippi", "ababab", "\u0344", "\u0345", "ﷺ", "㍿", "①", "ｶﾞ", "ㄱ", "a_b", "snake_case", "CamelCase", "HTMLParser", "x1y2", "A1",
]


def make_texts(count, seed, special_tokens, agreed):
    """`count` texts as bytes; some are no valid UTF-8."""
    rng = random.Random(seed)
    fragments = [f for f in FRAGMENTS if all(c in agreed or c == "\n" for c in f)]
    planes = [[chr(c) for c in plane if chr(c) in agreed] for plane in PLANES]
    planes = [plane for plane in planes if plane]
    specials = list(special_tokens) + [token[:-1] for token in special_tokens] + [token.upper() for token in special_tokens]
    specials = [s for s in specials if s] or ["<s>"]

    def part():
        kind = rng.random()
        if kind < 0.62:
            return rng.choice(fragments)
        if kind < 0.80:
            return rng.choice(rng.choice(planes))
        if kind < 0.92:
            return rng.choice(("", " ", "  ", "\n", "x", "\u00a0", ".")) + rng.choice(specials) + rng.choice(("", " ", "\t ", "x", "\n", "1"))
        if kind < 0.97:
            return rng.choice(fragments) * rng.randint(2, 20)
        return "".join(rng.choice(rng.choice(planes)) for _ in range(rng.randint(2, 12)))

    for i in range(count):
        text = "".join(part() for _ in range(rng.choice((1, 2, 3, 4, 6, 8, 12)))).encode()
        if i % 2000 == 1999:
            text = (rng.choice(fragments) * rng.randint(100, 3000)).encode()
        if rng.random() < 0.04:  # damaged
            damaged = bytearray(text)
            for _ in range(rng.randint(1, 4)):
                at = rng.randint(0, len(damaged))
                if rng.random() < 0.5:
                    damaged[at:at] = bytes([rng.choice((0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xF5, 0xFF, 0xE0, 0xA0))])
                else:
                    del damaged[at:at + 1]
            text = bytes(damaged)
            # Deleting bytes can make characters that are not agreed on.
            if any(c not in agreed and c not in "\n\ufffd" for c in text.decode("utf-8", "replace")):
                continue
        yield text
