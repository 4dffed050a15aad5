#include "cli/chat_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/shown.h"
#include "cli/escape.h"
#include "cli/usage.h"
#include "cli/verb.h"

namespace quandex::cli {
namespace {

const SamplingSetting* find_sampling(std::string_view name) {
  const auto all = sampling_settings();
  const auto found = std::ranges::find(all, name, &SamplingSetting::name);
  return found == all.end() ? nullptr : &*found;
}

bool parse_switch(std::string_view name, std::string_view value) {
  if (value != "on" && value != "off") throw UsageError(fmt::format("{} is '{}'; expected on or off", name, value));
  return value == "on";
}

// How a number of a file is written for the parsers of options, which know the ranges.
std::string number_text(const Json& value, std::string_view name) {
  if (!value.is_number())
    throw Error(ErrorCode::invalid_argument, "settings: {}: found {}, expected a number", name, value.type_name());
  return value.dump();
}

// A float as the shortest text that is this float, which as a double has many digits.
Json number_json(float value) { return Json::parse(fmt::format("{}", value)); }

void read_setting(const std::string& name, const Json& value, ChatSettings& settings) {
  if (name == "think") {
    if (!value.is_null() && !value.is_boolean())
      throw Error(ErrorCode::invalid_argument, "settings: think: found {}, expected true, false or null",
                  value.type_name());
    settings.thinks = value.is_null() ? std::nullopt : std::optional(value.get<bool>());
  } else if (name == "seed" && value.is_null()) {
    settings.seed.reset();
  } else if (name == "seed" || name == "max_tokens" || find_sampling(name)) {
    set_setting(settings, name, number_text(value, name));
  } else {
    std::vector<std::string> names{"seed", "max_tokens", "think"};
    for (const SamplingSetting& setting : sampling_settings()) names.emplace_back(setting.name);
    throw Error(ErrorCode::invalid_argument, "settings: unknown name {}{}", shown(name), suggestion(name, names));
  }
}

}  // namespace

std::vector<std::string> overflow_policy_names() { return {"stop", "drop-oldest"}; }

OverflowPolicy parse_overflow_policy(std::string_view name) {
  const std::vector<std::string> names = overflow_policy_names();
  if (name == names[0]) return OverflowPolicy::stop;
  if (name == names[1]) return OverflowPolicy::drop_oldest;
  throw UsageError(fmt::format("on_overflow is '{}'; expected one of {}", name, fmt::join(names, ", ")));
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const SamplingSetting& setting : sampling_settings()) names.emplace_back(setting.name);
  for (const char* name : {"seed", "max_tokens", "on_overflow", "stats"}) names.emplace_back(name);
  return names;
}

std::string known_setting(std::string_view typed) {
  std::string name(typed);
  std::ranges::replace(name, '-', '_');
  const std::vector<std::string> names = setting_names();
  if (std::ranges::find(names, name) == names.end())
    throw UsageError(fmt::format("no setting {}{}", escaped(typed, 40), suggestion(name, names)));
  return name;
}

void set_setting(ChatSettings& settings, std::string_view typed, std::string_view value) {
  const std::string name = known_setting(typed);
  if (const SamplingSetting* setting = find_sampling(name)) {
    if (setting->real) {
      settings.sampling.*setting->real = static_cast<float>(parse_real(name, value, setting->least, setting->most));
    } else {
      settings.sampling.*setting->integer = static_cast<int>(
          parse_integer(name, value, static_cast<int64_t>(setting->least), static_cast<int64_t>(setting->most)));
    }
  } else if (name == "seed") {
    settings.seed.reset();
    if (value != "random") settings.seed = parse_integer(name, value, 0, std::numeric_limits<int64_t>::max());
  } else if (name == "max_tokens") {
    settings.max_tokens = static_cast<int>(parse_integer(name, value, 0, kMostTokens));
  } else if (name == "on_overflow") {
    settings.on_overflow = parse_overflow_policy(value);
  } else {
    settings.shows_stats = parse_switch(name, value);
  }
}

std::string setting_text(const ChatSettings& settings, std::string_view typed) {
  const std::string name = known_setting(typed);
  if (const SamplingSetting* setting = find_sampling(name))
    return setting->real ? fmt::format("{}", settings.sampling.*setting->real)
                         : fmt::format("{}", settings.sampling.*setting->integer);
  if (name == "seed") return settings.seed ? std::to_string(*settings.seed) : "random";
  if (name == "max_tokens") return std::to_string(settings.max_tokens);
  if (name == "on_overflow") return overflow_policy_names()[static_cast<size_t>(settings.on_overflow)];
  return settings.shows_stats ? "on" : "off";
}

std::string_view setting_help(std::string_view name) {
  if (const SamplingSetting* setting = find_sampling(name)) return setting->help;
  if (name == "seed") return "A number, or random: another one for each answer";
  if (name == "max_tokens") return "Of an answer; 0: as far as the context goes";
  if (name == "on_overflow") return "Where the context is full: stop, or drop-oldest turns";
  return "on: figures after each answer";
}

Json settings_to_json(const ChatSettings& settings) {
  Json json = Json::object();
  for (const SamplingSetting& setting : sampling_settings()) {
    Json& value = json[std::string(setting.name)];
    value = setting.real ? number_json(settings.sampling.*setting.real) : Json(settings.sampling.*setting.integer);
  }
  json["seed"] = settings.seed ? Json(*settings.seed) : Json();
  json["max_tokens"] = settings.max_tokens;
  json["think"] = settings.thinks ? Json(*settings.thinks) : Json();
  return json;
}

void read_settings(const Json& json, ChatSettings& settings, std::span<const std::string> kept) {
  if (!json.is_object())
    throw Error(ErrorCode::invalid_argument, "settings: found {}, expected an object", json.type_name());
  ChatSettings read = settings;
  for (const auto& [name, value] : json.items()) {
    ChatSettings ignored;
    try {
      read_setting(name, value, std::ranges::find(kept, name) == kept.end() ? read : ignored);
    } catch (const UsageError& error) {
      throw Error(ErrorCode::invalid_argument, "settings: {}", error.what());
    }
  }
  settings = read;
}

}  // namespace quandex::cli
