"""Our Jinja engine beside Python's jinja2, set up as transformers sets it up (tools/jinja_reference.py):
  templates   the chat templates of llama.cpp and mistral-common over a matrix of conversations
  mutated     the same templates over conversations with something odd in them (random_conversations.py)
  unit_cases  the cases of huggingface.js, against Python and against their own expectations
  random      random templates (random_templates.py)

usage: peer_test.py RENDER_CASES [--full] [--seed N] [--count N] [--seconds N] [--shown N] [PART...]
Without --full, a sample of each with a fixed seed in about 15 seconds; with it the whole matrix, and random templates of a
seed that is printed. Exits with 77 (skipped) where jinja2 is missing.
"""
import argparse
import collections
import json
import pathlib
import random
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))
try:
    import jinja_reference
except ImportError as error:
    print(f"skipped: {error}; install tools/requirements-test.txt into .venv")
    sys.exit(77)

import random_conversations
import random_templates
from compare import BY_DESIGN, difference, shrink
from engine import Engine
from jinja_cases import conversations

SHARED = ROOT.parent / "shared" / "data" / "chat_templates"
SAMPLE_PER_TEMPLATE, FULL_MUTATED_PER_TEMPLATE = 20, 600
QUICK_COUNT, FULL_COUNT, CHUNK = 5000, 200_000, 100

# Cases of unit_cases.jsonl whose expectation is not Python's, and why. huggingface.js prints booleans as `true`; what
# differs in nothing else is recognised and needs no line here.
PRINTS_JSON = "lists are printed as JSON, where Python prints single quotes, None and Undefined"
ADDS = "a number added to a string, which is an error in Python"
TRUE_IS_ONE = "True equals 1 in Python"
GENERATES = "a generator has no length and no slices in Python"
DOCUMENTED = {
    "FOR_LOOP_UNPACKING": ADDS, "FOR_LOOP_OBJECTS": ADDS, "OBJECT_OPERATORS_2": ADDS, "MACROS_2": ADDS,
    "PROPERTIES_1": PRINTS_JSON, "FILTER_OPERATOR_13": PRINTS_JSON, "SORT_BASIC_STRINGS": PRINTS_JSON,
    "SORT_CASE_SENSITIVE": PRINTS_JSON, "SORT_CASE_INSENSITIVE": PRINTS_JSON, "SORT_ATTRIBUTE_SIMPLE": PRINTS_JSON,
    "SORT_CHAINED": PRINTS_JSON, "SORT_STABLE": PRINTS_JSON, "SORT_POSITIONAL_REVERSE_CASE": PRINTS_JSON,
    "SORT_POSITIONAL_ALL": PRINTS_JSON, "SORT_NULL_VALUES": PRINTS_JSON, "SORT_UNDEFINED_VALUES": PRINTS_JSON,
    "MEMBERSHIP": TRUE_IS_ONE, "MEMBERSHIP_NEGATION_1": TRUE_IS_ONE, "MEMBERSHIP_NEGATION_2": TRUE_IS_ONE,
    "FILTER_OPERATOR_4": GENERATES, "FILTER_OPERATOR_5": GENERATES, "FILTER_OPERATOR_6": GENERATES,
    "FILTER_OPERATOR_11": GENERATES, "FILTER_OPERATOR_12": GENERATES,
    "FILTER_OPERATOR_7": "null is no name in Python",
    "REPLACE": "str.replace takes count= from Python 3.13 on",
}
FUNCTION = "$function"  # marks a JavaScript function in a context


class Comparison:
    """Asks both sides, counts, and keeps what differs."""

    def __init__(self, program, n_shown):
        self.engine = Engine(program, jinja_reference.FIXED_NOW)
        self.reference = jinja_reference.Reference()
        self.plain_reference = jinja_reference.Reference(optimized=False)
        self.n_shown, self.n_compared, self.n_rendered = n_shown, 0, 0
        self.kinds, self.shown = collections.Counter(), collections.Counter()

    def run(self, cases, may_shrink=False):
        """Compares a list of (name, template, context)."""
        references = []
        answers = self.engine.ask([{"template": template, "context": context} for _, template, context in cases],
                                  lambda: references.extend(self.reference.render(*case[1:]) for case in cases))
        for case, reference, answer in zip(cases, references, answers):
            self.n_compared += 1
            self.n_rendered += reference.text is not None
            if found := self.difference(reference, case[1], case[2], answer):
                self.note(case, reference, found, may_shrink)

    def difference(self, reference, template, context, answer):
        found = difference(reference, answer)
        if found and found[0] in ("text", "error", "no error"):
            if difference(self.plain_reference.render(template, context), answer) is None:
                return "optimizer", found[1]
        return found

    def note(self, case, reference, found, may_shrink):
        name, template, context = case
        kind, text = found
        self.kinds[kind] += 1
        if kind in BY_DESIGN and may_shrink:
            return
        group = (kind, name.split(" with ")[0] if not may_shrink else "")
        self.shown[group] += 1
        if self.shown[group] > self.n_shown:
            return
        if may_shrink:
            template = shrink(template, lambda shorter: self.differs(shorter, context, kind))
            reference, found = self.ask_both(template, context)
        expected = repr(reference.text) if reference.text is not None else f"{reference.error}: {reference.message} (line {reference.line})"
        print(f"{kind}: {name}")
        print(f"  template: {template!r}" if len(template) < 600 else "  (a long template)")
        print(f"  Python:   {excerpt(expected, repr(found[1]))}")
        print(f"  ours:     {excerpt(repr(found[1]), expected)}", flush=True)

    def differs(self, template, context, kind):
        found = self.ask_both(template, context)[1]
        return found is not None and found[0] == kind

    def ask_both(self, template, context):
        reference = self.reference.render(template, context)
        answer = self.engine.ask([{"template": template, "context": context}])[0]
        return reference, self.difference(reference, template, context, answer)

    @property
    def n_different(self):
        return sum(self.kinds.values())


