"""Random Jinja templates: a grammar of expressions by type, and of statements around them.

A rule is a text in which {TYPE} stands for another expression of that type. Now and then an expression is of another type
than its rule asks for, so that errors are met too. Numbers stay small, repetitions short, and a macro calls only those
before it: every template ends soon.
"""
import random
import re

from random_values import Values

WRONG_ALONE, WRONG_AMONG_STATEMENTS = 14, 60  # one expression in so many is of another type

CONTEXT = {
    "s": "Hello, World", "t": "  two words\n", "u": "na\u00efve \U0001f600 \u00df\u0130\ufb01 \u01c6 \u0149", "e": "",
    "q": "it's \"q\" \\ \t",
    "digits": "42", "lines": "one\n two\r\n\nthree\u2028four", "html": "<b>&amp; 'x'</b>", "n": 7, "z": 0, "m": -3, "big": 1234567890123,
    "f": 2.5, "g": -0.1, "h": 1e16, "yes": True, "no": False, "nil": None, "l": [3, 1, 2], "ls": ["b", "A", "c", "a", "B"],
    "mixed": [1, "1", None, True, 2.0, [1], {"k": 1}], "empty": [], "lf": [0.1, 1e22, -0.0, 1e-7],
    "pairs": [["a", 1], ["b", 2]], "d": {"b": 1, "a": "x", "C": None, "items": [1, 2], "get": 0, "\u00e9\n": {"y": [True]}}, "ed": {},
    "rows": [{"name": "Ann", "age": 30, "tags": ["x"], "in": {"k": 2}}, {"name": "bob", "age": 25, "tags": [], "in": {"k": 1}},
             {"name": "Cy", "age": 30, "tags": ["x", "y"], "in": {"k": 3}}, {"name": "ann", "age": None, "in": {}}],
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U", "n": 1},
                 {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
                 {"role": "tool", "content": [{"type": "text", "text": "T"}]}],
}

ATOMS = {
    "str": ["s", "t", "u", "e", "q", "digits", "lines", "html", "''", "'a'", '"b\\n"', "'\\u00e9\\x41\\''", "'a' 'b'", "'x,y,,z'", "'%s'",
            "'<|im_start|>'", "messages[0].role", "messages[1]['content']", "rows[0].name", "' '", "'3.5'", "'0x1F'", "'aXbX'", "a", "b"],
    "int": ["n", "z", "m", "0", "1", "2", "3", "-1", "10", "7", "1_000", "0x1f", "0b101", "0o17", "l[0]", "rows[1].age", "big", "c"],
    "real": ["f", "g", "h", "0.5", "1.0", "1e3", "1e-5", "2.5e10", "3.0", "-0.0", "1e100", "100.0", "lf[0]"],
    "bool": ["yes", "no", "true", "false", "True", "False"],
    "list": ["l", "ls", "mixed", "empty", "lf", "pairs", "rows", "messages", "[]", "[1, 2, 3]", "['a', 'b']", "(1, 'x')", "()", "(1,)",
             "range(4)", "range(5, 0, -2)", "[none, true]", "rows[0].tags", "'a,b,c'.split(',')", "[[1, 2], [3]]", "b"],
    "dict": ["d", "ed", "{}", "{'a': 1}", "{'x': [1], 'y': {'z': none}}", "rows[0]", "rows[3]", "messages[2]",
    "dict(a=1, b='c')", "{1: 2, 'k': 3.0}",
             "{'b': 1, 'a': 2, 'B': 0}", "dict([['k', 1]], z=2)"],
    "other": ["nil", "none", "None", "missing", "d.missing", "a", "b", "c", "k", "x", "namespace", "ns.v", "ns.w", "rows[9]", "loop", "ns"],
}
LOOP_ATOMS = ["loop.index", "loop.index0", "loop.first", "loop.last", "loop.previtem", "loop.nextitem", "loop.length", "loop.revindex",
              "loop.revindex0", "loop.depth", "loop.depth0", "loop.cycle('p', 'q')", "loop.changed(a)", "loop.index is odd", "k", "x", "a"]
