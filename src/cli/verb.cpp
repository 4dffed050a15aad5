#include "cli/verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <memory>

#include "cli/usage.h"

namespace quandex::cli {
namespace {

// The long form of "-n,--tokens", for messages.
std::string long_flag(const std::string& flags) {
  const size_t comma = flags.find(',');
  return comma == std::string::npos ? flags : flags.substr(comma + 1);
}

void add_parsed(CLI::App& app, const std::string& flags, const std::string& type, const std::string& shown,
                const std::string& help, std::function<void(const std::string&)> parse) {
  CLI::Option* option = app.add_option_function<std::string>(flags, parse, help);
  option->type_name(type)->default_str(shown);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// The factor of "KB", "GiB", "B"; nothing for what is no unit.
std::optional<uint64_t> unit_of(std::string_view text) {
  constexpr std::string_view kPrefixes = "KMGT";
  if (text.empty() || std::toupper(static_cast<unsigned char>(text.back())) != 'B') return std::nullopt;
  text.remove_suffix(1);
  if (text.empty()) return 1;
  const size_t power = kPrefixes.find(static_cast<char>(std::toupper(static_cast<unsigned char>(text.front()))));
  const std::string_view rest = text.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || rest == "i" || rest == "I")) return std::nullopt;
  uint64_t factor = 1;
  for (size_t i = 0; i <= power; ++i) factor *= rest.empty() ? 1000 : 1024;
  return factor;
}

// Digits with at most one point among them and a digit on either side of it, times `factor`, exactly, rounded down;
// nothing for anything else and for what is beyond 64 bits.
std::optional<uint64_t> scaled(std::string_view number, uint64_t factor) {
  const size_t point = number.find('.');
  const std::string_view whole = number.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "0" : number.substr(point + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (whole.empty() || fraction.empty() || !std::ranges::all_of(whole, is_digit) ||
      !std::ranges::all_of(fraction, is_digit))
    return std::nullopt;
  uint64_t n = 0;
  const auto result = std::from_chars(whole.data(), whole.data() + whole.size(), n);
  if (result.ec != std::errc() || n > (uint64_t{1} << 63) / factor) return std::nullopt;
  uint64_t part = 0;  // of a unit, as far as the digits behind are known
  for (auto digit = fraction.rbegin(); digit != fraction.rend(); ++digit)
    part = (part + static_cast<uint64_t>(*digit - '0') * factor) / 10;
  return n * factor + part;
}

}  // namespace

uint64_t parse_size(std::string_view flag, std::string_view text, uint64_t least, uint64_t most) {
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string_view unit = end == std::string_view::npos ? "" : text.substr(end);
  const std::optional<uint64_t> factor = unit_of(unit);
  const std::optional<uint64_t> value = factor ? scaled(text.substr(0, end), *factor) : std::nullopt;
  if (!value)
    throw UsageError(
        fmt::format("{} is '{}'; expected a size such as 24GB (1000 to the power of 3) or 24GiB (1024)", flag, text));
  if (*value < least || *value > most)
    throw UsageError(fmt::format("{} is {}, {} bytes; expected {} to {} bytes", flag, text, *value, least, most));
  return *value;
}

int64_t parse_integer(std::string_view flag, std::string_view text, int64_t least, int64_t most) {
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_integer = result.ptr == text.data() + text.size() && !text.empty();
  if (!is_integer || result.ec == std::errc::invalid_argument)
    throw UsageError(fmt::format("{} is '{}'; expected an integer from {} to {}", flag, text, least, most));
  if (result.ec == std::errc::result_out_of_range || value < least || value > most)
    throw UsageError(fmt::format("{} is {}; expected {} to {}", flag, text, least, most));
  return value;
}

double parse_real(std::string_view flag, std::string_view text, double least, double most) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || end != copy.c_str() + copy.size() || !std::isfinite(value))
    throw UsageError(fmt::format("{} is '{}'; expected a number from {} to {}", flag, text, least, most));
  if (value < least || value > most)
    throw UsageError(fmt::format("{} is {}; expected {} to {}", flag, text, least, most));
  return value;
}