def excerpt(text, other, length=300):
    """The part of a long text in which it begins to differ from another."""
    if len(text) <= length:
        return text
    same = next((i for i, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    start = max(0, same - 60)
    return ("\u2026" if start else "") + text[start:start + length] + "\u2026"


def over_templates(comparison, contexts_of):
    """Compares every template of ../shared over the (name, context) that `contexts_of` chooses for it."""
    paths = sorted(SHARED.glob("*/*.jinja"))
    assert paths, SHARED
    for path in paths:
        source, chosen = path.read_text(encoding="utf-8"), contexts_of()
        name = f"{path.parent.name}/{path.name}"
        for start in range(0, len(chosen), CHUNK):
            comparison.run([(f"{name} with {context[0]}", source, context[1]) for context in chosen[start:start + CHUNK]])
    return f"{len(paths)} templates"


def run_templates(comparison, arguments):
    rng, contexts = random.Random(arguments.seed), list(conversations.contexts())
    return over_templates(comparison, lambda: contexts if arguments.full else rng.sample(contexts, SAMPLE_PER_TEMPLATE))


def run_mutated(comparison, arguments):
    rng, contexts = random.Random(arguments.seed), list(conversations.contexts())
    n = FULL_MUTATED_PER_TEMPLATE if arguments.full else SAMPLE_PER_TEMPLATE

    def choose():
        return [(f"{name} changed", random_conversations.mutated(rng, context)) for name, context in rng.choices(contexts, k=n)]
    return over_templates(comparison, choose) + f", seed {arguments.seed}"


def run_random(comparison, arguments):
    generator = random_templates.Generator(arguments.seed)
    count = arguments.count or (FULL_COUNT if arguments.full else QUICK_COUNT)
    end = time.monotonic() + (arguments.seconds or (3600 if arguments.full else 8))
    n_made = 0
    while n_made < count and time.monotonic() < end:
        n = min(CHUNK, count - n_made)
        templates = [generator.template() for _ in range(n)]
        comparison.run([(f"random {n_made + i}", template, random_templates.CONTEXT) for i, template in enumerate(templates)], True)
        n_made += n
    return f"seed {arguments.seed}"


def run_unit_cases(comparison, _arguments):
    """Python's renderings for all; beside that, the file's own expectations, so that a slip of our reference would show."""
    lines = (SHARED / "unit_cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    n_functions, n_booleans, unexpected = 0, 0, []
    for case in cases:
        if FUNCTION in json.dumps(case["context"]):
            n_functions += 1
            continue
        comparison.run([(f"unit case {case['name']}", case["template"], case["context"])])
        text = comparison.reference.render(case["template"], case["context"]).text
        if text == case["expected"]:
            continue
        if text is not None and text.replace("True", "true").replace("False", "false") == case["expected"]:
            n_booleans += 1
        elif case["name"] not in DOCUMENTED:
            unexpected.append(case["name"])
    for name in unexpected:
        print(f"unit case {name}: Python does not render what the file expects, and DOCUMENTED does not say why")
    comparison.kinds["undocumented"] += len(unexpected)
    return (f"{n_functions} left out for their JavaScript functions; Python prints booleans otherwise in {n_booleans}, "
            f"and differs as documented in {len(DOCUMENTED)}")


PARTS = {"templates": run_templates, "mutated": run_mutated, "unit_cases": run_unit_cases, "random": run_random}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--full", action="store_true")
    for option in ("--seed", "--count", "--seconds"):
        parser.add_argument(option, type=int)
    parser.add_argument("--shown", type=int, default=3, help="differences of a kind that are printed")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32) if arguments.full else 1
    jinja_reference.use_utc()
    warnings.simplefilter("ignore")  # Python warns of what some random templates compile to
    n_different = 0
    for part in arguments.parts or PARTS:
        if part != "random" and not SHARED.is_dir():
            print(f"{part}: left out, for {SHARED} is not there")
            continue
        comparison, start = Comparison(arguments.program, arguments.shown), time.monotonic()
        detail = PARTS[part](comparison, arguments)
        comparison.engine.close()
        by_design = {kind: comparison.kinds.pop(kind, 0) for kind in BY_DESIGN} if part in ("random", "mutated") else {}
        print(f"{part}: {comparison.n_compared} compared ({comparison.n_rendered} render, the others are errors; {detail}), "
              f"{comparison.n_different} differ {dict(+comparison.kinds)}, by design {by_design}, {time.monotonic() - start:.1f} s")
        n_different += comparison.n_different
    sys.exit(1 if n_different else 0)


if __name__ == "__main__":
    main()
