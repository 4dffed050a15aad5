// The nearest known spelling of what a user or a file wrote, for messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace quandex {

// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
int edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `typed`, or nothing (empty) where none is near enough to be what was meant.
std::string_view nearest(std::string_view typed, std::span<const std::string> candidates);

}  // namespace quandex