# What most templates start with, so that the names which statements use are there.
PRELUDE = ("{%- set a, b, c, k, x = 1, 'B', [2], none, {'a': 1} %}{% set ns = namespace(v=0) %}"
           "{% macro m1(x) %}[{{ x }}{{ varargs }}]{% endmacro %}"
           "{% macro m2(x, y=2) %}({{ x }}{{ y }}{{ kwargs }}{{ caller(x) if caller }}){% endmacro %}"
           "{% macro m3(a, b=a) -%} {{ a ~ b }} {%- if caller %}{{ caller(1, b=c) }}{% endif %}{% endmacro %}")

RULES = {
    "str": [
        "{str} + {str}", "{str} ~ {any}", "{any} ~ {any}", "{str} * 2", "{any}|string", "{str}[{int}]", "{str}[1:]",
        "{str}[:-1]", "{str}[{int}:{int}]",
        "{str}[::-1]", "{str}[::{int}]", "{str}[{int}:]", "{str} if {bool} else {str}", "{str} or {str}", "{str} and {str}",
        "{str}|upper", "{str}|lower", "{str}|title", "{str}|capitalize", "{str}|trim", "{str}|trim('a ')", "{str}|replace({str}, {str})",
        "{str}|replace('a', 'b', 1)", "{str}|center(12)", "{str}|indent", "{str}|indent(2, true)",
        "{str}|indent(width='> ', first=true, blank=true)",
        "{str}|indent(2, blank=true)", "{str}|truncate(9)", "{str}|truncate(5, true, '..')",
        "{str}|truncate(5, false, '', 0)", "{str}|wordwrap(6)",
        "{str}|e", "{str}|escape", "{str}|safe", "{str}|forceescape", "{str}|striptags", "{any}|urlencode",
        "{str}|urlencode", "{int}|filesizeformat",
        "{int}|filesizeformat(true)", "{list}|join", "{list}|join(', ')", "{list}|join({str})",
        "{list}|join(',', attribute='name')", "{list}|map('string')|join('-')",
        "{any}|default({str})", "{any}|default({str}, true)", "{any}|d('x')", "{list}|first", "{list}|last",
        "{str}|first", "{str}|last", "{str}|reverse",
        "{str}.upper()", "{str}.lower()", "{str}.title()", "{str}.capitalize()", "{str}.strip()", "{str}.lstrip()",
        "{str}.rstrip()", "{str}.strip({str})",
        "{str}.lstrip('\\n')", "{str}.rstrip('\\n ')", "{str}.replace({str}, {str})", "{str}.replace('', '-', 2)",
        "{str}.replace('l', 'L', {int})",
        "{str}.split({str})[0]", "{str}.split('</think>')[-1]", "{str}.removeprefix('He')", "{str}.removesuffix({str})",
        "{str}.swapcase()", "{str}.casefold()",
        "{str}.center(9, '*')", "{str}.ljust(8)", "{str}.rjust({int})", "{str}.zfill(6)", "{str}.expandtabs(4)",
        "{str}.join({list})", "', '.join({list})",
        "'%s' % {any}", "'%s-%s' % ({any}, {any})", "'%d' % {int}", "'%5.2f|%e|%g' % ({real}, {real}, {real})",
        "'%05d|%x|%o|%X' % ({int}, {int}, {int}, {int})",
        "'%(k)s' % {{'k': {any}}}", "'%r' % {any}", "'%-6s|%6s|%.2s' % ({str}, {str}, {str})",
        "'%+d %% %i' % ({int}, {int})", "'%s'|format({any})", "'%s %(a)s'|format({any})",
        "'{{}}'.format({any})", "'{{0}} {{1}} {{0}}'.format({any}, {any})", "'{{a}}-{{b}}'.format(a={any}, b={any})",
        "'{{:>8}}|{{:<4}}|{{:^5}}'.format({str}, {str}, {str})",
        "'{{:05d}} {{:,}} {{:.2f}}'.format({int}, {int}, {real})", "'{{!r}}'.format({any})",
        "'{{0[a]}}{{0[b]}}'.format({dict})", "'{{0.name}}'.format({any})",
        "{any}|tojson", "{any}|tojson(indent=2)", "{any}|tojson(separators=(',', ':'))",
        "{any}|tojson(ensure_ascii=true)", "{any}|tojson(sort_keys=true, indent={int})",
        "{any}|tojson(indent='\\t')", "{any}|pprint", "{any}|xmlattr", "{dict}|xmlattr", "{str}|string",
        "{str}|random|length ~ ''", "{dict}.get('a', {str})", "{dict}['a']", "{dict}.a",
        "{str}.partition({str})[2]", "{str}.rpartition('l')[0]", "{str}|attr('upper')", "raise_exception({str})",
        "strftime_now('%d %b %Y %H:%M:%S %j %p')",
        "strftime_now({str})", "{str}|list|join('.')", "{any}|string|length ~ {str}", "{list}|string", "{dict}|string",
        "({str}, {any})|string",
    ],
    "int": [
        "{int} + {int}", "{int} - {int}", "{int} * {int}", "{int} // {int}", "{int} % {int}", "-{int}", "+{int}",
        "2 ** 3", "3 ** 0", "-2 ** 2", "{any}|length", "{str}|length", "{list}|length",
        "{list}|count", "{any}|int", "{any}|int(5)", "{str}|int(base=16)", "{str}|int(0, 2)", "{int}|abs", "{list}|sum",
        "{list}|sum(start=1)", "{list}|sum(attribute='age')", "{list}|min", "{list}|max",
        "{str}.find({str})", "{str}.rfind('l')", "{str}.index('l')", "{str}.count({str})", "{list}.index({any})",
        "{list}.count({any})", "{str}|wordcount", "{list}[{int}]", "{list}[-1]",
        "{int} if {bool} else {int}", "{bool} + {bool}", "{int} and {int}", "{int} or {int}", "{list}|first",
        "{list}|last", "{dict}.b", "{dict}|length", "{real}|int", "{real}|round|int",
        "{str}.find('o', 5)", "{str}.count('l', 1, {int})", "{list}.index(1, 0, 2)",
        "{list}|map(attribute='age')|select|sum", "'%d'|format({int})|int",
    ],
    "real": [
        "{real} + {real}", "{real} - {int}", "{real} * {real}", "{int} / {int}", "{real} / {real}", "{real} // {real}",
        "{real} % {real}", "{int} % {real}", "-{real}", "2 ** -1", "{real} ** 2", "4 ** 0.5",
        "{any}|float", "{str}|float(1.5)", "{real}|round", "{real}|round(1)", "{real}|round(2, 'floor')",
        "{real}|round(1, 'ceil')", "{int}|round", "{int}|round(-1)", "{real}|abs", "{list}|sum",
        "{real}|round(method='ceil')",
    ],
    "bool": [
        "{any} == {any}", "{any} != {any}", "{int} < {int}", "{int} <= {real}", "{str} > {str}", "{any} >= {any}",
        "{int} < {int} < {int}", "{int} == {int} != {real}", "{list} < {list}", "{any} in {list}", "{str} in {str}",
        "{any} not in {any}", "{str} in {dict}", "{any} in {any}", "not {any}", "{bool} and {any}", "{any} or {bool}",
        "{any} is defined", "{any} is undefined", "{any} is none", "{any} is not none", "{any} is string",
        "{any} is number", "{any} is integer", "{any} is float", "{any} is boolean", "{any} is mapping",
        "{any} is sequence", "{any} is iterable", "{any} is callable", "{any} is true", "{any} is false",
        "{int} is odd", "{int} is even", "{int} is divisibleby({int})", "{int} is divisibleby 3", "{str} is lower",
        "{str} is upper", "{any} is sameas({any})", "{any} is sameas none", "{any} is eq({any})",
        "{any} is equalto {int}",
        "{any} is ne {any}", "{int} is lt({int})", "{int} is gt 2", "{int} is le {int}", "{any} is ge({any})",
        "{any} is in({list})", "{any} is not in {list}", "{any} is escaped", "{str} is filter", "'upper' is filter",
        "'odd' is test", "{str} is test", "{any} is greaterthan 1",
        "{str}.startswith({str})", "{str}.endswith({str})", "{str}.startswith(('a', 'H'))", "{str}.startswith('W', 7)",
        "{str}.isdigit()", "{str}.isalpha()", "{str}.isalnum()", "{str}.isspace()", "{str}.isupper()",
        "{str}.islower()", "{str}.istitle()",
        "{str}.isnumeric()", "{str}.isdecimal()", "{str}.isidentifier()", "{str}.isascii()", "{str}.isprintable()",
        "{list} == {list}", "{dict} == {dict}", "{any} is defined and {any} is not none", "not {any} is defined",
        "{bool} == {int}",
    ],
    "list": [
        "{list} + {list}", "{list} * 2", "{list}[1:]", "{list}[:{int}]", "{list}[::-1]", "{list}[{int}:{int}:{int}]",
        "[{any}, {any}]", "[{any}]", "({any}, {any})", "{str}|list", "{list}|list", "{dict}|list", "{str}.split()",
        "{str}.split({str})",
        "{str}.split(' ', 1)", "{str}.rsplit('l', 1)", "{str}.splitlines()", "{str}.splitlines(true)",
        "{str}.partition('o')", "{list}|sort", "{list}|sort(reverse=true)", "{list}|sort(case_sensitive=true)",
        "{list}|sort(attribute='name')",
        "{list}|sort(attribute='age,name')", "{list}|sort(attribute='in.k', reverse=true)", "{list}|unique|list",
        "{list}|unique(attribute='age')|list", "{list}|unique(true)|list", "{list}|reverse|list",
        "{list}|map('upper')|list", "{list}|map(attribute='name')|list",
        "{list}|map(attribute='in.k', default='-')|list", "{list}|map(attribute=0)|list",
        "{list}|map('default', 'x')|list", "{list}|map('replace', 'a', 'o')|list", "{list}|map('int')|list",
        "{list}|select|list", "{list}|reject|list", "{list}|select('string')|list",
        "{list}|select('>', 1)|list", "{list}|select('in', [1, 'a'])|list", "{list}|reject('none')|list",
        "{list}|reject('equalto', {any})|list", "{list}|selectattr('name')|list",
        "{list}|selectattr('role', 'equalto', 'user')|list", "{list}|selectattr('age', '==', 30)|list",
        "{list}|rejectattr('tool_calls')|list", "{list}|rejectattr('age', 'none')|list",
        "{list}|selectattr('in.k', 'gt', 1)|map(attribute='name')|list", "{list}|selectattr('tags', 'defined')|list",
        "{list}|batch(2)|list", "{list}|batch(2, '-')|list", "{list}|slice(2)|list",
        "{list}|slice(2, 'z')|list", "{dict}|items|list", "{dict}.items()|list", "{dict}.keys()|list",
        "{dict}.values()|list", "{dict}|dictsort", "{dict}|dictsort(true)", "{dict}|dictsort(by='value')",
        "{dict}|dictsort(false, 'value', true)", "{list}|groupby('age')|list",
        "{list}|groupby('name', default='?')|map('first')|list",
        "{list}|groupby('age')|map(attribute='list')|map('length')|list",
        "{list}|groupby('name', case_sensitive=true)|map(attribute='grouper')|list", "range({int})|list",
        "range({int}, {int})|list", "{list} if {bool} else {list}",
        "{list} or {list}", "{any}|list", "{str}|batch(3)|map('join')|list", "{list}|map('length')|list",
        "{list}|map('tojson')|list", "{list}|map('first')|list", "{list}.copy()",
        "{list}|map(attribute='content')|select('string')|list", "{list}|map('round', 1)|list", "{list}|min",
        "{list}|max(attribute='age')",
    ],
    "dict": [
        "{{'a': {any}, 'b': {any}}}", "{{{str}: {any}}}", "dict(x={any}, y={any})", "dict({dict}, z={any})",
        "{dict} if {bool} else {dict}", "{list}[0]", "{dict}.copy()", "{list}|first", "dict({list})",
        "{dict} or {dict}", "{{{any}: {any}}}", "{list}|last", "dict({dict}|items)", "dict({list}|groupby('age'))",
        "{dict}['x']", "{dict}.get('y', {{}})",
    ],
    "other": [
        "{any}.name", "{any}['k']", "{any}[{any}]", "{any}.{name}", "{list}.append({any})", "{dict}.update({dict})",
        "{dict}.pop('a')", "{dict}.setdefault('a', 1)", "{any}|attr('name')", "{any}.get({str})",
        "{dict}.get({any}, {any})", "{any}|first", "{any} if {bool}", "({any} if {bool})", "{any} or {any}",
        "{any} and {any}",
        "{any}(1)", "{any}.{name}()", "cycler(1, 2).next()", "joiner('; ')()", "namespace(a={any}).a",
        "namespace({dict}).a", "namespace(a=1).b", "caller()", "{any}|nofilter", "{any} is notest",
        "{any} is mapping and {any}.a", "m1({any})", "m1({any}, {any}, {any})", "m2(k={any})", "m2({any}, x={any})",
        "m3()", "m1(*{list})", "m2(**{dict})",
        "{list}|map('nofilter')|list", "{list}|select('notest')|list", "{any} + {any}", "{any} - {any}", "{any} * 2",
        "{any} % {any}", "-{any}", "{any} < {any}", "{list}|map", "{list}|select|length", "{list}|map('upper')|first",
        "{list}|select|tojson", "{any}.0", "{list}.1", "varargs", "kwargs", "{list}.sort()", "{dict}.items",
        "{str}.format",
        "self", "{list}|slice(0)|list", "{list}|batch(0)|list", "{any}|dictsort", "{any}|items|list", "{any}|sum",
        "{any}|join", "{any}|round", "{any}|abs", "{any}|sort|list", "m1.name", "m2.arguments", "m1.catch_kwargs", "m1",
        "loop.cycle()", "{str}.encode()", "{str}.nomethod()", "loop.index is defined", "loop({any})",
    ],
}
TYPES = ["str", "int", "real", "bool", "list", "dict", "other"]
NAMES = ["name", "role", "content", "items", "keys", "a", "b", "x", "missing", "__class__", "upper", "count",
         "index", "function", "tool_calls", "first"]
