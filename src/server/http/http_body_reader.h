// Reads the body of an HTTP/1 request as its bytes come (RFC 9112, sections 6 and 7). Pure, like HeadParser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_fault.h"

namespace quandex::server {

struct BodyLimits {
  uint64_t most_bytes = 0;          // of the body itself
  uint64_t most_framing_bytes = 0;  // of the chunks' extensions, and of the trailers: each, all together
};

class BodyReader {
 public:
  // A body of that length.
  explicit BodyReader(uint64_t n_bytes);
  // A chunked one. Extensions and trailers are checked and dropped.
  explicit BodyReader(const BodyLimits& limits);

  // Takes bytes up to the end of the body or to the first fault and returns how many.
  size_t feed(std::string_view bytes);

  bool is_done() const { return state_ == State::done; }
  const std::optional<HttpFault>& fault() const { return fault_; }
  std::string& body() { return body_; }

 private:
  enum class State : uint8_t { data_of_length, size_line, data, data_end, trailer, done };

  size_t take_data(std::string_view bytes);
  void take(char c);  // of what is not data
  void take_line();
  void read_size();
  void read_trailer();
  void fail(int status, std::string reason);

  BodyLimits limits_;
  State state_;
  uint64_t n_left_ = 0;  // of the body or the chunk
  uint64_t n_extension_bytes_ = 0, n_trailer_bytes_ = 0;
  std::string line_;  // without its end
  bool is_after_cr_ = false;
  std::optional<HttpFault> fault_;
  std::string body_;
};

}  // namespace quandex::server
