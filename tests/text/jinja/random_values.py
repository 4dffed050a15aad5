"""Random templates about values: formats, numbers and texts of every kind in the places that take them. Each is a pattern in
which <KIND> stands for a literal made at random."""
import random
import re
import unicodedata

PATTERNS = [
    "'<percent>' % <any>", "'<percent>' % (<any>,)", "'<percent>|<percent>' % (<any>, <any>)", "'<percent>' % <int>",
    "'<percent>' % <real>", "'<percent>' % <text>",
    "'%(k)<percent_tail>' % {'k': <any>}", "'{:<spec>}'.format(<any>)", "'{:<spec>}'.format(<int>)",
    "'{:<spec>}'.format(<real>)", "'{:<spec>}'.format(<text>)",
    "'{!<letter>:<spec>}'.format(<any>)", "'{0:<spec>}{1}'.format(<any>, <any>)",
    "'<braces>'.format(<any>, <any>, k=<any>)", "'<braces>'.format(l, d)",
    "<real>", "[<real>, <real>]", "<real>|string", "<real>|tojson", "<int>|tojson", "<real>|round(<small>)",
    "<real>|round(<small>, 'floor')", "<real>|round(<small>, 'ceil')", "<int>|round(<small>)",
    "<real> // <real>", "<real> % <real>", "<int> // <small>", "<int> % <small>", "<int> / <int>", "<small> ** <small>",
    "<real> ** <small>", "<real>|int", "<int> + <int>", "<int> * <small>", "<int> == <real>", "<int> < <real>",
    "<number_text>|int", "<number_text>|float", "<number_text>|int(-1, <small>)", "<number_text>|int(base=16)",
    "<text>|int", "<text>|float",
    "<text>", "[<text>]", "<text>|tojson", "<text>|tojson(ensure_ascii=true)", "<text>|upper", "<text>|lower",
    "<text>|title", "<text>|capitalize", "<text>|trim", "<text>|length", "<text>|list", "<text>|reverse",
    "<text>.upper()", "<text>.lower()", "<text>.title()", "<text>.capitalize()", "<text>.swapcase()",
    "<text>.casefold()", "<text>.strip()", "<text>.strip(<text>)", "<text>.lstrip(<text>)", "<text>.rstrip(<text>)",
    "<text>.split()", "<text>.split(<short>)", "<text>.split(<short>, <small>)", "<text>.rsplit(none, <small>)",
    "<text>.rsplit(<short>, <small>)", "<text>.split(none, <small>)", "<text>.splitlines()", "<text>.splitlines(true)",
    "<text>.partition(<short>)", "<text>.rpartition(<short>)", "<text>.replace(<short>, <text>)",
    "<text>.replace(<short>, <short>, <small>)", "<text>|replace(<short>, <text>, <small>)",
    "<text>.find(<short>)", "<text>.rfind(<short>, <small>)", "<text>.count(<short>, <small>, <small>)",
    "<text>.startswith(<short>, <small>)", "<text>.endswith(<short>, <small>, <small>)", "<short> in <text>",
    "<text>[<small>]", "<text>[<small>:<small>]", "<text>[<small>:<small>:<small>]", "<text>[::<small>]",
    "range(<small>, <small>, <small>)|list", "range(9)[<small>:<small>:<small>]",
    "[1, 2, 3, 4][<small>:<small>:<small>]", "(1, 2, 3)[<small>:]",
    "<text>.center(<small>, '*')", "<text>.ljust(<small>)", "<text>.rjust(<small>, <short>)", "<text>.zfill(<small>)",
    "<number_text>.zfill(<small>)", "<text>.expandtabs(<small>)", "<text>|center(<small>)",
    "<text>.isalpha() ~ <text>.isdigit() ~ <text>.isalnum() ~ <text>.isspace()",
    "<text>.isupper() ~ <text>.islower() ~ <text>.istitle() ~ <text>.isidentifier()",
    "<text>.isnumeric() ~ <text>.isdecimal() ~ <text>.isprintable() ~ <text>.isascii()",
    "<letter_text>.isalpha() ~ <letter_text>.isdigit() ~ <letter_text>.isnumeric() ~ <letter_text>.isspace() ~ <letter_text>.isprintable()",
    "<text> is lower", "<text> is upper",
    "<text> < <text>", "[<text>, <text>, <text>]|sort", "[<text>, <text>, <text>]|sort(case_sensitive=true)",
    "[<text>, <text>]|unique|list", "[<text>, <text>]|min", "{<text>: 1, <text>: 2}|dictsort", "[<any>, <any>]|sort",
    "[<any>, <any>, <any>]|unique|list", "<any> in [<any>, <any>]", "<any> == <any>",
    "{<any>: <any>, <any>: <any>}", "{<any>: 1}[<any>]", "{<any>: 1, <text>: <real>}|tojson",
    "{<any>: 1}|tojson(sort_keys=true)", "[<any>, [<any>]]|tojson(indent=<small>)", "[<any>]|string", "(<any>,)|string",
    "<any> ~ <any>",
    "<text>|indent(<small>)", "<text>|indent(<short>, <bool>, <bool>)", "<text>|truncate(<small>)",
    "<text>|truncate(<small>, <bool>, <short>, <small>)", "<text>|wordwrap(<small>)",
    "<text>|wordwrap(<small>, <bool>, <short>, <bool>)", "<text>|wordcount", "<text>|urlencode",
    "{<text>: <any>}|urlencode",
    "<text>|e", "<text>|striptags", "<html>|striptags", "<html>|e|e|forceescape", "{<short>: <any>}|xmlattr",
    "<int>|filesizeformat(<bool>)", "<real>|filesizeformat", "<any>|default(<any>, <bool>)", "<any>|string|length",
    "<any>|first", "<any>|list", "<any>|join(<any>)", "[<any>, <any>]|join(<any>)", "[<any>, <any>]|sum",
    "[<any>, <any>]|max",
    "'<escapes>'", "'<escapes>' | length", "strftime_now('<time>')", "<literal>", "<literal> + 1",
    "<any> and <any> or <any>", "not <any>", "<any> is number ~ <any> is string", "<any>|abs", "-<any>",
    "<any> * <small>", "<any> + <any>", "<any> % <any>", "<any>|batch(<small>, <any>)|list",
    "<any>|slice(<small>)|list", "<text>|pprint", "[<any>, <any>]|pprint",
]
CHARACTERS = ("abzAZ09 _-.,:;!?'\"\\/<>&%{}[]()\t\n\r\x0b\x0c\x1c\x85\u00a0\u1680\u2003\u2028\u200b"
              "\u3000\ufeff\u00df\u0130\u0131\u0149\u01c5\u01f0\u0345\u03a3\u03c3\u03c2\u0390"
              "\ufb01\ufb03\u1e9e\u1f88\u1fbc\u00aa\u00b2\u00bd\u0663\u0966"
              "\u2160\u2170\u24d0\u3007\u4e00\u4e8c\u0301\u0308\u05d0\ud55c\U0001d7d8\U00010400\U0001f600\U0001f1e6\ue000\x7f\xad\u0378")
