// Why a request cannot be one: the status of its refusal, and a sentence for the client.
#pragma once

#include <string>

namespace quandex::server {

struct HttpFault {
  int status = 400;
  std::string reason;
};

}  // namespace quandex::server
