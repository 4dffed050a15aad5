#include "server/api/generation_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/shown.h"

namespace quandex::server {
namespace {

void read_real(const Json& body, std::string_view name, float& value) {
  if (const Json* found = given(body, name)) value = static_cast<float>(found->get<double>());
}

void read_repetition_penalty(const Json& body, SamplingParams& sampling) {
  const Json* value = given(body, "repetition_penalty");
  const Json* other = given(body, "repeat_penalty");
  if (value && other && *value != *other)
    throw field_error(
        "repeat_penalty", "invalid_value",
        fmt::format("found {} beside repetition_penalty {}, expected one of the two", other->dump(), value->dump()));
  if (!value) value = other;
  if (value) sampling.repeat_penalty = static_cast<float>(value->get<double>());
}

void read_sampling(const Json& body, SamplingParams& sampling) {
  read_real(body, "temperature", sampling.temperature);
  read_real(body, "min_p", sampling.min_p);
  read_real(body, "frequency_penalty", sampling.frequency_penalty);
  read_real(body, "presence_penalty", sampling.presence_penalty);
  read_repetition_penalty(body, sampling);
  if (const Json* top_k = given(body, "top_k")) sampling.top_k = std::max(top_k->get<int>(), 0);
  read_real(body, "top_p", sampling.top_p);
  if (sampling.top_p == 0) {  // nothing but the likeliest, in the words of the sampler
    sampling.top_p = 1;
    sampling.top_k = 1;
  }
}

void read_stop(const Json& body, std::vector<std::string>& stop) {
  const Json* value = given(body, "stop");
  if (!value) return;
  if (value->is_string())
    stop.push_back(value->get<std::string>());
  else
    for (const Json& text : *value) stop.push_back(text.get<std::string>());
}

void read_logit_bias(const Json& body, const ModelFacts& model, std::vector<LogitBias>& biases) {
  const Json* value = given(body, "logit_bias");
  if (!value) return;
  const Path root;
  const Path at = root.member("logit_bias");
  biases.reserve(value->size());
  for (const auto& [key, bias] : value->items()) {
    int64_t id = -1;
    const char* const end = key.data() + key.size();
    const bool is_canonical = !key.empty() && (key.size() == 1 || key[0] != '0');  // "7" and "07" would be one token
    const auto parsed = std::from_chars(key.data(), end, id);
    if (!is_canonical || parsed.ec != std::errc() || parsed.ptr != end || id < 0)
      throw field_error(at.member(key).text(), "invalid_value",
                        fmt::format("found the key \"{}\", expected a token id in decimal digits", shown(key)));
    check_token_id(id, model, at.member(key));
    biases.push_back({static_cast<int32_t>(id), static_cast<float>(bias.get<double>())});
  }
  const auto is_ban = [](const LogitBias& bias) { return bias.bias <= kBannedBias; };
  if (std::ranges::count_if(biases, is_ban) >= model.n_vocab)
    throw field_error("logit_bias", "invalid_value", "bans every token");
}

void read_stream(const Json& body, GenerationRequest& request) {
  request.is_stream = read_flag(body, "stream", false);
  const Json* options = given(body, "stream_options");
  if (!options) return;
  if (!request.is_stream) throw field_error("stream_options", "invalid_value", "is only allowed where stream is true");
  request.stream_options.include_usage = read_flag(*options, "include_usage", false);
}

}  // namespace

void check_body(const Json& body, const Table& table, const ModelFacts& model, const RequestOptions& options,
                std::vector<std::string>& warnings) {
  if (!body.is_object())
    throw ApiError(400, fmt::format("the body: found {}, expected an object", found_text(body)))
        .with_code("invalid_type");
  check_model(body, model);
  check_object(body, table, {}, options.is_lenient, warnings);
}

void read_generation(const Json& body, const ModelFacts& model, GenerationRequest& request) {
  request.sampling = model.sampling;
  read_sampling(body, request.sampling);
  if (const Json* seed = given(body, "seed")) {
    request.has_seed = true;
    request.sampling.seed = static_cast<uint64_t>(seed->get<int64_t>());
  }
  if (const Json* n = given(body, "n")) request.n = n->get<int>();
  read_stop(body, request.stop);
  read_logit_bias(body, model, request.logit_bias);
  read_stream(body, request);
  if (const Json* priority = given(body, "priority")) request.priority = priority->get<int>();
  request.ignore_eos = read_flag(body, "ignore_eos", false);
}

bool read_flag(const Json& object, std::string_view name, bool otherwise) {
  const Json* value = given(object, name);
  return value ? value->get<bool>() : otherwise;
}

int clamped(const Json& value) {
  return static_cast<int>(std::min<int64_t>(value.get<int64_t>(), std::numeric_limits<int>::max()));
}

void check_token_id(int64_t id, const ModelFacts& model, const Path& path) {
  if (id >= 0 && id < model.n_vocab) return;
  throw field_error(path.text(), "invalid_value",
                    fmt::format("found the token id {}, expected one of this model's, 0 to {}", id, model.n_vocab - 1));
}

}  // namespace quandex::server
