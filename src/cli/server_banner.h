// What a server says when it is ready.
#pragma once

#include <string>

#include "server/served_model.h"

namespace quandex::cli {

// The address for clients on this machine.
std::string server_url(const std::string& host, int port);

// On standard output, once. `roof`: bytes a second that memory can be read at; 0: not measured.
void print_server_banner(const server::ServedModel& model, const std::string& url, bool needs_key, double roof);

}  // namespace quandex::cli
