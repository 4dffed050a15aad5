// What the server answers: routes, keys, and the way from a request to the engine and back. It can be asked from the
// moment that it exists; until a model is there it says that it is loading.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_keys.h"
#include "server/engine_thread.h"
#include "server/generation.h"
#include "server/http/http_message.h"
#include "server/http/http_server.h"
#include "server/metrics.h"
#include "server/served_model.h"
#include "server/work_pool.h"

namespace quandex::server {

struct ApiOptions {
  ApiKeys keys;
  std::vector<std::string> cors_origins;  // "*": any; none: pages of other origins get nothing
  bool is_lenient = false;
  bool logs_prompts = false;
  int n_workers = 4;    // one of them is kept for short tasks
  std::string version;  // of the program
};

// Everything behind the routes once the model is loaded; all of it must outlive the server.
struct ServedParts {
  const ServedModel* model = nullptr;
  EngineThread* engine = nullptr;
};

struct Route;

class ApiServer final : public HttpHandler {
 public:
  ApiServer(ApiOptions options, Metrics& metrics);
  ~ApiServer() override;

  // Where /metrics and /health read the connections from.
  void set_http(const HttpServer* http) { http_ = http; }

  void serve(const ServedParts& parts);  // the model is there
  void drain() { is_draining_ = true; }  // no more generations

  // Waits for the handlers that are at work; there are none from here on. After the HTTP server has stopped, and before
  // the model and the engine go.
  void stop() { work_.stop(); }

  std::optional<Response> check_head(const RequestHead& head) override;
  void handle(std::shared_ptr<Exchange> exchange) override;
  Response refusal(const RequestHead& head, int status, std::string_view reason) override;
  void finished(const RequestHead& head, int status, uint64_t sent_bytes, double seconds) override;

 private:
  friend struct Route;
  using Clock = std::chrono::steady_clock;
  struct Call;  // a request on its way through a route

  static const std::vector<Route>& routes();
  const Route* find_route(std::string_view method, std::string_view path) const;
  static std::string allowed_methods(std::string_view path);  // "" where there is nothing
  std::optional<Response> check(const RequestHead& head) const;
  void run(const Route& route, std::shared_ptr<Exchange> exchange, Clock::time_point received);
  void add_cors(const RequestHead& head, Headers& headers) const;
  Response preflight(const RequestHead& head) const;
  uint64_t client_of(const RequestHead& head) const;
  RequestOptions request_options() const { return {options_.is_lenient}; }

  void chat_completions(Call& call);
  void completions(Call& call);
  void models(Call& call);
  void model(Call& call);
  void tokenize(Call& call);
  void detokenize(Call& call);
  void apply_template(Call& call);
  void health(Call& call);
  void metrics(Call& call);
  void openapi(Call& call);
  void page(Call& call);

  const ApiOptions options_;
  Metrics& metrics_;
  const HttpServer* http_ = nullptr;
  ServedParts parts_;
  std::atomic<bool> is_ready_{false}, is_draining_{false};
  WorkPool work_;
};

}  // namespace quandex::server
