#include "server/http/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace quandex::server {
namespace {

using Clock = std::chrono::steady_clock;

void require(bool claim, const char* what) {
  if (!claim) throw std::runtime_error(what);
}

std::optional<std::string> take_line(std::string_view& bytes) {
  const size_t end = bytes.find("\r\n");
  if (end == bytes.npos) return std::nullopt;
  std::string line(bytes.substr(0, end));
  bytes.remove_prefix(end + 2);
  return line;
}

bool take_chunks(std::string_view& bytes, RawAnswer& answer) {
  for (;;) {
    const auto size_line = take_line(bytes);
    if (!size_line) return false;
    size_t n_digits = 0;
    const size_t size = std::stoul(*size_line, &n_digits, 16);
    require(n_digits == size_line->size(), "a chunk's size is no number");
    if (bytes.size() < size + 2) return false;
    require(bytes.substr(size, 2) == "\r\n", "a chunk does not end where it says");
    if (size > 0) answer.chunks.emplace_back(bytes.substr(0, size));
    answer.body += bytes.substr(0, size);
    bytes.remove_prefix(size + 2);
    if (size == 0) return true;
  }
}

bool take_head(std::string_view& bytes, RawAnswer& answer) {
  auto line = take_line(bytes);
  if (!line) return false;
  require(line->starts_with("HTTP/1.1 ") && line->size() >= 12, "the status line is none");
  answer.version = line->substr(0, 8);
  answer.status = std::stoi(line->substr(9, 3));
  while ((line = take_line(bytes)) && !line->empty()) {
    const size_t colon = line->find(": ");
    require(colon != std::string::npos && colon > 0, "a header is none");
    std::string name = line->substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    require(answer.headers.emplace(name, line->substr(colon + 2)).second, "a header stands twice");
  }
  return line.has_value();
}

}  // namespace

std::optional<RawAnswer> take_answer(std::string& bytes, bool is_ended, bool has_no_body) {
  RawAnswer answer;
  std::string_view rest = bytes;
  if (!take_head(rest, answer)) return std::nullopt;
  const std::string length = answer.header("content-length");
  if (has_no_body || answer.status < 200 || answer.status == 204 || answer.status == 304) {
  } else if (answer.header("transfer-encoding") == "chunked") {
    require(length.empty(), "two lengths");
    if (!take_chunks(rest, answer)) return std::nullopt;
  } else if (!length.empty()) {
    const size_t size = std::stoul(length);
    if (rest.size() < size) return std::nullopt;
    answer.body = rest.substr(0, size);
    rest.remove_prefix(size);
  } else {
    require(answer.header("connection") == "close", "an answer has no end");
    if (!is_ended) return std::nullopt;
    answer.body = std::exchange(rest, {});
  }
  bytes.erase(0, bytes.size() - rest.size());
  return answer;
}

RawClient::RawClient(int port, const std::string& address) {
  const bool is_v6 = address.find(':') != std::string::npos;
  socket_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(socket_ >= 0, "no socket");
  int result = 0;
  if (is_v6) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET6, address.c_str(), &name.sin6_addr);
    result = ::connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof(name));
  } else {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, address.c_str(), &name.sin_addr);
    result = ::connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof(name));
  }
  if (result != 0) {
    close();
    throw std::runtime_error("cannot connect");
  }
  const int one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

RawClient::Came RawClient::receive(int timeout_ms) {
  pollfd waiting{socket_, POLLIN, 0};
  int n_ready = 0;
  while ((n_ready = ::poll(&waiting, 1, timeout_ms)) < 0 && errno == EINTR) {  // libFuzzer's alarm
  }
  if (n_ready <= 0) return Came::nothing;
  std::array<char, 65536> buffer;
  const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (n < 0) return Came::reset;
  received_.append(buffer.data(), static_cast<size_t>(n));
  return n == 0 ? Came::end : Came::bytes;
}

std::optional<RawAnswer> RawClient::answer(bool has_no_body, int timeout_ms) {
  for (bool is_ended = false;;) {
    auto answer = take_answer(received_, is_ended, has_no_body);
    if (answer || is_ended) return answer;
    const Came came = receive(timeout_ms);
    if (came == Came::reset || came == Came::nothing) return std::nullopt;
    is_ended = came == Came::end;
  }
}

std::optional<std::string> RawClient::rest(int timeout_ms) {
  for (;;) {
    const Came came = receive(timeout_ms);
    if (came == Came::end) return std::exchange(received_, {});
    if (came != Came::bytes) return std::nullopt;
  }
}

bool RawClient::receives(std::string_view text, int timeout_ms) {
  while (received_.find(text) == std::string::npos) {
    if (receive(timeout_ms) != Came::bytes) return false;
  }
  return true;
}

bool RawClient::is_silent(int timeout_ms) { return received_.empty() && receive(timeout_ms) == Came::nothing; }

void RawClient::half_close() { ::shutdown(socket_, SHUT_WR); }

void RawClient::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close();
}

void RawClient::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::shrink_buffer() {
  const int size = 64 << 10;
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

}  // namespace quandex::server
