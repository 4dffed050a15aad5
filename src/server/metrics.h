// What the server counts, in Prometheus' text format. Counters and histograms grow where things happen, on any thread;
// gauges are read when somebody asks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "server/engine_thread.h"
#include "server/http/http_server.h"

namespace quandex::server {

// What a decoding step reads at least, and what the machine can read: for the share of the memory's bandwidth.
struct BandwidthFacts {
  double weight_bytes = 0;  // that a step of one token reads
  double kv_bytes_per_block = 0;
  double roof_bytes_per_second = 0;  // 0: not measured; no share is reported then
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Before the first step.
  void set_bandwidth(const BandwidthFacts& facts);

  // `path` is a route, never what the client wrote: every value of a label is kept for ever.
  void note_request(std::string_view method, std::string_view path, int status, double seconds);

  // How a generation ended: a finish reason, "cancelled", "error" or "rejected".
  void note_generation(std::string_view outcome, double seconds);
  void note_first_token(double seconds);  // since the request had been read
  void note_gap(double seconds);          // between two tokens of a choice
  void note_tokens(uint64_t n_prompt, uint64_t n_cached, uint64_t n_generated);

  // On the engine's thread.
  void note_step(const EngineStatus& status, double seconds);

  std::string text(const EngineThreadStatus& engine, const HttpCounters& http);
  static std::string_view content_type();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quandex::server
