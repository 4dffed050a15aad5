// A template reaches what its context holds and Jinja's own functions, changes none of it, and leaves nothing behind.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "text/jinja/hostile.h"

namespace quandex::jinja {
namespace {

// Ways out of Jinja's sandbox that are known from Python: each names something that templates must not see.
constexpr const char* kEscapes[] = {
    "''.__class__",
    "''.__class__.__mro__",
    "[].__class__.__base__.__subclasses__()",
    "{}.__init__",
    "s.__doc__",
    "s.__len__",
    "l.__iter__",
    "d.__getitem__",
    "n.__add__",
    "none.__class__",
    "true.__class__",
    "(1).real.__class__",
    "''['__class__']",
    "''|attr('__class__')",
    "''|attr('__cla' ~ 'ss__')",
    "range.__self__",
    "range.__module__",
    "dict.mro()",
    "dict.__subclasses__()",
    "cycler.__init__.__globals__",
    "joiner.__init__.__globals__.os",
    "namespace.__init__",
    "namespace().__class__",
    "namespace().__dict__",
    "namespace()['_Namespace__attrs']",
    "cycler(1).__class__",
    "cycler(1).items.__class__",
    "raise_exception.__globals__",
    "raise_exception.__code__",
    "strftime_now.__globals__",
    "strftime_now.__closure__",
    "lipsum",
    "lipsum.__globals__",
    "self",
    "self.__init__",
    "self._TemplateReference__context",
    "request",
    "config",
    "g",
    "get_flashed_messages",
    "url_for",
    "environment",
    "context",
    "resolve",
    "super",
    "__builtins__",
    "__import__",
    "eval",
    "open",
    "os",
    "exec",
    "globals()",
    "locals()",
    "getattr(s, 'x')",
    "vars()",
    "dir()",
    "type(s)",
    "s.upper.__self__",
    "s.upper.__call__",
    "s.format.__func__",
    "d.items.__self__",
    "d.items().__class__",
    "d.keys().mapping",
    "(l|map('upper')).gi_frame",
    "(l|select).gi_code",
    "(l|map('upper')).__next__",
    "(l|select).send",
    "''.join.__name__",
    "'{0.__class__}'.format(s)",
    "'{0.__class__.__init__.__globals__}'.format(s)",
    "'{0[__class__]}'.format(d)",
    "'{x.__class__}'.format(x=s)",
    "'%(__class__)s' % d",
    "('{0.__class__}'|format)(s)",
    "[s]|map(attribute='__class__')|first",
    "[s]|map('attr', '__class__')|first",
    "[s]|selectattr('__class__')|list|first",
    "[s]|groupby('__class__')|first|first",
    "[s]|sort(attribute='__class__.x')",
    "[s]|sum(attribute='__class__')",
    "[s]|join(attribute='__class__')",
    "[s]|min(attribute='__class__')",
    "[s]|unique(attribute='__class__.__name__')|list|first|attr('__class__')",
    "''.format_map",
    "'{0.x}'.format_map(d)",
    "s.encode().__class__",
    "s.maketrans('a', 'b').__class__",
    "dict.fromkeys.__self__",
};

// The names by which Python's own objects would show themselves.
bool shows_an_inside(std::string_view text) {
  for (const char* const sign :
       {"<class", "<type", "<function", "<built-in", "<module", "<slot", "<method", "<code", "<frame", "__"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

TEST(JinjaSandbox, nothing_outside_the_context_can_be_reached) {
  for (const char* const expression : kEscapes) {
    SCOPED_TRACE(expression);
    const Outcome printed = render("{{ " + std::string(expression) + " }}");
    EXPECT_TRUE(printed.error || !shows_an_inside(printed.text)) << printed.text;
    const Outcome used = render("{{ (" + std::string(expression) + ").__class__ is defined }}");
    EXPECT_TRUE(used.error || used.text == "False") << used.text;
  }
}

TEST(JinjaSandbox, the_sign_of_an_inside_is_found_where_there_is_one) {
  EXPECT_TRUE(shows_an_inside("<class 'str'>"));
  EXPECT_FALSE(shows_an_inside("text"));
}

TEST(JinjaSandbox, values_of_the_context_cannot_be_changed) {
  const Json context = parse_json(kHostileContext, "context");
  Json copy = context;
  for (const char* const source :
       {"{% set _ = l.append(1) %}", "{% set _ = l.extend([1]) %}", "{% set _ = l.insert(0, 1) %}",
        "{% set _ = l.pop() %}", "{% set _ = l.remove(1) %}", "{% set _ = l.clear() %}", "{% set _ = l.reverse() %}",
        "{% set _ = l.sort() %}", "{% set _ = d.update({'q': 1}) %}", "{% set _ = d.pop('a') %}",
        "{% set _ = d.popitem() %}", "{% set _ = d.setdefault('q', 1) %}", "{% set _ = d.clear() %}",
        "{% set d.a = 1 %}", "{% set _ = [l] | map('attr', 'append') | first %}{% set _ = _(1) %}",
        "{% set f = l.append %}{% set _ = f(1) %}", "{% set _ = d | attr('update') %}{% set _ = _({}) %}"}) {
    SCOPED_TRACE(source);
    try {
      Template(source, "hostile").render(copy);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_file) << error.what();
    }
    EXPECT_EQ(copy, context);
  }
}

TEST(JinjaSandbox, renderings_of_one_template_share_nothing) {
  const Template source(
      "{{ seen is defined }}{% set seen = true %}{% set ns = namespace(n=n) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}"
      "{% set c = cycler(1, 2) %}{{ c.next() }}{% macro m() %}{{ varargs }}{% endmacro %}{{ m(n) }}",
      "hostile");
  const Json context = parse_json(kHostileContext, "context");
  EXPECT_EQ(source.render(context), "False81(7,)");
  EXPECT_EQ(source.render(context), "False81(7,)");
}

TEST(JinjaSandbox, threads_may_render_one_template_at_once) {
  const Template source(
      "{% macro m(x) %}{{ x | upper }}{{ caller() }}{% endmacro %}{% set ns = namespace(n=0) %}{% for x in l | sort %}"
      "{% set ns.n = ns.n + x %}{% call m(s) %}{{ d | dictsort | tojson }}{{ loop.index }}{% endcall %}{% endfor %}{{ "
      "ns.n }}",
      "hostile");
  const Json context = parse_json(kHostileContext, "context");
  const std::string expected = source.render(context);
  std::vector<std::string> got(4);
  std::vector<std::thread> threads;
  for (std::string& text : got) {
    threads.emplace_back([&source, &context, &text] {
      for (int i = 0; i < 50; ++i) text = source.render(context);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : got) EXPECT_EQ(text, expected);
}

std::optional<ErrorCode> error_of(std::string_view context) {
  try {
    Template("x", "hostile").render(parse_json(context, "context"));
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

TEST(JinjaSandbox, a_context_that_is_no_object_or_deep_or_large_is_an_error_or_rendered) {
  for (const char* const context : {"[]", "1", "null", "\"text\"", "[{}]"}) {
    EXPECT_EQ(error_of(context), ErrorCode::invalid_argument) << context;
  }
  const std::string deep = R"({"x": )" + repeat("[", 60) + repeat("]", 60) + "}";
  EXPECT_EQ(render("{{ x }}", {}, deep).text, repeat("[", 60) + repeat("]", 60));
  EXPECT_EQ(render("{{ x | tojson }}", {}, deep).text, repeat("[", 60) + repeat("]", 60));
  RenderOptions options = small_budgets();
  options.max_memory_bytes = 1 << 16;
  EXPECT_EQ(render("x", options, R"({"x": ")" + repeat("y", 1 << 17) + "\"}").error, ErrorCode::invalid_file);
}

}  // namespace
}  // namespace quandex::jinja
