#!/usr/bin/env python3
"""Writes src/text/jinja/python_text_tables.h: what Python's str knows of characters beyond their Unicode category.

usage: make_python_text_tables.py > src/text/jinja/python_text_tables.h
"""

import sys
import unicodedata

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(codepoints):
    found = []
    for c in codepoints:
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def print_ranges(name, what, codepoints):
    print(f"\n// {what}")
    table = ranges(codepoints)
    print(f"inline constexpr std::array<CodepointRange, {len(table)}> {name} = {{{{")
    for i in range(0, len(table), 5):
        print("    " + " ".join(f"{{0x{a:04X}, 0x{b:04X}}}," for a, b in table[i:i + 5]))
    print("}};")


def literal(text):
    return 'U"' + "".join(f"\\x{ord(c):X}" for c in text) + '"'


def main():
    print("// What Python's str knows of characters beyond their Unicode category.")
    print(f"// Made by tools/make_python_text_tables.py with Unicode {unicodedata.unidata_version}; not to be edited.")
    print("// clang-format off\n#pragma once\n\n#include <array>\n#include <string_view>\n\nnamespace quandex::jinja {\n")
    print("struct CodepointRange {\n  char32_t first, last;\n};")
    category = unicodedata.category
    print_ranges("kOtherLower", "str.islower, not of category Ll.",
                 [c for c in ALL if chr(c).islower() and category(chr(c)) != "Ll"])
    print_ranges("kOtherUpper", "str.isupper, not of category Lu.",
                 [c for c in ALL if chr(c).isupper() and category(chr(c)) != "Lu"])
    print_ranges("kOtherDigit", "str.isdigit, not of category Nd.",
                 [c for c in ALL if chr(c).isdigit() and category(chr(c)) != "Nd"])
    print_ranges("kOtherNumeric", "str.isnumeric, not of categories Nd, Nl and No.",
                 [c for c in ALL if chr(c).isnumeric() and category(chr(c)) not in ("Nd", "Nl", "No")])
    special = [c for c in ALL if len(chr(c).upper()) > 1 or len(chr(c).title()) > 1]
    print("\n// Characters whose upper or title case is several.")
    print("struct SpecialCase {\n  char32_t codepoint;\n  std::u32string_view upper, title;\n};")
    print(f"inline constexpr std::array<SpecialCase, {len(special)}> kSpecialCases = {{{{")
    for c in special:
        print(f"    {{0x{c:04X}, {literal(chr(c).upper())}, {literal(chr(c).title())}}},")
    print("}};\n\n}  // namespace quandex::jinja")
    assert [c for c in ALL if len(chr(c).lower()) > 1] == [0x130], "only U+0130 has a long lower case"


if __name__ == "__main__":
    sys.exit(main())
