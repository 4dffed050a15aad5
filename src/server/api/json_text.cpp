#include "server/api/json_text.h"

#include <nlohmann/json.hpp>

namespace quandex::server {

std::string json_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace quandex::server
