#include "server/http/http_body_reader.h"

#include <algorithm>

#include "server/http/http_head_parser.h"
#include "server/http/http_text.h"

namespace quandex::server {
namespace {

constexpr size_t kMostSizeDigits = 16;  // of 64 bits

bool is_forbidden(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

}  // namespace

BodyReader::BodyReader(uint64_t n_bytes)
    : state_(n_bytes > 0 ? State::data_of_length : State::done), n_left_(n_bytes) {}

BodyReader::BodyReader(const BodyLimits& limits) : limits_(limits), state_(State::size_line) {}

size_t BodyReader::feed(std::string_view bytes) {
  size_t n_taken = 0;
  while (n_taken < bytes.size() && !is_done() && !fault_) {
    if (state_ == State::data || state_ == State::data_of_length) {
      n_taken += take_data(bytes.substr(n_taken));
    } else {
      take(bytes[n_taken++]);
    }
  }
  return n_taken;
}

size_t BodyReader::take_data(std::string_view bytes) {
  const auto n = static_cast<size_t>(std::min<uint64_t>(bytes.size(), n_left_));
  body_.append(bytes.substr(0, n));
  n_left_ -= n;
  if (n_left_ == 0) state_ = state_ == State::data ? State::data_end : State::done;
  return n;
}

void BodyReader::take(char c) {
  if (is_after_cr_) {
    if (c != '\n') return fail(400, "a carriage return stands alone between the chunks of the body");
    is_after_cr_ = false;
    return take_line();
  }
  if (c == '\r') {
    is_after_cr_ = true;
    return;
  }
  if (c == '\n') return fail(400, "a line between the chunks of the body ends without a carriage return");
  if (is_forbidden(c)) return fail(400, "a line between the chunks of the body has a control character");
  if (state_ == State::data_end) return fail(400, "a chunk of the body is longer than it says");
  if (state_ == State::trailer && ++n_trailer_bytes_ > limits_.most_framing_bytes) {
    return fail(431, "the trailers of the body are too large");
  }
  if (state_ == State::size_line && (hex_value(c) < 0 || line_.size() >= kMostSizeDigits)) {
    if (line_.empty() || ++n_extension_bytes_ > limits_.most_framing_bytes) {
      return fail(400, "the body has no size of a chunk where one is expected, or too long extensions");
    }
  }
  line_ += c;
}

void BodyReader::take_line() {
  if (state_ == State::size_line) {
    read_size();
  } else if (state_ == State::data_end) {
    state_ = State::size_line;
  } else if (line_.empty()) {
    state_ = State::done;
  } else {
    read_trailer();
  }
  line_.clear();
}

// chunk-size [ chunk-ext ], section 7.1.
void BodyReader::read_size() {
  const std::string_view line = line_;
  size_t n_digits = 0;
  uint64_t size = 0;
  while (n_digits < line.size() && hex_value(line[n_digits]) >= 0) {
    if (n_digits >= kMostSizeDigits) return fail(400, "the size of a chunk of the body has too many digits");
    size = size * 16 + static_cast<uint64_t>(hex_value(line[n_digits++]));
  }
  const std::string_view extension = trimmed(line.substr(n_digits));
  if (n_digits == 0 || (n_digits < line.size() && !extension.starts_with(';'))) {
    return fail(400, "the size of a chunk of the body is not a hexadecimal number");
  }
  if (size > limits_.most_bytes - body_.size()) {
    return fail(413, "the body has more than " + std::to_string(limits_.most_bytes) + " bytes");
  }
  n_left_ = size;
  state_ = size > 0 ? State::data : State::trailer;
}

void BodyReader::read_trailer() {
  std::string_view name, value;
  if (const auto fault = read_field_line(line_, name, value)) fail(fault->status, fault->reason);
}

void BodyReader::fail(int status, std::string reason) { fault_ = HttpFault{status, std::move(reason)}; }

}  // namespace quandex::server
