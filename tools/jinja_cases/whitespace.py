"""Whitespace: trim_blocks and lstrip_blocks, and the signs - and + that overrule them, in nasty places."""
import itertools

CASES = {
    "trim_after_block": "{% if true %}\na\n{% endif %}\nb\n",
    "trim_only_one_line_break": "{% if true %}\n\na{% endif %}\n\n\nb",
    "trim_not_after_output": "{{ 1 }}\n{{ 2 }}\n\n{{ 3 }}\n",
    "trim_after_comment": "{# c #}\na{# d #}\n\nb",
    "trim_not_after_spaces": "{% if true %} \na{% endif %}\t\nb",
    "lstrip_before_block": "a\n   {% if true %}\n   b\n\t {% endif %}\n  c",
    "lstrip_not_after_text": "a {% if true %} b {% endif %} c",
    "lstrip_not_before_output": "a\n   {{ 1 }}\n  {{ 2 }}",
    "lstrip_before_comment": "a\n   {# c #}\n   b {# d #}\nc",
    "lstrip_at_start": "   {% if true %}a{% endif %}",
    "lstrip_after_tag_on_same_line": "{% if true %}   {% endif %}|{{ 1 }}   {% if true %}x{% endif %}",
    "lstrip_after_block_line": "{% set x = 1 %}\n   {% set y = 2 %}\n   {{ x }}{{ y }}",
    "plus_keeps_indent": "a\n   {%+ if true %}b{% endif %}",
    "plus_keeps_line_break": "{% if true +%}\na{% endif +%}\nb",
    "plus_on_comment": "a\n  {#+ c +#}\nb",
    "minus_strips_left": "a \n\n {%- if true %}b \n {%- endif %}",
    "minus_strips_right": "{% if true -%} \n\n a{% endif -%} \n\n b",
    "minus_both_output": "a \n {{- 1 -}} \n b {{- 2 }} c {{ 3 -}} d",
    "minus_on_comment": "a \n {#- c -#} \n b",
    "minus_strips_unicode_spaces": "a\u00a0\u2003\n{%- if true -%}\u3000\u00a0b{% endif %}",
    "minus_strips_separators": "a\x1c\x1d\x1e\x1f\x85\u2028{{- 1 -}}\x0b\x0c\u2029\u200bb",
    "minus_next_to_minus": "a {%- if true -%} {%- if true -%} b {%- endif -%} {%- endif -%} c",
    "minus_beside_string_output": "a {{- ' x ' -}} b",
    "minus_not_inside_output": "{{ ' a ' }}{%- if true %} b {% endif -%} c",
    "negative_number_after_sign": "{{-1}}{{- 1}}{{ -1 }}{{--1}}{{1-}}",
    "sign_without_space": "a {%-if true-%} b {%-endif-%} c{{-'x'-}} d",
    "crlf_text": "a\r\nb\rc\n\r\nd",
    "crlf_after_block": "{% if true %}\r\na\r\n{% endif %}\r\nb\r\n",
    "crlf_in_string": "{{ 'a\r\nb' }}{{ 'a\r\nb' | length }}",
    "final_line_break_dropped": "a\n",
    "final_line_break_only_one": "a\n\n",
    "final_crlf": "a\r\n",
    "final_after_block": "a{% if true %}b{% endif %}\n",
    "final_after_output": "{{ 1 }}\n",
    "only_line_break": "\n",
    "only_blank": "  \n  ",
    "blank_lines_between_blocks": "{% set x = 1 %}\n\n{% set y = 2 %}\n \n{% set z = 3 %}x",
    "nested_indented": "<ul>\n{% for x in [1, 2] %}\n    {% if x == 1 %}\n    <li>{{ x }}</li>\n    {% else %}\n    <li class='b'>{{ x }}</li>\n    {% endif %}\n{% endfor %}\n</ul>\n",
    "loop_on_one_line": "{% for x in [1, 2] %} {{ x }} {% endfor %}\n",
    "loop_with_minus": "{%- for x in [1, 2] %}\n  {{- x }}\n{%- endfor %}\n end",
    "block_after_output_on_line": "{{ 1 }}  {% if true %}  x\n  {% endif %}  y",
    "tabs": "\t{% if true %}\n\ta\n\t{%- endif %}\n\tb",
    "form_feed_is_no_indent": "a\n\x0c {% if true %}b{% endif %}\n\u00a0{% if true %}c{% endif %}",
    "raw_trims": "a\n  {% raw %}\n  {{ x }}\n  {% endraw %}\n  b",
    "raw_minus": "a \n {%- raw -%} \n x \n {%- endraw -%} \n b",
    "raw_plus": "a\n  {%+ raw %} x {% endraw +%}\nb",
    "macro_body": "{% macro m() %}\n  a\n  {% endmacro %}\n[{{ m() }}]",
    "set_block_body": "{% set x %}\n  a\n{% endset %}\n[{{ x }}]",
    "comment_with_tags": "a{# {% if %} {{ x }} -#}  b",
    "comment_between_indents": "  {# one #}  {# two #}\n  x",
    "text_braces": "{ {{ 1 }} } { % {# c #} % } }} %} #}",
    "line_statement_signs_are_text": "# for x in y\n## comment\n% if\nx",
    "dash_text": "-{{ 1 }}-{% if true %}-{% endif %}-",
    "adjacent_tags": "{% if true %}{% if true %}{{ 1 }}{% endif %}{% endif %}{{ 2 }}",
    "end_of_block_inside_string": "{% set x = '%}' %}{{ x }}{{ '}}' }}{# '#}' #}",
}


def combined():
    """Every pair of signs around blocks, outputs and comments, with line breaks and indents on both sides."""
    around = ["  \n  ", "\n", " ", "x\n  ", "\n\n\n"]
    signs = ["", "-", "+"]
    for kind, (left, right) in itertools.product("%#", itertools.product(signs, signs)):
        inner = " set q = 1 " if kind == "%" else " c "
        tag = "{" + kind + left + inner + right + kind + "}"
        yield f"signs_{kind}{left or '0'}{right or '0'}", "|".join(f"a{space}{tag}{space}b" for space in around)
    for left, right in itertools.product(("", "-"), ("", "-")):
        tag = "{{" + left + " 1 " + right + "}}"
        yield f"signs_output_{left or '0'}{right or '0'}", "|".join(f"a{space}{tag}{space}b" for space in around)


CASES.update(("combined_" + name, template) for name, template in combined())
