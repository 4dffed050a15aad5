// The bytes of answers: heads, dates, ids, chunks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace quandex::server {

// How the end of an answer's body is told.
enum class BodyEnd : uint8_t {
  length,  // by Content-Length
  chunks,  // by the last chunk
  close,   // by the end of the connection
};

struct AnswerFrame {
  BodyEnd end = BodyEnd::length;
  bool is_http_1_0 = false;
  bool closes = false;  // the connection, behind this answer
  std::string_view request_id;
};

// Whether answers of this status have a body at all (RFC 9110, section 6.4.1).
bool may_have_body(int status);

// The status line and the headers with the empty line behind them. The headers that the front owns (connection,
// content-length, date, transfer-encoding, x-request-id) are left out of the response's; names that are no tokens too,
// and control characters become spaces, so that no value can begin another header.
std::string answer_head(const Response& response, const AnswerFrame& frame, std::chrono::system_clock::time_point now);

std::string http_date(std::chrono::system_clock::time_point time);  // "Sun, 06 Nov 1994 08:49:37 GMT"

std::string new_request_id();  // "req_" and 128 random bits

void append_chunk(std::string_view piece, std::string& out);  // nothing for an empty piece, which would be the last
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace quandex::server
