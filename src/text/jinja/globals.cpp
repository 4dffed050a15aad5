#include "text/jinja/globals.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "text/jinja/iteration.h"
#include "text/jinja/loop.h"
#include "text/jinja/operators.h"

namespace quandex::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // of the sandbox of jinja2

constexpr std::array<std::pair<std::string_view, GlobalFunction>, 8> kFunctions = {{
    {"range", GlobalFunction::range},
    {"dict", GlobalFunction::dict},
    {"lipsum", GlobalFunction::lipsum},
    {"cycler", GlobalFunction::cycler},
    {"joiner", GlobalFunction::joiner},
    {"namespace", GlobalFunction::name_space},
    {"raise_exception", GlobalFunction::raise_exception},
    {"strftime_now", GlobalFunction::strftime_now},
}};

Value make_range(Runtime& runtime, const Arguments& arguments) {
  const BoundArguments bound(runtime, "range", {arguments.positional, {}}, {"start", "stop", "step"}, 1);
  if (!arguments.keyword.empty()) runtime.fail("found a named argument of range, which has none");
  const bool has_one = !bound.has(1);
  const int64_t start = has_one ? 0 : bound.integer(0, 0);
  const int64_t stop = has_one ? bound.integer(0, 0) : bound.integer(1, 0);
  const int64_t step = bound.integer(2, 1);
  if (step == 0) runtime.fail("found a range with the step 0");
  Value range = runtime.range(start, stop, step);
  const int64_t length = range.as<RangeObject>().length;
  if (length > kMaxRange) runtime.fail("found a range of {} numbers, expected at most {}", length, kMaxRange);
  return range;
}

// The arguments of dict() and namespace(): a dict or pairs, and names.
Dictionary make_dictionary(Runtime& runtime, std::string_view callee, const Arguments& arguments) {
  if (arguments.positional.size() > 1) {
    runtime.fail("found {} arguments of {}, expected at most 1", arguments.positional.size(), callee);
  }
  Dictionary dictionary;
  HeldBytes held(runtime);
  if (!arguments.positional.empty() && arguments.positional[0].is(Kind::dict)) {
    const Value& source = arguments.positional[0];
    runtime.step(source.weight());
    dictionary = source.as<DictObject>().dictionary;
  } else if (!arguments.positional.empty()) {
    if (arguments.positional[0].is_undefined()) fail_undefined(runtime, arguments.positional[0]);
    ValueIterator pairs(runtime, arguments.positional[0]);
    while (const auto pair = pairs.next()) {
      std::vector<Value> parts = to_items(runtime, *pair);
      if (parts.size() != 2)
        runtime.fail("found {} values, expected the key and the value of {}", parts.size(), callee);
      runtime.expect_key(parts[0]);
      held.cover((dictionary.size() + 1) * sizeof(Dictionary::Entry));
      dictionary.set(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : arguments.keyword) dictionary.set(runtime.string(name), value);
  return dictionary;
}

Value make_cycler(Runtime& runtime, const Arguments& arguments) {
  if (!arguments.keyword.empty()) runtime.fail("found a named argument of cycler, which has none");
  if (arguments.positional.empty()) runtime.fail("found no arguments of cycler, expected at least one");
  auto cycler =
      runtime.make_object<CyclerObject>(arguments.positional.size() * sizeof(Value), nesting_of(arguments.positional));
  cycler->items = arguments.positional;
  return {Kind::cycler, std::move(cycler)};
}

Value make_joiner(Runtime& runtime, const Arguments& arguments) {
  const BoundArguments bound(runtime, "joiner", arguments, {"sep"}, 0);
  Value separator = bound.has(0) ? bound.get(0) : runtime.string(", ");
  auto joiner = runtime.make_object<JoinerObject>(0, separator.nesting());
  joiner->separator = std::move(separator);
  return {Kind::joiner, std::move(joiner)};
}

// The format with what Python's datetime fills in itself: microseconds, and the time zone, which it does not have.
std::string without_python_fields(std::string_view format, int64_t microseconds) {
  std::string plain;
  for (size_t i = 0; i < format.size(); ++i) {
    const char next = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 'f') {
      plain += fmt::format("{:06}", microseconds);
    } else if (next != 'z' && next != 'Z') {
      plain += format[i];
      if (next == '\0') continue;
      plain += next;
    }
    if (next != '\0') ++i;
  }
  return plain;
}

std::string format_time(Runtime& runtime, const std::string& format) {
  const std::time_t now =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(runtime.options().now));
  std::tm parts{};
  localtime_r(&now, &parts);
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::microseconds>(runtime.options().now.time_since_epoch());
  const std::string plain = without_python_fields(format, (since_epoch.count() % 1'000'000 + 1'000'000) % 1'000'000);
  if (plain.empty()) return {};
  if (format.find('\0') != std::string::npos) runtime.fail("found a NUL in the format of strftime_now");
  // strftime says only that a buffer was too small, not how much it needs, and writes nothing for some formats.
  runtime.step_over_bytes(format.size() * 64);
  const std::string guarded = plain + "|";
  std::string text(64 + guarded.size() * 4, '\0');
  for (size_t n = 0; (n = std::strftime(text.data(), text.size(), guarded.c_str(), &parts)) == 0;) {
    runtime.expect_room(text.size() * 2);
    text.resize(text.size() * 2);
  }
  text.resize(text.find_last_of('|'));
  return text;
}

}  // namespace

