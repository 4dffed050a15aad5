#!/usr/bin/env python3
"""Writes the seeds of fuzz/http_front_fuzzer: what clients send, well formed and not. usage: make_http_corpus.py"""

from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "fuzz/corpus/http_front"

GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

SEEDS = {
    "get": GET,
    "curl": "GET /v1/models?x=1 HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n",
    "pipelined": GET + "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
    "post": 'POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a": 12}',
    "chunked": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0A\r\n0123456789\r\n"
               "0\r\nTrailer: x\r\n\r\n" + GET,
    "chunked_too_long": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    "expect": "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    "stream": "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + GET,
    "stream_1_0": "POST /s HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    "head_stream": "HEAD /s HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
    "http_1_0": "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "no_content": "GET /204 HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
    "not_found": "GET /n HTTP/1.1\r\nHost: a\r\n\r\n" + "POST /n HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    "let_go": "GET /d HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
    "throws": "GET /t HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
    "absolute": "GET http://[::1]:80/a%2Fb?c HTTP/1.1\r\nHost: a\r\nX-Request-Id: abc-1\r\n\r\n",
    "options": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "no_host": "GET / HTTP/1.1\r\n\r\n",
    "two_lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "smuggled": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
    "gzip": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "folded": "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "bare_line_feed": "GET / HTTP/1.1\nHost: a\n\n",
    "zero_byte": "GET /%00 HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "http_2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    "long_target": "GET /" + "a" * 2000 + " HTTP/1.1\r\n",
    "half": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nhalf of",
}


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, seed in SEEDS.items():
        (CORPUS / f"{name}.request").write_bytes(seed.encode("latin-1"))


if __name__ == "__main__":
    main()
