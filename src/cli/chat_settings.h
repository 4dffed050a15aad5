// What a chat can be told with options, with /set and by a saved file.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/conversation.h"
#include "cli/sampling_options.h"

namespace quandex::cli {

struct ChatSettings {
  SamplingParams sampling = kDefaultSampling;
  std::optional<int64_t> seed;  // none: another one for each answer
  int max_tokens = 0;           // of an answer; 0: as far as the context goes
  std::optional<bool> thinks;   // none: as the template has it
  OverflowPolicy on_overflow = OverflowPolicy::stop;
  bool shows_stats = false;

  int most_tokens(int n_ctx) const { return max_tokens > 0 ? max_tokens : n_ctx; }
};

inline constexpr int kMostTokens = 1 << 24;  // that max_tokens may say

// Names that /set takes, in the order of its list.
std::vector<std::string> setting_names();

// The name that is meant: "top-k" is top_k. Throws UsageError with the nearest where there is none.
std::string known_setting(std::string_view typed);

// Both throw as known_setting() does; the first also for values out of range.
void set_setting(ChatSettings& settings, std::string_view name, std::string_view value);
std::string setting_text(const ChatSettings& settings, std::string_view name);
std::string_view setting_help(std::string_view name);

// What a file keeps: how answers are made, not how they are shown.
Json settings_to_json(const ChatSettings& settings);
// All or nothing; names in `kept` are checked and stay as they are. Throws Error{invalid_argument} naming the key.
void read_settings(const Json& json, ChatSettings& settings, std::span<const std::string> kept = {});

OverflowPolicy parse_overflow_policy(std::string_view name);
std::vector<std::string> overflow_policy_names();  // the default first

}  // namespace quandex::cli
