#include "server/http/http_head_parser.h"

#include <gtest/gtest.h>

#include <random>

namespace quandex::server {
namespace {

constexpr uint64_t kMostBytes = 1000;

struct Reading {
  int status = 0;  // of the fault; 200: the head is complete; 0: more is expected
  size_t n_taken = 0;
  ParsedHead parsed;
};

// Fed in pieces that end at the cuts.
Reading read_in_pieces(std::string_view bytes, std::vector<size_t> cuts) {
  HeadParser parser(kMostBytes);
  Reading reading;
  cuts.push_back(bytes.size());
  for (const size_t cut : cuts) reading.n_taken += parser.feed(bytes.substr(reading.n_taken, cut - reading.n_taken));
  reading.status = parser.fault() ? parser.fault()->status : parser.is_done() ? 200 : 0;
  reading.parsed = parser.parsed();
  return reading;
}

Reading read(std::string_view bytes) { return read_in_pieces(bytes, {}); }

int status_of(std::string_view bytes) { return read(bytes).status; }

int status_of_header(const std::string& lines) { return status_of("GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n"); }

TEST(HeadParser, ReadsARequest) {
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
}

TEST(HeadParser, PassesOverEmptyLinesBeforeARequest) {
  EXPECT_EQ(status_of("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
  HeadParser parser(kMostBytes);
  parser.feed("\r\n\r\n");
  EXPECT_FALSE(parser.has_begun());
  parser.feed("G");
  EXPECT_TRUE(parser.has_begun());
}

TEST(HeadParser, KnowsTheVersions) {
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(status_of("GET / HTTP/1.9\r\nHost: x\r\n\r\n"), 200);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/0.9\r\n"), 505);
  for (const char* line : {"GET /", "GET / HTTP/1", "GET / HTTP/1.10", "GET / HTTP/11", "GET / http/1.1",
                           "GET / HTTP/x.1", "GET / HTTP/1.1 ", "GET  HTTP/1.1x"}) {
    EXPECT_EQ(status_of(std::string(line) + "\r\n"), 400) << line;
  }
}

TEST(HeadParser, KnowsTheMethods) {
  EXPECT_EQ(status_of("CONNECT host:80 HTTP/1.1\r\n"), 501);
  EXPECT_EQ(status_of("TRACE / HTTP/1.1\r\n"), 501);
  EXPECT_EQ(status_of("get / HTTP/1.1\r\n"), 501);
  EXPECT_EQ(status_of("G(T / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(status_of(" GET / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(status_of("GET\t/ HTTP/1.1\r\n"), 400);
  EXPECT_EQ(status_of("GET  / HTTP/1.1\r\n"), 400);
}

TEST(HeadParser, WantsOneValidHostOfHttp11) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of_header("HOST: x\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 200);
  const Reading absolute = read("GET http://there/x HTTP/1.1\r\nHost: here\r\n\r\n");
  EXPECT_EQ(absolute.parsed.head.header("host"), "there");
  EXPECT_EQ(absolute.parsed.head.path, "/x");
}

TEST(HeadParser, TakesNoAmbiguousLength) {
  EXPECT_EQ(status_of_header("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(status_of_header("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(status_of_header("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(status_of_header("Content-Length: 5, 5\r\n"), 400);
  for (const char* value : {"", "-1", "+1", "1.0", "0x1", "1 2", "a", "\xef\xbc\x91"}) {
    EXPECT_EQ(status_of_header("Content-Length: " + std::string(value) + "\r\n"), 400) << value;
  }
  EXPECT_EQ(read("GET / HTTP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n").parsed.head.body_bytes,
            UINT64_MAX);
  EXPECT_EQ(read("GET / HTTP/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n").parsed.head.body_bytes, UINT64_MAX);
  EXPECT_EQ(read("GET / HTTP/1.0\r\nContent-Length: 18446744073709551614\r\n\r\n").parsed.head.body_bytes,
            UINT64_MAX - 1);
}

TEST(HeadParser, KnowsChunkedAloneOfTransferCodings) {
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

TEST(HeadParser, RefusesLinesThatAreNoHeaders) {
  for (const char* line : {"X : y", "X\t: y", ": y", "X", "X\r", "(x): y", "X: \x01", "X: \x7f", " folded", "\tfolded",
                           "X\xc3\xa9: y", "X: a\rb", "X: a\nY: b"}) {
    EXPECT_EQ(status_of_header(std::string(line) + "\r\n"), 400) << line;
  }
  EXPECT_EQ(status_of_header(std::string("X: a\0b\r\n", 8)), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n folded: x\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: x\n\n"), 400);
  EXPECT_EQ(status_of_header("X: caf\xe9\r\n"), 200);
}

TEST(HeadParser, FindsAFaultWithTheByteThatMakesIt) {
  EXPECT_EQ(status_of("\x16\x03\x01"), 400);  // a TLS client
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHo\x01"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nX : y\r\n"), 400);
}

TEST(HeadParser, BoundsTargetsAndHeaders) {
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
}

TEST(HeadParser, KnowsOneExpectation) {
  EXPECT_TRUE(read("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n").parsed.expects_continue);
  EXPECT_FALSE(read("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").parsed.expects_continue);
  EXPECT_EQ(status_of_header("Expect: 200-ok\r\n"), 417);
  EXPECT_EQ(status_of_header("Expect: 100-continue, x\r\n"), 417);
}

TEST(HeadParser, KnowsWhenTheConnectionIsKept) {
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

TEST(HeadParser, TakesHarmlessIdsOnly) {
  const auto id = [](const std::string& value) {
    return read("GET / HTTP/1.0\r\nX-Request-ID: " + value + "\r\n\r\n").parsed.head.id;
  };
  EXPECT_EQ(id("Abc.1_2-3"), "Abc.1_2-3");
  EXPECT_EQ(id(std::string(128, 'a')), std::string(128, 'a'));
  EXPECT_EQ(id(std::string(129, 'a')), "");
  EXPECT_EQ(id("a b"), "");
  EXPECT_EQ(id("a\"b"), "");
  EXPECT_EQ(id(""), "");
}

TEST(HeadParser, SaysTheSameWhereverTheBytesAreCut) {
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

}  // namespace
}  // namespace quandex::server
