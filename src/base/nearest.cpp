#include "base/nearest.h"

#include <algorithm>
#include <vector>

namespace quandex {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> distance(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) distance[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= b.size(); ++j) distance[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substitution = distance[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
    }
  }
  return distance[a.size()][b.size()];
}

std::string_view nearest(std::string_view typed, std::span<const std::string> candidates) {
  std::string_view best;
  int best_distance = 0;
  for (const std::string& candidate : candidates) {
    const int distance = edit_distance(typed, candidate);
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  // A beginning of exactly one candidate counts as near however short it is ("--temp").
  const auto starts = [&](const std::string& candidate) { return typed.size() >= 3 && candidate.starts_with(typed); };
  if (std::count_if(candidates.begin(), candidates.end(), starts) == 1)
    return *std::find_if(candidates.begin(), candidates.end(), starts);
  const int allowed = std::max<int>(1, static_cast<int>(typed.size()) / 3);
  return best_distance <= allowed ? best : std::string_view{};
}

}  // namespace quandex
