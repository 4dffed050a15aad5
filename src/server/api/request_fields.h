// The fields of request bodies as data: one table for each object that a client may send. The checks
// (request_check.h) and the OpenAPI document (openapi.h) are both made from these tables, so they cannot disagree.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace quandex::server {

// The JSON types that a field may have, added up. Null is apart: for most fields it means the same as absence.
using Kinds = uint8_t;
inline constexpr Kinds kBoolean = 1, kInteger = 2, kNumber = 4, kString = 8, kArray = 16, kObject = 32;
inline constexpr Kinds kAnything = kBoolean | kNumber | kString | kArray | kObject;

enum class Use : uint8_t {
  honoured,
  no_effect,  // accepted, and changes nothing here
  refused,    // known, from OpenAI or from other servers, and an error unless null; `reason` says why
};

// A value that is known and refused.
struct RefusedValue {
  std::string_view value;
  std::string_view reason;
};

struct Pattern {
  std::string_view text;  // as a regular expression, for messages and the document
  bool (*matches)(std::string_view);
};

struct Table;

inline constexpr double kNoLimit = std::numeric_limits<double>::infinity();
inline constexpr size_t kAnySize = std::numeric_limits<size_t>::max();

struct Field {
  std::string_view name = {};
  Kinds kinds = kAnything;
  Use use = Use::honoured;
  std::string_view description = {};
  std::string_view reason = {};  // of a refusal
  bool is_required = false;
  bool is_nullable = true;  // null is absence

  // Of numbers; both bounds are included.
  double least = -kNoLimit, most = kNoLimit;

  // Of strings, in characters.
  size_t least_length = 0, most_length = kAnySize;
  std::span<const std::string_view> values = {};  // the only ones, where there are any
  std::span<const RefusedValue> refused_values = {};
  const Pattern* pattern = nullptr;

  // Of arrays.
  size_t least_size = 0;
  size_t most_size = kAnySize;

  const Field* items = nullptr;    // of an array, or the members of an object whose keys are free
  const Table* members = nullptr;  // of an object; null: its keys are free
  Kinds refused_kinds = 0;         // known and refused, for `reason`
  bool refuses_true = false;       // likewise, of a boolean
};

// One of several forms of an object, told apart by the value of one member.
struct Variant {
  std::string_view value;
  const Table* table = nullptr;  // null: refused
  std::string_view reason = {};
};

struct Table {
  std::string_view name = {};  // in the OpenAPI document
  std::string_view description = {};
  std::array<std::span<const Field>, 4> groups = {};  // together the fields; groups are shared between tables
  std::string_view discriminator = {};                // the member that tells the variants apart; then no groups
  std::span<const Variant> variants = {};

  const Field* find(std::string_view field) const;
};

// The bodies.
extern const Table kChatRequestTable;
extern const Table kCompletionRequestTable;
extern const Table kTokenizeRequestTable;
extern const Table kDetokenizeRequestTable;
extern const Table kApplyTemplateRequestTable;

// Parts of them that more than one body has.
extern const Table kMessageTable;
extern const Table kToolTable;
inline constexpr Field kMessageItem{.kinds = kObject, .is_nullable = false, .members = &kMessageTable};
inline constexpr Field kToolItem{.kinds = kObject, .is_nullable = false, .members = &kToolTable};

// Choices of one request at most, and prompts times choices.
inline constexpr int kMostChoices = 128;
inline constexpr int kMostChoicesInAll = 1024;

}  // namespace quandex::server
