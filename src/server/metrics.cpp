#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <atomic>

namespace quandex::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

const Buckets kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};
const Buckets kTokenSeconds{0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10};

}  // namespace

struct Metrics::Impl {
  Family<Counter>& counters(const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry);
  }
  Counter& counter(const char* name, const char* help) { return counters(name, help).Add({}); }
  Gauge& gauge(const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }
  Histogram& histogram(const char* name, const char* help, const Buckets& buckets) {
    return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
  }

  prometheus::Registry registry;
  BandwidthFacts bandwidth;
  EngineCounters last;  // of the step before; of the engine's thread
  std::atomic<double> bandwidth_share{-1};

  Family<Counter>& requests = counters("http_requests_total", "Requests answered, by method, route and status");
  Family<Histogram>& request_seconds = BuildHistogram()
                                           .Name("http_request_duration_seconds")
                                           .Help("From the request's head to the end of its answer")
                                           .Register(registry);
  Gauge& in_flight = gauge("http_requests_in_flight", "Requests being answered");
  Gauge& connections = gauge("http_connections", "Open connections");

  Family<Counter>& generations = counters(
      "generation_requests_total", "Generations by outcome: stop, length, tool_calls, cancelled, error, rejected");
  Histogram& generation_seconds =
      histogram("generation_duration_seconds", "From a request to the end of its last choice", kSeconds);
  Histogram& first_token_seconds =
      histogram("time_to_first_token_seconds", "From a request to its first token", kSeconds);
  Histogram& gap_seconds = histogram("inter_token_latency_seconds", "Between two tokens of a choice", kTokenSeconds);

  Family<Counter>& tokens = counters("tokens_processed_total",
                                     "Tokens by type: prompt, cached (prompt tokens whose K/V was reused), generated");
  Counter& prompt_tokens = tokens.Add({{"type", "prompt"}});
  Counter& cached_tokens = tokens.Add({{"type", "cached"}});
  Counter& generated_tokens = tokens.Add({{"type", "generated"}});

  Gauge& running = gauge("sequences_running", "Sequences being computed");
  Gauge& waiting = gauge("sequences_waiting", "Sequences that wait for a place");
  Gauge& blocks_total = gauge("kv_cache_blocks_total", "Blocks of the K/V cache");
  Gauge& blocks_used = gauge("kv_cache_blocks_used", "Blocks held by running sequences");
  Gauge& blocks_cached = gauge("kv_cache_blocks_cached", "Blocks that only the prefix cache holds");
  Gauge& blocks_free = gauge("kv_cache_blocks_free", "Blocks that nobody holds");
  Counter& prefix_hits = counter("prefix_cache_hits_total", "Requests of whose prompt some K/V was reused");
  Counter& prefix_misses = counter("prefix_cache_misses_total", "Requests of whose prompt no K/V was reused");
  Counter& preemptions =
      counter("preemptions_total", "Sequences that gave their K/V blocks up to others, to be computed again");

  Counter& computed_tokens =
      counter("engine_computed_tokens_total", "Tokens that steps have computed, again ones included");
  Histogram& step_seconds = histogram("engine_step_duration_seconds", "Of one step of the engine", kTokenSeconds);
  Gauge& bandwidth_percent =
      gauge("memory_bandwidth_percent", "Of the measured bandwidth that the last decoding step used; -1: unknown");
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  for (const char* outcome : {"stop", "length", "tool_calls", "cancelled", "error", "rejected"})
    impl_->generations.Add({{"outcome", outcome}});  // there from the start, so that rates have a beginning
}

Metrics::~Metrics() = default;

void Metrics::set_bandwidth(const BandwidthFacts& facts) { impl_->bandwidth = facts; }

void Metrics::note_request(std::string_view method, std::string_view path, int status, double seconds) {
  const prometheus::Labels labels{{"method", std::string(method)}, {"path", std::string(path)}};
  impl_->request_seconds.Add(labels, kSeconds).Observe(seconds);
  prometheus::Labels with_status = labels;
  with_status["status"] = std::to_string(status);
  impl_->requests.Add(with_status).Increment();
}

void Metrics::note_generation(std::string_view outcome, double seconds) {
  impl_->generations.Add({{"outcome", std::string(outcome)}}).Increment();
  if (outcome != "rejected") impl_->generation_seconds.Observe(seconds);
}

void Metrics::note_first_token(double seconds) { impl_->first_token_seconds.Observe(seconds); }

void Metrics::note_gap(double seconds) { impl_->gap_seconds.Observe(seconds); }

void Metrics::note_tokens(uint64_t n_prompt, uint64_t n_cached, uint64_t n_generated) {
  impl_->prompt_tokens.Increment(static_cast<double>(n_prompt));
  impl_->cached_tokens.Increment(static_cast<double>(n_cached));
  impl_->generated_tokens.Increment(static_cast<double>(n_generated));
}

void Metrics::note_step(const EngineStatus& status, double seconds) {
  EngineCounters& before = impl_->last;
  const EngineCounters& now = status.counters;
  const auto grow = [](Counter& counter, uint64_t now, uint64_t before) {
    counter.Increment(static_cast<double>(now - before));
  };
  if (now.n_steps > before.n_steps) impl_->step_seconds.Observe(seconds);
  grow(impl_->computed_tokens, now.n_computed_tokens, before.n_computed_tokens);
  grow(impl_->preemptions, now.n_preemptions, before.n_preemptions);
  grow(impl_->prefix_hits, now.n_prefix_hits, before.n_prefix_hits);
  grow(impl_->prefix_misses, now.n_prefix_queries - now.n_prefix_hits, before.n_prefix_queries - before.n_prefix_hits);
  const uint64_t n_computed = now.n_computed_tokens - before.n_computed_tokens;
  const uint64_t n_sampled = now.n_sampled_tokens - before.n_sampled_tokens;
  if (impl_->bandwidth.roof_bytes_per_second > 0 && n_computed > 0 && n_computed == n_sampled) {  // decoding alone
    const double bytes =
        impl_->bandwidth.weight_bytes + impl_->bandwidth.kv_bytes_per_block * static_cast<double>(status.n_used_blocks);
    impl_->bandwidth_share = 100 * bytes / seconds / impl_->bandwidth.roof_bytes_per_second;
  }
  before = now;
}

std::string Metrics::text(const EngineThreadStatus& engine, const HttpCounters& http) {
  impl_->in_flight.Set(http.n_in_flight);
  impl_->connections.Set(http.n_open);
  impl_->running.Set(engine.engine.n_running);
  impl_->waiting.Set(engine.engine.n_waiting + engine.n_unread);
  impl_->blocks_total.Set(engine.engine.n_kv_blocks);
  impl_->blocks_used.Set(engine.engine.n_used_blocks);
  impl_->blocks_cached.Set(engine.engine.n_cached_blocks);
  impl_->blocks_free.Set(engine.engine.n_free_blocks);
  impl_->bandwidth_percent.Set(impl_->bandwidth_share);
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

std::string_view Metrics::content_type() { return "text/plain; version=0.0.4; charset=utf-8"; }

}  // namespace quandex::server
