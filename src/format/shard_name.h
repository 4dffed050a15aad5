// Names of the files that a checkpoint is split over: STEM-00002-of-00005.EXTENSION, counted from one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace quandex {

struct ShardName {
  std::string stem;
  int number = 1;         // 1 to count
  int count = 1;          // 1 to 99999
  std::string extension;  // with its dot

  std::string text() const;                       // the file name
  ShardName with_number(int other_number) const;  // of another shard of the same checkpoint
};

// Nothing where a file name is not of this form.
std::optional<ShardName> parse_shard_name(std::string_view file_name);

}  // namespace quandex
