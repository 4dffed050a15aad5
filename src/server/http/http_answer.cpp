#include "server/http/http_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <random>
#include <utility>

#include "server/http/http_text.h"

namespace quandex::server {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 30> kReasons = {{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
}};

std::string_view reason_phrase(int status) {
  const auto found = std::ranges::find(kReasons, status, [](const auto& entry) { return entry.first; });
  return found == kReasons.end() ? "" : found->second;
}

bool is_of_the_front(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"connection", "content-length", "date", "transfer-encoding",
                                                      "x-request-id"};
  return std::ranges::any_of(kNames, [name](std::string_view other) { return equal_ignoring_case(name, other); });
}

void append_value(std::string_view value, std::string& out) {
  for (const char c : value) out += (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F ? ' ' : c;
}

}  // namespace

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string answer_head(const Response& response, const AnswerFrame& frame, std::chrono::system_clock::time_point now) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  for (const auto& [name, value] : response.headers) {
    if (!is_token(name) || is_of_the_front(name)) continue;
    head.append(name).append(": ");
    append_value(value, head);
    head += "\r\n";
  }
  if (may_have_body(response.status)) {
    if (frame.end == BodyEnd::length) head += fmt::format("content-length: {}\r\n", response.body.size());
    if (frame.end == BodyEnd::chunks) head += "transfer-encoding: chunked\r\n";
  }
  head += fmt::format("date: {}\r\nx-request-id: {}\r\n", http_date(now), frame.request_id);
  if (frame.closes) {
    head += "connection: close\r\n";
  } else if (frame.is_http_1_0) {
    head += "connection: keep-alive\r\n";
  }
  return head += "\r\n";
}

std::string http_date(std::chrono::system_clock::time_point time) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  const unsigned month = static_cast<unsigned>(date.month());
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.substr(std::chrono::weekday(day).c_encoding() * 3, 3), static_cast<unsigned>(date.day()),
                     kMonths.substr((month - 1) * 3, 3), static_cast<int>(date.year()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::string new_request_id() {
  std::random_device device;
  std::string id = "req_";
  for (int i = 0; i < 4; ++i) fmt::format_to(std::back_inserter(id), "{:08x}", device());
  return id;
}

void append_chunk(std::string_view piece, std::string& out) {
  if (piece.empty()) return;
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", piece.size());
  out.append(piece).append("\r\n");
}

}  // namespace quandex::server