Value find_global(Runtime& runtime, std::string_view name) {
  const auto found =
      std::find_if(kFunctions.begin(), kFunctions.end(), [&](const auto& function) { return function.first == name; });
  if (found == kFunctions.end()) return {};
  auto object = runtime.make_object<FunctionObject>(0, 0);
  object->function = found->second;
  return {Kind::function, std::move(object)};
}

Value call_global(Runtime& runtime, GlobalFunction function, const Arguments& arguments) {
  switch (function) {
    case GlobalFunction::range:
      return make_range(runtime, arguments);
    case GlobalFunction::dict:
      return runtime.dict(make_dictionary(runtime, "dict", arguments));
    case GlobalFunction::name_space:
      return runtime.name_space(make_dictionary(runtime, "namespace", arguments));
    case GlobalFunction::cycler:
      return make_cycler(runtime, arguments);
    case GlobalFunction::joiner:
      return make_joiner(runtime, arguments);
    case GlobalFunction::lipsum:
      runtime.refuse("lipsum(), whose text is random, is not supported");
    case GlobalFunction::raise_exception: {
      const BoundArguments bound(runtime, "raise_exception", arguments, {"message"}, 1);
      runtime.fail_as_template_wants(to_text(runtime, bound.get(0)));
    }
    case GlobalFunction::strftime_now: {
      const BoundArguments bound(runtime, "strftime_now", arguments, {"format"}, 1);
      if (!bound.get(0).is_string())
        runtime.fail("found '{}', expected a format of strftime_now", type_name(bound.get(0)));
      return runtime.string(format_time(runtime, std::string(bound.get(0).text())));
    }
  }
  return {};
}

Value call_joiner(Runtime& runtime, const Value& joiner, const Arguments& arguments) {
  const BoundArguments bound(runtime, "the joiner", arguments, {}, 0);
  JoinerObject& state = joiner.as<JoinerObject>();
  if (std::exchange(state.is_used, true)) return state.separator;
  return runtime.string("");
}

Value call_loop_method(Runtime& runtime, const Value& value, std::string_view name, const Arguments& arguments) {
  LoopObject& loop = value.as<LoopObject>();
  if (!arguments.keyword.empty()) runtime.fail("found a named argument of loop.{}, which has none", name);
  const auto& items = arguments.positional;
  if (name == "cycle") {
    if (items.empty()) runtime.fail("found no arguments of loop.cycle, expected at least one");
    return items[static_cast<size_t>(loop.index0()) % items.size()];
  }
  if (loop.last_changed) {
    for (const Value& item : items) runtime.step(item.weight());
    if (std::equal(items.begin(), items.end(), loop.last_changed->begin(), loop.last_changed->end(), are_equal)) {
      return Value::boolean(false);
    }
  } else {
    runtime.remember(value);
  }
  loop.last_changed = items;
  return Value::boolean(true);
}

Value call_cycler_method(Runtime& runtime, const Value& cycler, std::string_view name, const Arguments& arguments) {
  const BoundArguments bound(runtime, name, arguments, {}, 0);
  CyclerObject& state = cycler.as<CyclerObject>();
  if (name == "reset") {
    state.position = 0;
    return Value::none();
  }
  const Value& item = state.items[state.position];
  state.position = (state.position + 1) % state.items.size();
  return item;
}

}  // namespace quandex::jinja
