// The routes, in one table: what is served, to whom, and by which function. For api_server and the page alone.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_server.h"

namespace quandex::server {

// A request on its way through a route. `model` and `engine` are there where the route needs them.
struct ApiServer::Call {
  std::shared_ptr<Exchange> exchange;
  const ServedModel* model = nullptr;
  EngineThread* engine = nullptr;
  std::string_view rest;  // of the path, behind the route's
  Headers headers;        // of the answer, so far
  std::chrono::steady_clock::time_point received;

  const RequestHead& head() const { return exchange->head(); }
  Json body() const { return parse_body(exchange->body()); }
  void warn(const std::vector<std::string>& warnings);  // in headers: fields that were ignored
  void answer(const Json& json) const;
  void answer(std::string_view content_type, std::string body, int status = 200) const;
};

struct Route {
  std::string_view method, path;  // a path that ends in '/' takes what follows it, too
  bool is_open = false;           // needs no key
  bool needs_model = true;
  bool is_slow = false;  // runs on the work pool
  std::string_view description;
  void (ApiServer::*run)(ApiServer::Call& call);

  bool matches(std::string_view target) const;
};

// The page that `/` shows: what is served and how to call it.
std::string page_html(const ServedModel* model, const std::vector<Route>& routes, const RequestHead& head,
                      bool needs_key);

}  // namespace quandex::server