WORDS = [
    "the", "Quick", "don't", "x-y", "\u00c9cole", "na\u00efve", "ΑΣΑΣ", "one two", "line\nbreak", "a\r\nb", "", " ",
    "aaa", "abab", "UPPER", "https://a.b/c?d=e", "<b>", "&lt;", "1.5", "e\u0301",
]
REALS = [
    "0.0", "-0.0", "0.5", "1.5", "2.5", "-2.5", "0.1", "1e16", "1e15", "123456789.125", "1e22", "1e-4", "1e-5",
    "9007199254740993.0", "1e308", "5e-324", "0.005", "1.005", "2.675", "1e100", "-1e-300", "(1e308 * 10)",
    "(-1e308 * 10)", "(1e308 * 10 - 1e308 * 10)", "99.995", "1234.5678", "0.00012345", "3.0",
]
INTEGERS = [
    "0", "1", "-1", "7", "42", "-13", "255", "1000", "123456", "1234567890", "-987654321", "2147483648",
    "9007199254740993", "999999999999999999",
]
NUMBER_TEXTS = ["12", " 12 ", "-7", "+7", "1_000", "1__0", "_1", "1_", "0x1F", "0X1f", "0b11", "0o17", "017",
                "1.5", "-1.5e3", "1e3", ".5", "5.", "1.5.5", "nan", "inf", "-Infinity", "infinity", "1e400",
                "\u0663\u0664", "\uff11\uff12", "\u00b2", "1\u00a0", "\u20031\u2003",
                "", " ", "-", "+-1", "1 2", "ff", "zz", "1e", "e1", "0x", "9" * 17, "0_0", "1_0.0_1", "\x1f1", "1\x00"]