HOLE = re.compile(r"\{(str|int|real|bool|list|dict|any|other|name)\}")
TEXTS = ["\n", "  ", "x", "a b\n", "\n\n  ", "|", "é", "{ ", "}", "%", "# ", " \t", "\r\n", "- ", "-", "{ { ",
         "text\n    ", "\\", "'", "<|im_end|>\n"]
DAMAGE = ["{", "}", "%", "#", "-", "+", "(", ")", "[", "]", "|", ".", ",", ":", "=", "'", '"', "\\", "~", "*", "**", "//",
          "==", " is ", " not ", " in ", " if ", " else ", "\n", "0", "1.", "e", "_", "{{", "}}", "{%", "%}", "{#", "#}", "$", "&", "é", "\u00a0", "²", "\x00"]
VARIABLES = ["a", "b", "c", "x", "k"]


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.values = Values(self.rng)
        self.n_loops = 0  # around what is made now
        self.n_wrong, self.depths = WRONG_ALONE, (0, 1, 1, 2, 2, 3)

    # Expressions.

    def expression(self, kind="any", depth=None):
        rng = self.rng
        depth = rng.choice(self.depths) if depth is None else depth
        if kind == "name":
            return rng.choice(NAMES)
        if kind == "any" or rng.randrange(self.n_wrong) == 0:
            kind = rng.choice(TYPES)
        if depth <= 0 or rng.randrange(6) == 0:
            return rng.choice(LOOP_ATOMS if self.n_loops and rng.randrange(4) == 0 else ATOMS[kind])
        text = rng.choice(RULES[kind])
        text = HOLE.sub(lambda hole: "\0" + hole.group(1) + "\1", text).replace("{{", "{").replace("}}", "}")
        return re.sub("\0(.*?)\1", lambda hole: self.operand(hole.group(1), depth - 1), text)

    def operand(self, kind, depth):
        text = self.expression(kind, depth)
        is_simple = re.fullmatch(r"[\w.]+", text)
        return text if is_simple or self.rng.randrange(6) == 0 or kind == "name" else f"({text})"

    # Statements.

    def open(self, kind="%"):
        return "{" + kind + self.rng.choice(("", "", "", "-", "-", "+")) + self.rng.choice((" ", " ", ""))

    def close(self, kind="%"):
        signs = ("", "", "", "-", "-", "+") if kind != "}" else ("", "", "-")
        return self.rng.choice((" ", " ", "", "\n  ")) + self.rng.choice(signs) + kind + "}"

    def tag(self, text):
        return self.open() + text + self.close()

    def output(self):
        return self.open("{").replace("+", "") + self.expression() + " " + self.close("}")

    def text(self):
        return "".join(self.rng.choice(TEXTS) for _ in range(self.rng.randrange(3)))

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.rng.randint(1, 3)))

    def statement(self, depth):
        rng = self.rng
        kinds = [self.text, self.output, self.output, self.set_]
        if depth > 0:
            kinds += [self.if_, self.for_, self.block_set, self.filter_block, self.macro, self.call, self.with_,
                      self.namespace, self.generation, self.raw, self.comment]
            kinds += [self.loop_control] if self.n_loops or rng.randrange(20) == 0 else []
        kind = rng.choice(kinds)
        return kind(depth - 1) if kind not in (self.text, self.output) else kind()

    def set_(self, _depth):
        rng = self.rng
        target = rng.choice(VARIABLES)
        if rng.randrange(6) == 0:
            return self.tag(f"set {target}, {rng.choice(VARIABLES)} = {self.expression()}, {self.expression()}")
        if rng.randrange(12) == 0:
            return self.tag(f"set {target}, {rng.choice(VARIABLES)} = {self.expression('list')}")
        return self.tag(f"set {target} = {self.expression()}")

    def if_(self, depth):
        rng = self.rng
        parts = [self.tag(f"if {self.expression('bool')}"), self.body(depth)]
        if rng.randrange(3) == 0:
            parts += [self.tag(f"elif {self.expression()}"), self.body(depth)]
        if rng.randrange(2) == 0:
            parts += [self.tag("else"), self.body(depth)]
        return "".join(parts) + self.tag("endif")

    def for_(self, depth):
        rng = self.rng
        source = self.expression("list")
        target = rng.choice(VARIABLES)
        if rng.randrange(4) == 0:
            target, mapping = rng.choice(("k, x", "a, b", "(a, b)")), self.expression("dict", 0)
            source = rng.choice(("pairs", f"{mapping}.items()", f"{mapping}|items", "d|dictsort", source))
        condition = f" if {self.expression('bool')}" if rng.randrange(4) == 0 else ""
        recursive = " recursive" if rng.randrange(30) == 0 else ""
        self.n_loops += 1
        body = self.body(depth)
        self.n_loops -= 1
        otherwise = self.tag("else") + self.body(depth) if rng.randrange(5) == 0 else ""
        return self.tag(f"for {target} in {source}{condition}{recursive}") + body + otherwise + self.tag("endfor")

    def block_set(self, depth):
        filters = self.rng.choice(("", "", "|upper", "|trim|title", "|replace('a', 'b')"))
        return self.tag(f"set {self.rng.choice(VARIABLES)}{filters}") + self.body(depth) + self.tag("endset")

    def filter_block(self, depth):
        filters = self.rng.choice(("upper", "trim", "indent(2)", "replace('e', 'E')|lower", "length", "title"))
        return self.tag("filter " + filters) + self.body(depth) + self.tag("endfilter")

    def macro(self, depth):
        name = self.rng.choice(("m1", "m2", "m3"))
        arguments = self.rng.choice(("", "x", "a, k=1", "x, y=2, k='z'", "a, b=a", "a=missing", "x=d.b, k=c"))
        return self.tag(f"macro {name}({arguments})") + self.body(0 if depth < 1 else depth - 1) + self.tag("endmacro")

    def call(self, depth):
        call = self.rng.choice(("call(x) m2()", "call(x=0) m2(k)", "call(a, b=2) m3(1)", "call(y, z='w') m2(*[1, 2])",
                                "call(x) m2(b=k)", "call m1(1)"))
        return self.tag(call) + self.body(depth) + self.tag("endcall")

    def with_(self, depth):
        names = self.rng.choice((f"with a = {self.expression()}", f"with a = 1, b = {self.expression()}", "with"))
        return self.tag(names) + self.body(depth) + self.tag("endwith")

    def namespace(self, depth):
        first = self.tag(f"set ns = namespace(v={self.expression()})") if self.rng.randrange(2) else ""
        assignment = self.tag(f"set ns.{self.rng.choice('vw')} = {self.expression()}")
        return first + assignment + (self.body(depth) if self.rng.randrange(2) else "")

    def generation(self, depth):
        return self.tag("generation") + self.body(depth) + self.tag("endgeneration")

    def raw(self, _depth):
        return self.tag("raw").replace("+", "") + self.rng.choice(("{{ x }}", "{% if %}\n", " {# #} ", "", "\n  a\n")) + self.tag("endraw")

    def comment(self, _depth):
        return self.open("#").rstrip() + self.rng.choice((" note ", "", " {{ x }} ", "\n\n")) + self.close("#").strip()

    def loop_control(self, depth):
        statement = self.tag(self.rng.choice(("break", "continue")))
        if self.rng.randrange(4) == 0:
            return self.text() + statement
        return self.tag(f"if {self.expression('bool')}") + self.text() + statement + self.tag("endif")

    def template(self):
        """A template, one in eight damaged: what is refused has to agree too. One in four is about values."""
        if self.rng.randrange(4) == 0:
            return self.values.template()
        text = self.sound_template()
        return self.damaged(text) if self.rng.randrange(8) == 0 else text

    def damaged(self, text):
        """One token left out, doubled, exchanged with its neighbour, or one of another kind put in."""
        tokens = re.findall(r"\w+|\s+|.", text, re.S)
        i = self.rng.randrange(len(tokens))
        change = self.rng.randrange(4)
        if change == 0:
            del tokens[i]
        elif change == 1:
            tokens.insert(i, tokens[i])
        elif change == 2 and i + 1 < len(tokens):
            tokens[i], tokens[i + 1] = tokens[i + 1], tokens[i]
        else:
            tokens.insert(i, self.rng.choice(DAMAGE))
        return "".join(tokens)

    def sound_template(self):
        """An expression alone half of the time, or a template of statements."""
        self.n_wrong, self.depths = WRONG_ALONE, (0, 1, 1, 2, 2, 3)
        if self.rng.randrange(2):
            return "{{ " + self.expression() + " }}"
        self.n_wrong, self.depths = WRONG_AMONG_STATEMENTS, (0, 0, 0, 1, 1, 2)
        start = PRELUDE if self.rng.randrange(6) else self.macro(1)
        return start + "".join(self.statement(3) for _ in range(self.rng.randint(1, 4)))
