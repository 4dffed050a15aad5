"""Chat templates as Python renders them: jinja2 set up the way transformers sets it up. The fixtures
(make_jinja_fixtures.py) and the differential tests (tests/text/jinja/peer_test.py) take their expectations from here.

From the command line: jinja_reference.py TEMPLATE CONTEXT.json prints the rendering of one file.
"""
import datetime
import json
import os
import pathlib
import platform
import sys
import time
from dataclasses import dataclass

import jinja2
from jinja2 import nodes, pass_eval_context
from jinja2.compiler import CodeGenerator
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

FIXED_NOW = 1722004496  # seconds: Friday, 26 July 2024, 14:34:56 UTC


@dataclass(frozen=True)
class Rendering:
    """A text, or why there is none: the exception's class and message, and the template's line where it is known."""
    text: str | None = None
    error: str | None = None
    message: str = ""
    line: int | None = None

    @property
    def is_raised(self):
        """The template's own refusal, raise_exception(): exactly this class, none derived from it."""
        return self.error == "TemplateError"


class GenerationTag(Extension):
    """{% generation %}: marks what the assistant says. Its body becomes a call block, with the scope of one."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_rendered"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _rendered(self, _context, caller):
        return caller()


class PlainCode(CodeGenerator):
    """Code that evaluates everything when it runs: jinja2 evaluates constant outputs even without its optimizer."""

    def _output_child_to_const(self, node, frame, finalize):
        if isinstance(node, nodes.TemplateData):
            return super()._output_child_to_const(node, frame, finalize)
        raise nodes.Impossible()


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.TemplateError(message)


def make_environment(now=FIXED_NOW, optimized=True):
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, "jinja2.ext.loopcontrols"], optimized=optimized)
    if not optimized:
        environment.code_generator_class = PlainCode
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime.fromtimestamp(now).strftime(form)
    return environment


def use_utc():
    """strftime_now tells local time, here and in the engine: both get the same zone."""
    os.environ["TZ"] = "UTC"
    time.tzset()


def template_line(error):
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace:  # the innermost frame of the template: jinja2 rewrites the frames of what it generated
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class Reference:
    """Renders templates, keeping the last one compiled."""

    def __init__(self, now=FIXED_NOW, optimized=True):
        self.environment = make_environment(now, optimized)
        self.source, self.template, self.failure = None, None, None

    def compile(self, source):
        if source == self.source:
            return
        self.source, self.template, self.failure = source, None, None
        try:
            self.template = self.environment.from_string(source)
        except Exception as error:  # whatever Python ends in is the expectation: not only jinja2's own errors
            self.failure = Rendering(None, type(error).__name__, str(error), template_line(error))

    def render(self, source, context):
        self.compile(source)
        if self.failure:
            return self.failure
        try:
            return Rendering(self.template.render(context))
        except Exception as error:
            return Rendering(None, type(error).__name__, str(error), template_line(error))


def versions():
    return {"python": platform.python_version(), "jinja2": jinja2.__version__}


def main():
    source = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    rendering = Reference(time.time()).render(source, json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")))
    if rendering.text is None:
        sys.exit(f"{sys.argv[1]}: line {rendering.line}: {rendering.error}: {rendering.message}")
    sys.stdout.write(rendering.text)


if __name__ == "__main__":
    main()
