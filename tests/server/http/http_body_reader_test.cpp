#include "server/http/http_body_reader.h"

#include <gtest/gtest.h>

namespace quandex::server {
namespace {

struct Reading {
  int status = 0;  // of the fault; 200: the body is complete; 0: more is expected
  size_t n_taken = 0;
  std::string body;
};

Reading read(BodyReader reader, std::string_view bytes, size_t piece_bytes = SIZE_MAX) {
  Reading reading;
  while (reading.n_taken < bytes.size()) {
    const size_t n = reader.feed(bytes.substr(reading.n_taken, piece_bytes));
    if (n == 0) break;
    reading.n_taken += n;
  }
  reading.status = reader.fault() ? reader.fault()->status : reader.is_done() ? 200 : 0;
  reading.body = reader.body();
  return reading;
}

Reading read_chunked(std::string_view bytes, size_t piece_bytes = SIZE_MAX) {
  return read(BodyReader(BodyLimits{100, 50}), bytes, piece_bytes);
}

TEST(BodyReader, TakesALengthAndNoMore) {
  const Reading reading = read(BodyReader(5), "hellothere");
  EXPECT_EQ(reading.status, 200);
  EXPECT_EQ(reading.body, "hello");
  EXPECT_EQ(reading.n_taken, 5U);
  EXPECT_EQ(read(BodyReader(5), "hell").status, 0);
  EXPECT_TRUE(BodyReader(0).is_done());
}

TEST(BodyReader, JoinsChunksAndDropsExtensionsAndTrailers) {
  const std::string bytes =
      "5\r\nhello\r\n0A;a=b;c=\"d\"\r\n\r\n there\r\n\r\n1 ; x\r\n!\r\n000\r\nX-Sum: 1\r\nY:\r\n\r\n";
  for (size_t piece_bytes = 1; piece_bytes <= bytes.size(); ++piece_bytes) {
    const Reading reading = read_chunked(bytes + "next", piece_bytes);
    EXPECT_EQ(reading.status, 200);
    EXPECT_EQ(reading.body, "hello\r\n there\r\n!");
    EXPECT_EQ(reading.n_taken, bytes.size());
  }
}

TEST(BodyReader, RefusesWhatIsNoChunk) {
  for (const char* bytes :
       {"\r\n", "g\r\n", "-1\r\n", "0x5\r\n", " 5\r\n", "5 \r\nx", "5 x\r\n", "5\n", "5\rx", "5;\x01", "5\r\nhellox",
        "5\r\nhello\n", "5\r\nhello\r\r", ";a\r\n", "00000000000000001\r\n", "0\r\nbad\r\n", "0\r\n: x\r\n",
        "0\r\nX: y\r\n folded\r\n", "0\r\nX : y\r\n"}) {
    for (const size_t piece_bytes : {size_t{1}, SIZE_MAX}) {
      EXPECT_EQ(read_chunked(bytes, piece_bytes).status, 400) << bytes;
    }
  }
}

TEST(BodyReader, BoundsTheBody) {
  EXPECT_EQ(read_chunked("64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n").status, 200);
  EXPECT_EQ(read_chunked("65\r\n").status, 413);
  EXPECT_EQ(read_chunked("63\r\n" + std::string(99, 'x') + "\r\n2\r\n").status, 413);
  EXPECT_EQ(read_chunked("ffffffffffffffff\r\n").status, 413);
  EXPECT_EQ(read_chunked("1\r\nx\r\nffffffffffffffff\r\n").status, 413);
}

TEST(BodyReader, BoundsExtensionsAndTrailers) {
  EXPECT_EQ(read_chunked("1;" + std::string(100, 'x')).status, 400);
  std::string many;
  for (int i = 0; i < 30; ++i) many += "1;xy\r\nz\r\n";
  EXPECT_EQ(read_chunked(many).status, 400);
  EXPECT_EQ(read_chunked("0\r\nX: " + std::string(100, 'x')).status, 431);
}

}  // namespace
}  // namespace quandex::server