LITERALS = [
    "0", "00", "0_0", "01", "1_000", "1__0", "_1", "1_", "0x1F", "0X1f", "0x_1", "0b1_0", "0b2", "0o17", "0o8",
    "1.5", "1.", ".5", "1.5.5", "1e5", "1E+5", "1e-5", "1e", "1_0.5_0", "1.5e1_0", "1._5", "9223372036854775807",
    "1e400", "0x7fffffffffffffff", "1.e5", "12.0.x", "1 .x", "1.real",
]
BRACES = [
    "{}", "{0}", "{1}", "{k}", "{{}}", "{{", "}}", "{", "}", "a", "{0[0]}", "{0[a]}", "{0.x}",
    "{1[b]}", "{:>{}}", "{!r}", "{k!s:>5}", "{0!x}", "{:{}{}}", "{ }", "{-1}", "{0[}", "{0]}", "{2}", "{q}", "{k[1]}", "{0:}", "{:<5}",
]
OTHERS = ["none", "[1, 'a']", "{'k': 2}", "(1, 2)", "missing", "l", "d", "range(3)", "''|e"]
ESCAPES = [
    "\\n", "\\t", "\\r", "\\\\", "\\'", '\\"', "\\x41", "\\xe9", "\\x4", "\\u00e9", "\\u12", "\\U0001F600",
    "\\U00110000", "\\0", "\\12", "\\101", "\\777", "\\8", "\\a", "\\b", "\\f", "\\v", "\\q", "\\/", "\\ ", "\\\n",
    "\\N{DIGIT ONE}", "\\N{x}", "\u00e9", "\\\u00e9", "\U0001f600", "a", "{{", "%}",
]
TIMES = list("aAbBcdfHIjmMpSUwWxXyYZz%GgVuCDeFhklnPRrsTtE-_0^#Oq") + [" ", "\u00e9", "-d", "-m", "-I", "_d", "^a", "Ey", "Od", "5Y", ""]
HTML = [
    "<b>x</b>", "a <i class='q'>b</i>  c", "<!-- c -->d", "&amp;&lt;&#39;&eacute;&#x41;&nope;", "<a", "a > b",
    "<br/>\n\n x", "<<b>>", "&quot;&#34;&gt", "<!-- <b> -->", "<!-- open", "&amp;lt;",
]


def is_comparable(character):
    """Whether our tables of characters (those of Python 3.11) and this Python's agree on what the character is."""
    return unicodedata.unidata_version == "14.0.0" or unicodedata.ucd_3_2_0.category(character) != "Cn"


