#include "server/http/http_request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <limits>
#include <utility>

#include "base/check.h"
#include "server/http/http_text.h"

namespace quandex::server {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;
using Field = beast::http::field;
using HttpError = beast::http::error;

constexpr size_t kMostFields = 200;
constexpr size_t kMostFieldBytes = 65'000;  // Beast's own limit is 16 bits for the value, and an exception
constexpr size_t kSizeDigits = 16;          // of 64 bits; Beast takes any number of leading zeros

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// Ends of lines are looked at apart.
bool is_forbidden(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

// Where the minor version is, in a line of three words that ends with " HTTP/1.1" of any digits; npos: it is another.
size_t find_minor_version(std::string_view line) {
  constexpr size_t kLength = 9;
  const std::string_view version = line.substr(line.size() - std::min(line.size(), kLength));
  if (!version.starts_with(" HTTP/") || std::ranges::count(line, ' ') != 2) return line.npos;
  if (version.size() != kLength) return line.npos;
  if (!is_digit(version[6]) || version[7] != '.' || !is_digit(version[8])) return line.npos;
  return line.size() - 1;
}

// Whether the line of a chunk's size says 0, however it goes on.
bool is_last_chunk(std::string_view line) {
  const size_t n_zeros = std::min(line.find_first_not_of('0'), line.size());
  return n_zeros > 0 && (n_zeros == line.size() || hex_value(line[n_zeros]) < 0);
}

// Whether 64 bits may be too few for the value of "name: value".
bool is_long_number(std::string_view line) {
  const std::string_view value = trimmed(line.substr(line.find(':') + 1));
  return value.size() >= 20 && std::ranges::all_of(value, is_digit);
}

// Why Beast does not take a line.
HttpFault fault_of(const error_code& error) {
  if (error == HttpError::bad_method || error == HttpError::bad_target) {
    return {400, "the request line is not METHOD TARGET VERSION"};
  }
  if (error == HttpError::bad_version) return {400, "the request line does not end with a version of HTTP"};
  if (error == HttpError::bad_field) return {400, "a header has no name before a colon"};
  if (error == HttpError::bad_value) return {400, "a header has a value that it cannot have"};
  if (error == HttpError::bad_content_length) return {400, "the Content-Length header is not a number, or not alone"};
  if (error == HttpError::multiple_content_length) return {400, "the request has two Content-Length headers"};
  if (error == HttpError::bad_transfer_encoding) {
    return {400, "the Transfer-Encoding header must be chunked, once, without a Content-Length header"};
  }
  if (error == HttpError::bad_chunk) return {400, "the size of a chunk of the body is not a hexadecimal number"};
  if (error == HttpError::bad_chunk_extension) return {400, "an extension of a chunk of the body is not valid"};
  if (error == HttpError::header_limit) return {431, "the request's headers are too large"};
  if (error == HttpError::buffer_overflow) return {413, "the body is too large"};
  return {400, fmt::format("the request is not HTTP/1.1: {}", error.message())};
}

}  // namespace

struct RequestParser::Grammar {
  beast::http::request_parser<beast::http::string_body> parser;
  uint64_t chunk_bytes = 0;  // of the chunk whose size was read last
  std::function<void(uint64_t, beast::string_view, error_code&)> on_chunk =
      [this](uint64_t n_bytes, beast::string_view, error_code&) { chunk_bytes = n_bytes; };

  // Heads and trailers are counted by count(), each alone. The limit of the body comes with begin_body(): before, Beast
  // would refuse a length with the head.
  Grammar() {
    parser.header_limit(std::numeric_limits<uint32_t>::max());
    parser.body_limit(boost::none);
    parser.eager(true);
    parser.on_chunk_header(on_chunk);
  }

