// A client of plain sockets: it sends whatever bytes a test wants, and reads answers with an eye of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::server {

struct RawAnswer {
  int status = 0;
  std::string version;                         // "HTTP/1.1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::vector<std::string> chunks;  // the body's, where it came in chunks

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// Reads one answer from the start of `bytes` and takes it off them; nothing where it is not complete. `is_ended`: no
// more bytes come, so that an answer without a length is complete. `has_no_body`: answers HEAD. Throws
// std::runtime_error for what is no HTTP/1.1 answer.
std::optional<RawAnswer> take_answer(std::string& bytes, bool is_ended, bool has_no_body = false);

class RawClient {
 public:
  explicit RawClient(int port, const std::string& address = "127.0.0.1");        // throws std::runtime_error
  static RawClient of_socket(int socket) { return RawClient(socket, nullptr); }  // owns it
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept : socket_(other.socket_), received_(std::move(other.received_)) {
    other.socket_ = -1;
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False: the other side has gone.
  bool send(std::string_view bytes);

  // The next answer; nothing where the connection ends, is reset, or is silent for too long before it is complete.
  std::optional<RawAnswer> answer(bool has_no_body = false, int timeout_ms = 10'000);

  // Until the connection ends: what is left. Nothing where it does not end or is reset.
  std::optional<std::string> rest(int timeout_ms = 10'000);

  // What has come so far, until it has this text; false where it does not come.
  bool receives(std::string_view text, int timeout_ms = 10'000);

  bool is_silent(int timeout_ms);  // nothing comes, nor does the connection end
  void half_close();
  void reset();  // closes with a reset
  void close();
  void shrink_buffer();  // takes few bytes before it reads

 private:
  enum class Came : uint8_t { bytes, end, reset, nothing };
  RawClient(int socket, std::nullptr_t) : socket_(socket) {}
  Came receive(int timeout_ms);

  int socket_ = -1;
  std::string received_;
};

}  // namespace quandex::server