class Values:
    def __init__(self, rng: random.Random):
        self.rng = rng

    def template(self):
        pattern = self.rng.choice(PATTERNS)
        return "{{ " + re.sub(r"<(\w+)>", lambda hole: getattr(self, hole.group(1))(), pattern) + " }}"

    @staticmethod
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r") + "'"

    def text(self):
        rng = self.rng
        if rng.randrange(3) == 0:
            return self.quoted(" ".join(rng.choices(WORDS, k=rng.randint(1, 5))))
        return self.quoted("".join(rng.choices(CHARACTERS, k=rng.randrange(9))))

    def short(self):
        characters = "ab \n,Aé" if self.rng.randrange(3) else CHARACTERS
        return self.quoted("".join(self.rng.choices(characters, k=self.rng.choice((0, 1, 1, 1, 2)))))

    def letter_text(self):
        rng = self.rng
        planes = ((0x20, 0x250), (0x250, 0x600), (0x600, 0x1200), (0x1200, 0x3000),
                  (0x3000, 0xa000), (0xa000, 0xd800), (0xf900, 0xffff), (0x10000, 0x10900), (0x1d400, 0x1d800), (0x1f000, 0x1fa00))
        while not is_comparable(character := chr(rng.randrange(*rng.choice(planes)))):
            pass
        return self.quoted(character)

    def any(self):
        rng = self.rng
        kind = rng.choice((self.text, self.int, self.real, self.bool, self.text, self.int, None))
        return kind() if kind else rng.choice(OTHERS)

    def int(self):
        return self.rng.choice(INTEGERS)

    def real(self):
        rng = self.rng
        if rng.randrange(3):
            return rng.choice(REALS)
        return repr(rng.choice((rng.uniform(-10, 10), rng.uniform(0, 1) ** 20, round(rng.uniform(-1000, 1000), 2),
                                rng.random() * 10 ** rng.randint(-20, 25))))

    def small(self):
        return str(self.rng.choice((-3, -2, -1, 0, 1, 2, 3, 4, 6, 10, 17)))

    def bool(self):
        return self.rng.choice(("true", "false"))

    def letter(self):
        return self.rng.choice("rsaxd")

    def number_text(self):
        return self.quoted(self.rng.choice(NUMBER_TEXTS))

    def literal(self):
        return self.rng.choice(LITERALS)

    def html(self):
        return self.quoted("".join(self.rng.choices(HTML, k=self.rng.randint(1, 3))))

    def escapes(self):
        return "".join(self.rng.choices(ESCAPES, k=self.rng.randint(1, 4)))

    def time(self):
        return "".join(("%" + letter if self.rng.randrange(6) else letter) for letter in self.rng.choices(TIMES, k=self.rng.randint(1, 3)))

    def percent(self):
        return self.rng.choice(("", "a", "%%")) + "%" + self.percent_tail()

    def percent_tail(self):
        rng = self.rng
        flags = "".join(rng.choices("#0- +", k=rng.choice((0, 0, 1, 1, 2))))
        width, precision = rng.choice(("", "", "1", "5", "12", "*")), rng.choice(("", "", ".", ".0", ".1", ".3", ".10", ".*"))
        return flags + width + precision + rng.choice(("", "", "", "l", "h")) + rng.choice("sssdddiufFeEgGxXocrra%yb")

    def spec(self):
        rng = self.rng
        align = rng.choice(("", "", "", "<", ">", "^", "=", "*<", "*>", "*^", "0=", "\u00e9^", "{{<"))
        sign, alternate, zero = rng.choice(("", "", "", "+", "-", " ")), rng.choice(("", "", "", "#")), rng.choice(("", "", "", "0"))
        width, group = rng.choice(("", "", "1", "6", "12")), rng.choice(("", "", "", ",", "_"))
        precision, kind = rng.choice(("", "", ".0", ".1", ".3", ".12", ".")), rng.choice(("", "", "", *"sdbcoxXnfFeEgG%rz"))
        return align + sign + alternate + zero + width + group + precision + kind

    def braces(self):
        rng = self.rng
        return "".join(rng.choice(BRACES) for _ in range(rng.randint(1, 3)))
