// What chat and text completions share, and what all bodies do. Bodies have passed their tables here.
#pragma once

#include "base/json.h"
#include "server/api/request_check.h"
#include "server/api/requests.h"

namespace quandex::server {

// The body has this model and these fields, or ApiError. Adds to `warnings` what lenient lets pass.
void check_body(const Json& body, const Table& table, const ModelFacts& model, const RequestOptions& options,
                std::vector<std::string>& warnings);

// Sampling, choices, stop texts, biases, streaming, priority. Throws ApiError.
void read_generation(const Json& body, const ModelFacts& model, GenerationRequest& request);

// The member's boolean, or `otherwise` where it is not given.
bool read_flag(const Json& object, std::string_view name, bool otherwise);

// Whole and not negative; what no int can hold is as good as the largest.
int clamped(const Json& value);

// Throws ApiError where the id at `path` is none of the model's.
void check_token_id(int64_t id, const ModelFacts& model, const Path& path);

}  // namespace quandex::server
