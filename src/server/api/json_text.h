// JSON as the server sends it.
#pragma once

#include <string>

#include "base/json.h"

namespace quandex::server {

// On one line. Always valid: what is no UTF-8 becomes U+FFFD, a number that is not finite becomes null.
std::string json_text(const Json& json);

}  // namespace quandex::server
