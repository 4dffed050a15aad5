#include "server/http/http_request_parser.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quandex::server {
namespace {

constexpr uint64_t kMostBytes = 1000;

struct Reading {
  int status = 0;  // of the fault; 200: the request is complete, or its head where no more is asked for; 0: more is due
  size_t n_taken = 0;
  ParsedHead parsed;
  std::string body;
};

// Fed in pieces that end at the cuts. The body is not asked for where its limit is none.
Reading read_in_pieces(std::string_view bytes, std::vector<size_t> cuts, uint64_t most_header_bytes = kMostBytes,
                       std::optional<uint64_t> most_body_bytes = std::nullopt) {
  RequestParser parser({most_header_bytes, most_body_bytes.value_or(0)});
  Reading reading;
  bool has_head = false;
  cuts.push_back(bytes.size());
  for (const size_t cut : cuts) {
    reading.n_taken += parser.feed(bytes.substr(reading.n_taken, cut - reading.n_taken));
    if (!parser.head_is_done() || !most_body_bytes) continue;
    if (!std::exchange(has_head, true)) parser.begin_body();
    reading.n_taken += parser.feed(bytes.substr(reading.n_taken, cut - reading.n_taken));
  }
  const bool is_done = most_body_bytes ? parser.is_done() : parser.head_is_done();
  reading.status = parser.fault() ? parser.fault()->status : is_done ? 200 : 0;
  reading.parsed = parser.parsed();
  reading.body = parser.body();
  return reading;
}

Reading read(std::string_view bytes) { return read_in_pieces(bytes, {}); }

int status_of(std::string_view bytes) { return read(bytes).status; }

int status_of_header(const std::string& lines) { return status_of("GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n"); }

TEST(RequestParser, ReadsARequest) {
  const std::string head =
      "POST /v1?q=1 HTTP/1.1\r\nHost: here:80\r\nX-A:  b c\t\r\nEmpty:\r\nContent-Length: 12\r\n\r\n";
  const Reading reading = read(head + "body");
  ASSERT_EQ(reading.status, 200);
  EXPECT_EQ(reading.n_taken, head.size());
  EXPECT_EQ(reading.parsed.head.method, "POST");
  EXPECT_EQ(reading.parsed.head.path, "/v1");
  EXPECT_EQ(reading.parsed.head.query, "q=1");
  const Headers headers = {{"Host", "here:80"}, {"X-A", "b c"}, {"Empty", ""}, {"Content-Length", "12"}};
  EXPECT_EQ(reading.parsed.head.headers, headers);
  EXPECT_EQ(reading.parsed.head.body_bytes, 12U);
  EXPECT_FALSE(reading.parsed.head.is_chunked);
  EXPECT_TRUE(reading.parsed.keeps_alive);
  const Headers together = {{"a", "1"}, {"A", "2"}, {"B", "3"}};
  EXPECT_EQ(read("GET / HTTP/1.0\r\na: 1\r\nB: 3\r\nA: 2\r\n\r\n").parsed.head.headers, together);
}

TEST(RequestParser, PassesOverEmptyLinesBeforeARequest) {
  EXPECT_EQ(status_of("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
  RequestParser parser({kMostBytes, kMostBytes});
  parser.feed("\r\n\r\n");
  EXPECT_FALSE(parser.has_begun());
  parser.feed("G");
  EXPECT_TRUE(parser.has_begun());
}

TEST(RequestParser, KnowsTheVersions) {
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(status_of("GET / HTTP/1.9\r\nHost: x\r\n\r\n"), 200);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/0.9\r\n"), 505);
  for (const char* line :
       {"GET /", "GET / H", "GET / HTTP/1", "GET / HTTP/1.10", "GET / HTTP/11", "GET / http/1.1", "GET / HTTP/x.1",
        "GET / HTTP/1.1 ", "GET  HTTP/1.1x", "GET / x HTTP/2.0", "GET / x HTTP/1.9"}) {
    EXPECT_EQ(status_of(std::string(line) + "\r\n"), 400) << line;
  }
}

TEST(RequestParser, KnowsTheMethods) {
  EXPECT_EQ(status_of("CONNECT host:80 HTTP/1.1\r\n"), 501);
  EXPECT_EQ(status_of("TRACE / HTTP/1.1\r\n"), 501);
  EXPECT_EQ(status_of("get / HTTP/1.1\r\n"), 501);
  EXPECT_EQ(status_of("G(T / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(status_of(" GET / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(status_of("GET\t/ HTTP/1.1\r\n"), 400);
  EXPECT_EQ(status_of("GET  / HTTP/1.1\r\n"), 400);
}

TEST(RequestParser, WantsOneValidHostOfHttp11) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of_header("HOST: x\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 200);
  const Reading absolute = read("GET http://there/x HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_EQ(absolute.parsed.head.header("host"), "there");
  EXPECT_EQ(absolute.parsed.head.path, "/x");
}

TEST(RequestParser, TakesNoAmbiguousLength) {
  EXPECT_EQ(status_of_header("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(status_of_header("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(status_of_header("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(status_of_header("Content-Length: 5, 5\r\n"), 400);
  for (const char* value : {"", "-1", "+1", "1.0", "0x1", "1 2", "a", "\xef\xbc\x91"}) {
    EXPECT_EQ(status_of_header("Content-Length: " + std::string(value) + "\r\n"), 400) << value;
  }
  EXPECT_EQ(status_of_header("Content-Length: 99999999999999999999999\r\n"), 413);
  EXPECT_EQ(status_of_header("Content-Length: 18446744073709551616\r\n"), 413);
  EXPECT_EQ(status_of_header("Content-Length: 5\r\nContent-Length: 18446744073709551616\r\n"), 400);
  EXPECT_EQ(read("GET / HTTP/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n").parsed.head.body_bytes, UINT64_MAX);
  EXPECT_EQ(read("GET / HTTP/1.0\r\nContent-Length: 18446744073709551614\r\n\r\n").parsed.head.body_bytes,
            UINT64_MAX - 1);
}

TEST(RequestParser, KnowsChunkedAloneOfTransferCodings) {
  EXPECT_EQ(status_of_header("Transfer-Encoding: Chunked\r\n"), 200);
  EXPECT_TRUE(read("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: , chunked\r\n\r\n").parsed.head.is_chunked);
  EXPECT_EQ(status_of_header("Transfer-Encoding: gzip, chunked\r\n"), 501);
  EXPECT_EQ(status_of_header("Transfer-Encoding: identity\r\n"), 501);
  EXPECT_EQ(status_of_header("Transfer-Encoding: chunked;q=1\r\n"), 501);
  EXPECT_EQ(status_of_header("Transfer-Encoding: \vchunked\r\n"), 400);
  EXPECT_EQ(status_of_header("Transfer-Encoding: chunked, chunked\r\n"), 400);
  EXPECT_EQ(status_of_header("Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n"), 400);
  EXPECT_EQ(status_of_header("Transfer-Encoding:\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestParser, RefusesLinesThatAreNoHeaders) {
  for (const char* line : {"X : y", "X\t: y", ": y", "X", "X\r", "(x): y", "X: \x01", "X: \x7f", " folded", "\tfolded",
                           "X\xc3\xa9: y", "X: a\rb", "X: a\nY: b"}) {
    EXPECT_EQ(status_of_header(std::string(line) + "\r\n"), 400) << line;
  }
  EXPECT_EQ(status_of_header(std::string("X: a\0b\r\n", 8)), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n folded: x\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: x\n\n"), 400);
  EXPECT_EQ(status_of_header("X: caf\xe9\r\n"), 200);
}

TEST(RequestParser, FindsAFaultWithTheByteThatMakesIt) {
  EXPECT_EQ(status_of("\x16\x03\x01"), 400);  // a TLS client
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHo\x01"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nX : y\r\n"), 400);
}

TEST(RequestParser, BoundsTargetsAndHeaders) {
  EXPECT_EQ(status_of("GET /" + std::string(kMostBytes, 'a')), 414);
  EXPECT_EQ(status_of(std::string(kMostBytes + 1, 'a')), 414);
  EXPECT_EQ(status_of_header("X: " + std::string(kMostBytes, 'a')), 431);
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
  EXPECT_EQ(status_of(head + std::string(kMostBytes - head.size() - 4, 'a') + "\r\n\r\n"), 200);
  EXPECT_EQ(status_of(head + std::string(kMostBytes - head.size() - 3, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(status_of(std::string(kMostBytes + 1, '\r')), 400);
  std::string many;
  for (int i = 0; i < 220; ++i) many += "a:\r\n";
  EXPECT_EQ(status_of_header(many), 431);
  const std::string long_one(1 << 16, 'a');
  EXPECT_EQ(read_in_pieces("GET /" + long_one + " HTTP/1.0\r\n\r\n", {}, 1 << 20).status, 200);
  EXPECT_EQ(read_in_pieces(long_one + " / HTTP/1.0\r\n\r\n", {}, 1 << 20).status, 501);
  EXPECT_EQ(read_in_pieces("GET / HTTP/1.0\r\nX: " + long_one + "\r\n\r\n", {}, 1 << 20).status, 431);
}

TEST(RequestParser, KnowsOneExpectation) {
  EXPECT_TRUE(read("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n").parsed.expects_continue);
  EXPECT_FALSE(read("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").parsed.expects_continue);
  EXPECT_EQ(status_of_header("Expect: 200-ok\r\n"), 417);
  EXPECT_EQ(status_of_header("Expect: 100-continue, x\r\n"), 417);
}

TEST(RequestParser, KnowsWhenTheConnectionIsKept) {
  const auto keeps = [](const std::string& version, const std::string& header) {
    return read("GET / HTTP/" + version + "\r\nHost: x\r\n" + header + "\r\n").parsed.keeps_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: x, close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: x\r\nConnection: close\r\n"));
  EXPECT_TRUE(keeps("1.1", "Connection: closer\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(RequestParser, TakesHarmlessIdsOnly) {
  const auto id = [](const std::string& value) {
    return read("GET / HTTP/1.0\r\nX-Request-ID: " + value + "\r\n\r\n").parsed.head.id;
  };
  EXPECT_EQ(id("Abc.1_2-3"), "Abc.1_2-3");
  EXPECT_EQ(id(std::string(128, 'a')), std::string(128, 'a'));
  EXPECT_EQ(id(std::string(129, 'a')), "");
  EXPECT_EQ(id("a b"), "");
  EXPECT_EQ(id("a\"b"), "");
  EXPECT_EQ(id(""), "");
  EXPECT_EQ(read("GET / HTTP/1.0\r\nX-Request-ID: before\r\nno header\r\n").parsed.head.id, "before");
}

TEST(RequestParser, SaysTheSameWhereverTheBytesAreCut) {
  std::mt19937 random(1);
  for (const std::string head :
       {"POST /v1?q=1 HTTP/1.1\r\nHost: here:80\r\nX-A:  b c\t\r\nContent-Length: 12\r\n\r\nbody",
        "\r\nGET http://a/%20 HTTP/1.0\r\nX-Request-Id: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        "GET /%zz HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r \n\r\n",
        "GET / HTTP/1.1\r\nExpect: y\r\nHost: x\r\n\r\n"}) {
    const Reading whole = read(head);
    for (size_t first = 0; first <= head.size(); ++first) {
      const size_t second = first + random() % (head.size() - first + 1);
      const Reading cut = read_in_pieces(head, {first, second});
      EXPECT_EQ(cut.status, whole.status) << head << " cut at " << first << " and " << second;
      EXPECT_EQ(cut.n_taken, whole.n_taken);
      EXPECT_EQ(cut.parsed.head.headers, whole.parsed.head.headers);
      EXPECT_EQ(cut.parsed.head.path, whole.parsed.head.path);
    }
  }
}

// What is said of a body that follows this head, of at most 100 bytes, in pieces of that size.
Reading read_body(std::string_view head, std::string_view body, size_t piece_bytes = SIZE_MAX) {
  const std::string bytes = std::string(head) + std::string(body);
  std::vector<size_t> cuts;
  for (size_t cut = 0; bytes.size() - cut > piece_bytes; cuts.push_back(cut)) cut += piece_bytes;
  Reading reading = read_in_pieces(bytes, std::move(cuts), 100, 100);
  reading.n_taken -= std::min(reading.n_taken, head.size());
  return reading;
}

Reading read_chunked(std::string_view body, size_t piece_bytes = SIZE_MAX) {
  return read_body("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", body, piece_bytes);
}

TEST(RequestParser, LeavesTheBodyUntilItIsWanted) {
  const std::string head = "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n";
  RequestParser parser({kMostBytes, 5});
  EXPECT_EQ(parser.feed(head + "hello"), head.size());
  EXPECT_EQ(parser.feed("hello"), 0U);
  EXPECT_TRUE(parser.head_is_done());
  EXPECT_FALSE(parser.is_done());
  parser.begin_body();
  EXPECT_EQ(parser.feed("hello"), 5U);
  EXPECT_TRUE(parser.is_done());
  EXPECT_EQ(parser.feed("more"), 0U);
  EXPECT_EQ(parser.body(), "hello");
}

TEST(RequestParser, TakesALengthAndNoMore) {
  const std::string head = "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n";
  for (size_t piece_bytes = 1; piece_bytes < 50; ++piece_bytes) {
    const Reading reading = read_body(head, "hellothere", piece_bytes);
    EXPECT_EQ(reading.status, 200);
    EXPECT_EQ(reading.body, "hello");
    EXPECT_EQ(reading.n_taken, 5U);
  }
  EXPECT_EQ(read_body(head, "hell").status, 0);
  for (const char* lines : {"", "Content-Length: 0\r\n"}) {
    const Reading none = read_body("GET / HTTP/1.0\r\n" + std::string(lines) + "\r\n", "next");
    EXPECT_EQ(none.status, 200);
    EXPECT_EQ(none.n_taken, 0U);
  }
}

TEST(RequestParser, JoinsChunksAndDropsExtensionsAndTrailers) {
  const std::string bytes =
      "5\r\nhello\r\n0A;a=b;c=\"d\"\r\n\r\n there\r\n\r\n1 ; x\r\n!\r\n000;e\r\nX-Sum: 1\r\nY:\r\nHost: z\r\n\r\n";
  for (size_t piece_bytes = 1; piece_bytes <= bytes.size() + 60; ++piece_bytes) {
    const Reading reading = read_chunked(bytes + "next", piece_bytes);
    EXPECT_EQ(reading.status, 200);
    EXPECT_EQ(reading.body, "hello\r\n there\r\n!");
    EXPECT_EQ(reading.n_taken, bytes.size());
    EXPECT_EQ(reading.parsed.head.headers.size(), 2U);
    EXPECT_EQ(reading.parsed.head.header("host"), "x");
  }
}

TEST(RequestParser, RefusesWhatIsNoChunk) {
  for (const char* bytes : {"\r\n",
                            "g\r\n",
                            "-1\r\n",
                            "0x5\r\n\r\n",
                            " 5\r\n",
                            "5 \r\nx",
                            "5 x\r\n",
                            "5\n",
                            "5\rx",
                            "5;\x01",
                            "5\r\nhellox",
                            "5\r\nhello\n",
                            "5\r\nhello\r\r",
                            ";a\r\n",
                            "10000000000000000\r\n",
                            "00000000000000001\r\n",
                            "00000000000000000\r\n",
                            "5;a=\"\r\n",
                            "5;\r\n",
                            "0;=\r\n\r\n",
                            "0;a=\"\r\n\r\n"}) {
    for (const size_t piece_bytes : {size_t{1}, SIZE_MAX}) {
      EXPECT_EQ(read_chunked(bytes, piece_bytes).status, 400) << bytes;
    }
  }
}

TEST(RequestParser, RefusesTrailersThatAreNone) {
  for (const char* lines : {"bad\r\n\r\n", ": x\r\n\r\n", "X: y\r\n folded", "\tfolded", "X : y\r\n\r\n", "X: \x01",
                            "Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"}) {
    for (const size_t piece_bytes : {size_t{1}, SIZE_MAX}) {
      EXPECT_EQ(read_chunked("0\r\n" + std::string(lines), piece_bytes).status, 400) << lines;
      EXPECT_EQ(read_chunked("1\r\nx\r\n0\r\n" + std::string(lines), piece_bytes).status, 400) << lines;
    }
  }
}

TEST(RequestParser, BoundsTheBody) {
  EXPECT_EQ(read_body("POST / HTTP/1.0\r\nContent-Length: 101\r\n\r\n", "").status, 413);
  EXPECT_EQ(read_body("POST / HTTP/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n", "").status, 413);
  EXPECT_EQ(read_body("POST / HTTP/1.0\r\nContent-Length: 100\r\n\r\n", std::string(100, 'x')).status, 200);
  EXPECT_EQ(read_chunked("64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n").status, 200);
  EXPECT_EQ(read_chunked("65\r\n").status, 413);
  EXPECT_EQ(read_chunked("63\r\n" + std::string(99, 'x') + "\r\n2\r\n").status, 413);
  EXPECT_EQ(read_chunked("ffffffffffffffff\r\n").status, 413);
  EXPECT_EQ(read_chunked("1\r\nx\r\nffffffffffffffff\r\n").status, 413);
}

TEST(RequestParser, BoundsExtensionsAndTrailers) {
  EXPECT_EQ(read_chunked("1;" + std::string(200, 'x')).status, 400);
  EXPECT_EQ(read_chunked(std::string(200, '0')).status, 400);
  std::string many;
  for (int i = 0; i < 40; ++i) many += "1;xy\r\nz\r\n";
  EXPECT_EQ(read_chunked(many).status, 400);
  EXPECT_EQ(read_chunked("0\r\nX: " + std::string(100, 'x')).status, 431);
  many = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 220; ++i) many += "a:\r\n";
  EXPECT_EQ(read_in_pieces(many, {}, kMostBytes, 0).status, 431);
}

}  // namespace
}  // namespace quandex::server