void add_integer(CLI::App& app, const std::string& flags, int64_t& value, int64_t least, int64_t most,
                 const std::string& help) {
  const std::string flag = long_flag(flags);
  add_parsed(app, flags, "N", std::to_string(value), help,
             [&value, flag, least, most](const std::string& text) { value = parse_integer(flag, text, least, most); });
}

void add_integer(CLI::App& app, const std::string& flags, int& value, int least, int most, const std::string& help) {
  const std::string flag = long_flag(flags);
  add_parsed(app, flags, "N", std::to_string(value), help, [&value, flag, least, most](const std::string& text) {
    value = static_cast<int>(parse_integer(flag, text, least, most));
  });
}

void add_real(CLI::App& app, const std::string& flags, float& value, double least, double most,
              const std::string& help) {
  const std::string flag = long_flag(flags);
  add_parsed(app, flags, "X", fmt::format("{}", value), help, [&value, flag, least, most](const std::string& text) {
    value = static_cast<float>(parse_real(flag, text, least, most));
  });
}

void add_size(CLI::App& app, const std::string& flags, std::optional<uint64_t>& value, uint64_t least, uint64_t most,
              const std::string& help) {
  const std::string flag = long_flag(flags);
  add_parsed(app, flags, "SIZE", value ? fmt::format("{}B", *value) : "", help,
             [&value, flag, least, most](const std::string& text) { value = parse_size(flag, text, least, most); });
}

void add_choice(CLI::App& app, const std::string& flags, std::string& value, std::vector<std::string> choices,
                const std::string& help) {
  const std::string flag = long_flag(flags);
  const std::string shown = fmt::format("{}", fmt::join(choices, "|"));
  add_parsed(app, flags, shown.size() <= 24 ? shown : "NAME", value, help,
             [&value, flag, choices = std::move(choices)](const std::string& text) {
               if (std::find(choices.begin(), choices.end(), text) == choices.end())
                 throw UsageError(fmt::format("{} is '{}'; expected one of {}{}", flag, text, fmt::join(choices, ", "),
                                              suggestion(text, choices)));
               value = text;
             });
}

void add_integer(CLI::App& app, const std::string& flags, std::optional<int64_t>& value, int64_t least, int64_t most,
                 const std::string& help) {
  const std::string flag = long_flag(flags);
  add_parsed(app, flags, "N", value ? std::to_string(*value) : "", help,
             [&value, flag, least, most](const std::string& text) { value = parse_integer(flag, text, least, most); });
}

void add_flag(CLI::App& app, const std::string& flags, bool& value, const std::string& help) {
  app.add_flag(flags, value, help);
}

void add_text(CLI::App& app, const std::string& flags, std::optional<std::string>& value, const std::string& type,
              const std::string& help) {
  app.add_option(flags, value, help)->type_name(type)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void add_text(CLI::App& app, const std::string& flags, std::string& value, const std::string& type,
              const std::string& help) {
  add_parsed(app, flags, type, value, help, [&value](const std::string& text) { value = text; });
}

void add_texts(CLI::App& app, const std::string& flags, std::vector<std::string>& values, const std::string& type,
               const std::string& help) {
  app.add_option(flags, values, help)->type_name(type)->expected(1)->take_all();
}

void add_positional(CLI::App& app, const std::string& name, std::string& value, bool is_required,
                    const std::string& help) {
  app.add_option(name, value, help)->required(is_required)->type_name("");
}

CLI::App& add_verb(CLI::App& program, const std::string& name, const std::string& description,
                   const std::string& footer) {
  CLI::App* app = program.add_subcommand(name, description);
  app->group("Verbs");
  app->footer(footer);
  return *app;
}

void add_alias(CLI::App& app, const std::string& name) { app.alias(name); }

void hide(CLI::App& app) { app.group(""); }

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

std::vector<std::string> given_flags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0 && !option->get_lnames().empty()) flags.push_back("--" + option->get_lnames().front());
  return flags;
}

}  // namespace quandex::cli
