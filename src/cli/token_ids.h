// Token ids as people and programs write them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace quandex::cli {

// Ids between white space or single commas, all of it in [brackets] or not: "1 2 3", "1,2,3", "[1, 2, 3]\n". Throws
// Error{invalid_argument} that names the place: each must be at least 0 and below `n_vocab`.
std::vector<int32_t> parse_token_ids(std::string_view text, int n_vocab);

}  // namespace quandex::cli
