// The routes that tell how the server is. They wait for nobody.
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "base/shown.h"
#include "server/api/api_error.h"
#include "server/api/openapi.h"
#include "server/routes.h"

namespace quandex::server {

void ApiServer::models(Call& call) { call.answer({{"object", "list"}, {"data", Json::array({call.model->card()})}}); }

void ApiServer::model(Call& call) {
  check_model_name(call.rest, call.model->facts());
  call.answer(call.model->card());
}

void ApiServer::health(Call& call) {
  if (!call.model) return call.answer("application/json", Json{{"status", "loading"}}.dump(), 503);
  const ModelDescription& about = call.model->description();
  const EngineThreadStatus status = call.engine->status();
  const bool is_draining = is_draining_;
  Json answer{{"status", is_draining         ? "draining"
                         : status.has_failed ? "degraded"
                                             : "ok"},
              {"model", call.model->facts().id},
              {"backend", about.backend},
              {"device", about.device},
              {"gpu", nullptr},
              {"metal_backend_ready", false},
              {"vocab_size", call.model->facts().n_vocab},
              {"model_dim", about.dim},
              {"seq_len", call.model->facts().n_ctx},
              {"fallbacks", Json::array()}};
  if (status.has_failed) answer["reason"] = "the last step of the engine failed; the log says why";
  answer["memory"] = {{"weights_bytes", about.weight_bytes},
                      {"kv_bytes", about.kv_bytes},
                      {"scratch_bytes", about.scratch_bytes},
                      {"machine_bytes", describe_memory().total_bytes}};
  answer["kv_blocks"] = {{"total", status.engine.n_kv_blocks},
                         {"used", status.engine.n_used_blocks},
                         {"cached", status.engine.n_cached_blocks},
                         {"free", status.engine.n_free_blocks}};
  answer["sequences"] = {{"running", status.engine.n_running},
                         {"waiting", status.engine.n_waiting + status.n_unread},
                         {"most_running", about.max_sequences}};
  call.answer("application/json", answer.dump(-1, ' ', false, Json::error_handler_t::replace), is_draining ? 503 : 200);
}

void ApiServer::metrics(Call& call) {
  const EngineThreadStatus engine = call.engine ? call.engine->status() : EngineThreadStatus{};
  call.answer(Metrics::content_type(), metrics_.text(engine, http_ ? http_->counters() : HttpCounters{}));
}

void ApiServer::openapi(Call& call) { call.answer(openapi_document(call.model->facts(), options_.version)); }

void ApiServer::page(Call& call) {
  call.answer("text/html; charset=utf-8", page_html(call.model, routes(), call.head(), !options_.keys.is_open()));
}

}  // namespace quandex::server
