// The OpenAPI 3.1 document of this server.
#pragma once

#include <string_view>

#include "base/json.h"
#include "server/api/requests.h"

namespace quandex::server {

// All endpoints with their requests, answers and errors. Requests are described from the tables that check them.
Json openapi_document(const ModelFacts& model, std::string_view version);

}  // namespace quandex::server
