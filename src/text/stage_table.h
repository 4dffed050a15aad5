// Tables of the stages that tokenizer.json can name: what is not in a table is refused by its name, with those that
// are.
#pragma once

#include <fmt/ranges.h>

#include <array>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "text/json_field.h"

namespace quandex {

inline constexpr size_t kMaxStages = 64;  // stages call each other, so that their number is the depth of the stack

template <typename Stage>
struct StageKind {
  std::string_view type;
  std::unique_ptr<const Stage> (*make)(const JsonField&);
};

// Makes a Derived of the field, or of nothing where it has no settings.
template <typename Stage, typename Derived>
std::unique_ptr<const Stage> make_stage(const JsonField& field) {
  if constexpr (std::is_constructible_v<Derived, const JsonField&>)
    return std::make_unique<Derived>(field);
  else
    return std::make_unique<Derived>();
}

// Appends the stages of a field, Sequences taken apart; their members are the array `list`. An absent field has none.
template <typename Stage, size_t kSize>
void parse_stages(const JsonField& field, std::string_view list, const std::array<StageKind<Stage>, kSize>& kinds,
                  std::vector<std::unique_ptr<const Stage>>& stages) {
  if (field.is_absent()) return;
  const std::string& type = field["type"].string();
  if (type == "Sequence") {
    for (size_t i = 0; i < field[list].size(); ++i) parse_stages(field[list][i], list, kinds, stages);
    return;
  }
  std::vector<std::string_view> known;
  if (stages.size() == kMaxStages) field.refuse_unsupported(fmt::format("at most {} stages", kMaxStages));
  for (const StageKind<Stage>& kind : kinds) {
    if (kind.type == type) {
      stages.push_back(kind.make(field));
      return;
    }
    known.push_back(kind.type);
  }
  field["type"].refuse_unsupported(fmt::format("Sequence or one of: {}", fmt::join(known, ", ")));
}

}  // namespace quandex
