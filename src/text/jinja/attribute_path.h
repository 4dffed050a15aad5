// What filters mean by `attribute`: "author.name", "0.id", 3 or none.
#pragma once

#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

class AttributePath {
 public:
  // Missing and none are the item itself. A value other than none in `default_value` stands for what is undefined.
  AttributePath(Runtime& runtime, const Value& attribute, Value default_value = {});
  Value get(Runtime& runtime, const Value& item) const;

  uint32_t nesting() const { return default_.nesting(); }

 private:
  std::vector<Value> parts_;
  Value default_;
};

// Lower case of strings, other values as they are.
Value without_case(Runtime& runtime, const Value& value);

}  // namespace quandex::jinja