  // All of `bytes`, which end where something does that Beast reads in one piece, but for the last `n_shown`, which it
  // only looks at. `if_short`: what is wrong with them where Beast wants more.
  error_code put(std::string_view bytes, HttpError if_short, size_t n_shown = 0) {
    while (bytes.size() > n_shown) {
      error_code error;
      const size_t n = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
      bytes.remove_prefix(n);
      if (error && error != HttpError::need_more) return error;
      if (n == 0) return if_short;
    }
    return {};
  }
};

RequestParser::RequestParser(const RequestLimits& limits) : limits_(limits), grammar_(std::make_unique<Grammar>()) {}

RequestParser::~RequestParser() = default;

std::string& RequestParser::body() { return grammar_->parser.get().body(); }

size_t RequestParser::feed(std::string_view bytes) {
  size_t n_taken = 0;
  while (n_taken < bytes.size() && part_ != Part::head_end && part_ != Part::done && !fault_) {
    if (is_in_data()) {
      n_taken += take_data(bytes.substr(n_taken));
    } else {
      take(bytes[n_taken++]);
    }
  }
  return n_taken;
}

size_t RequestParser::take_data(std::string_view bytes) {
  const auto n = static_cast<size_t>(std::min<uint64_t>(bytes.size(), n_left_));
  if (const error_code error = grammar_->put(bytes.substr(0, n), HttpError::bad_chunk)) fail(fault_of(error));
  n_left_ -= n;
  if (n_left_ == 0) part_ = part_ == Part::chunk_data ? Part::chunk_end : Part::done;
  return n;
}

void RequestParser::take(char c) {
  const std::string_view place = is_in_head() ? "the request's head" : "the lines between the chunks of the body";
  count(c);
  if (fault_) return;
  if (is_after_cr_ && c != '\n') return fail({400, fmt::format("a carriage return stands alone in {}", place)});
  if (!is_after_cr_ && c == '\n') return fail({400, fmt::format("a line feed stands alone in {}", place)});
  text_ += c;
  is_after_cr_ = c == '\r';
  if (c == '\n') return take_line();
  if (is_after_cr_) return;
  if (is_forbidden(c)) return fail({400, fmt::format("a control character is in {}", place)});
  has_begun_ = true;
  const bool is_folded = (c == ' ' || c == '\t') && text_.size() == line_begin_ + 1;
  if (is_folded && (part_ == Part::headers || part_ == Part::trailers)) {
    fail({400, "a header is folded into several lines"});
  }
  if (part_ == Part::chunk_end) fail({400, "a chunk of the body is longer than it says"});
}

// What is kept is bounded.
void RequestParser::count(char c) {
  if (is_in_head() && ++n_head_bytes_ > limits_.most_header_bytes) {
    if (part_ == Part::request_line) return fail({414, "the request's target is too long"});
    return fail({431, "the request's headers are too large"});
  }
  if (c == '\r' || c == '\n') return;
  if (part_ == Part::trailers && ++n_trailer_bytes_ > limits_.most_header_bytes) {
    return fail({431, "the trailers of the body are too large"});
  }
  const bool is_digit_of_size = hex_value(c) >= 0 && text_.size() - line_begin_ < kSizeDigits;
  if (part_ == Part::chunk_size && !is_digit_of_size && ++n_extension_bytes_ > limits_.most_header_bytes) {
    fail({400, "the extensions of the chunks of the body are too long"});
  }
}

void RequestParser::take_line() {
  const bool is_empty = text_.size() == line_begin_ + 2;
  switch (part_) {
    case Part::request_line:
      if (!is_empty) put_request_line();  // RFC 9112, section 2.2: empty lines before a request are passed over
      text_.clear();
      break;
    case Part::headers:
      is_empty ? finish_head() : put_header();
      text_.clear();
      break;
    case Part::chunk_end:  // Beast wants it together with the next size
      part_ = Part::chunk_size;
      line_begin_ = text_.size();
      break;
    case Part::chunk_size:
      put_chunk_size();
      break;
    default:
      take_trailer(is_empty);
  }
}

void RequestParser::put_request_line() {
  const size_t minor = find_minor_version(std::string_view(text_).substr(0, text_.size() - 2));
  const bool has_version = minor != text_.npos;
  // A later 1.x is answered as 1.1 (RFC 9110, section 2.5), but Beast knows none.
  if (has_version && text_[minor - 2] == '1' && text_[minor] > '1') text_[minor] = '1';
  if (const error_code error = grammar_->put(text_, HttpError::bad_version)) {
    const bool is_unknown = error == HttpError::bad_version && has_version;
    return fail(is_unknown ? HttpFault{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"} : fault_of(error));
  }
  part_ = Part::headers;
  const auto& message = grammar_->parser.get();
  parsed_.minor_version = message.version() == 10 ? 0 : 1;
  fault_ = read_request_line(view(message.method_string()), view(message.target()), parsed_);
}

void RequestParser::put_header() {
  if (++n_fields_ > kMostFields) return fail({431, "the request has too many headers"});
  if (text_.size() > kMostFieldBytes) return fail({431, "a header of the request is too large"});
  text_ += '\r';  // Beast looks one byte ahead for folded lines: there is none, take() would have refused it
  const std::string_view line = std::string_view(text_).substr(0, text_.size() - 3);
  const error_code error = grammar_->put(text_, HttpError::bad_field, 1);
  if (!error) return;
  const auto& message = grammar_->parser.get();
  const bool is_first = message.count(Field::content_length) + message.count(Field::transfer_encoding) == 0;
  if (error == HttpError::bad_content_length && is_first && is_long_number(line)) {
    return fail({413, "the body is too large"});  // more than 64 bits tell
  }
  fail(fault_of(error));
}

void RequestParser::finish_head() {
  if (const error_code error = grammar_->put(text_, HttpError::bad_field)) return fail(fault_of(error));
  copy_headers();
  parsed_.head.is_chunked = grammar_->parser.chunked();
  parsed_.head.body_bytes = grammar_->parser.content_length().value_or(0);
  fault_ = check_headers(parsed_);
  if (fault_) return;
  head_is_done_ = true;
  part_ = Part::head_end;
}

void RequestParser::begin_body() {
  CHECK(part_ == Part::head_end);
  const RequestHead& head = parsed_.head;
  const uint64_t most_bytes = limits_.most_body_bytes;
  if (head.body_bytes > most_bytes) {
    return fail({413, fmt::format("the body has {} bytes, at most {} are taken", head.body_bytes, most_bytes)});
  }
  grammar_->parser.body_limit(most_bytes);
  n_left_ = head.body_bytes;
  part_ = head.is_chunked ? Part::chunk_size : n_left_ > 0 ? Part::body : Part::done;
}

// Beast wants the size of the last chunk together with the trailers.
void RequestParser::put_chunk_size() {
  const std::string_view line = std::string_view(text_).substr(line_begin_);
  const size_t n_digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
  if (n_digits > kSizeDigits) return fail({400, "the size of a chunk of the body has too many digits"});
  if (is_last_chunk(line)) {
    part_ = Part::trailers;
    line_begin_ = text_.size();
    return;
  }
  const error_code error = grammar_->put(text_, HttpError::bad_chunk_extension);
  if (error == HttpError::body_limit) {
    return fail({413, fmt::format("the body has more than {} bytes", limits_.most_body_bytes)});
  }
  if (error) return fail(fault_of(error));
  n_left_ = grammar_->chunk_bytes;
  part_ = Part::chunk_data;
  text_.clear();
  line_begin_ = 0;
}

void RequestParser::take_trailer(bool is_empty) {
  if (!is_empty) {
    if (++n_fields_ > kMostFields) return fail({431, "the body has too many trailers"});
    if (text_.size() - line_begin_ > kMostFieldBytes) return fail({431, "a trailer of the body is too large"});
    line_begin_ = text_.size();
    return;
  }
  if (const error_code error = grammar_->put(text_, HttpError::bad_chunk_extension)) return fail(fault_of(error));
  part_ = Part::done;
}

void RequestParser::copy_headers() {
  for (const auto& field : grammar_->parser.get()) {
    add_header(view(field.name_string()), view(field.value()), parsed_);
  }
}

void RequestParser::fail(HttpFault fault) {
  if (part_ == Part::headers && parsed_.head.headers.empty()) copy_headers();
  fault_ = std::move(fault);
}

}  // namespace quandex::server
