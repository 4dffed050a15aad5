#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

namespace quandex {

void log_to_stderr(const std::string& program) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt(program));
  spdlog::set_pattern("%n: %l: %v");
}

void log_with_time() { spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n: %l: %v"); }

}  // namespace quandex
