// Reads one HTTP/1 request as its bytes come (RFC 9112). The grammar of heads and chunks is Boost.Beast's, which is
// seen in the .cpp only; what the front asks beyond it is in http_request_head.h. Pure: no sockets, no clock. What it
// says depends on the bytes alone, never on how they were cut.
//
// Beast is given whole lines, one after the other, for it reads a line from one buffer only and otherwise waits for the
// end of the head. So a fault is found with the line that has it. What Beast lets pass is looked at byte by byte
// before: control characters, line feeds or carriage returns alone, folded lines; garbage such as a TLS client's is
// refused at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_fault.h"
#include "server/http/http_request_head.h"

namespace quandex::server {

struct RequestLimits {
  uint64_t most_header_bytes = 0;  // of request line and headers; of the chunks' extensions; of the trailers
  uint64_t most_body_bytes = 0;    // declared or counted
};

class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Takes bytes up to the end of the head, after begin_body() to that of the body, or to the first fault, and returns
  // how many.
  size_t feed(std::string_view bytes);

  // The body is wanted. Only when the head is done; a fault where the body is declared too long.
  void begin_body();

  bool has_begun() const { return has_begun_; }  // a byte came that is no empty line before the request line
  bool head_is_done() const { return head_is_done_; }
  bool is_done() const { return part_ == Part::done; }
  const std::optional<HttpFault>& fault() const { return fault_; }

  // Complete when head_is_done(); with a fault, what was understood before it. Headers of one name stand together.
  ParsedHead& parsed() { return parsed_; }

  // Without the chunks' framing; extensions and trailers are checked and dropped. Complete when is_done().
  std::string& body();

 private:
  enum class Part : uint8_t {
    request_line,
    headers,
    head_end,    // until begin_body()
    body,        // of a declared length
    chunk_size,  // with the extensions
    chunk_data,
    chunk_end,  // the empty line behind the data
    trailers,
    done
  };
  struct Grammar;

  bool is_in_head() const { return part_ == Part::request_line || part_ == Part::headers; }
  bool is_in_data() const { return part_ == Part::body || part_ == Part::chunk_data; }
  void take(char c);
  void count(char c);
  size_t take_data(std::string_view bytes);
  void take_line();
  void put_request_line();
  void put_header();
  void finish_head();
  void put_chunk_size();
  void take_trailer(bool is_empty);
  void copy_headers();
  void fail(HttpFault fault);

  const RequestLimits limits_;
  Part part_ = Part::request_line;
  bool has_begun_ = false, head_is_done_ = false, is_after_cr_ = false;
  std::string text_;       // what Beast has not seen yet: the line being read, in chunks with those before it
  size_t line_begin_ = 0;  // in text_
  uint64_t n_head_bytes_ = 0, n_extension_bytes_ = 0, n_trailer_bytes_ = 0;
  size_t n_fields_ = 0;  // headers and trailers
  uint64_t n_left_ = 0;  // of the body or the chunk
  std::optional<HttpFault> fault_;
  ParsedHead parsed_;
  std::unique_ptr<Grammar> grammar_;
};

}  // namespace quandex::server
