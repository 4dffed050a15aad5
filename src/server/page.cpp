#include <fmt/format.h>

#include "server/routes.h"

namespace quandex::server {
namespace {

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 "
    "1rem;color:#1b1f24;background:#fff}"
    "h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}"
    "pre{background:#f4f5f7;padding:.8rem 1rem;border-radius:6px;overflow-x:auto;font-size:.85rem}"
    "code{font-family:ui-monospace,monospace;font-size:.9em}table{border-collapse:collapse;width:100%}"
    "td{padding:.3rem .8rem .3rem 0;border-top:1px solid #e3e5e8;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#14171a}pre{background:#1f2428}"
    "td{border-color:#2c3238}a{color:#7ab7ff}}";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string model_section(const ServedModel* model) {
  if (!model) return "<p>The model is still loading.</p>";
  const ModelDescription& about = model->description();
  return fmt::format(
      "<p>Serves <code>{}</code>: {}, {}, a context of {} tokens, up to {} requests at once, on {} ({}).</p>",
      escaped(model->facts().id), escaped(about.architecture), escaped(about.format), model->facts().n_ctx,
      about.max_sequences, escaped(about.backend), escaped(about.device));
}

std::string example_section(const ServedModel* model, const std::string& base, bool needs_key) {
  const bool is_chat = !model || model->facts().has_template;
  const std::string_view key = needs_key ? "  -H 'Authorization: Bearer KEY' \\\n" : "";
  const std::string curl = fmt::format(
      "curl {}/v1/{} \\\n{}  -H 'Content-Type: application/json' \\\n  -d '{{{}, \"stream\": true}}'", base,
      is_chat ? "chat/completions" : "completions", key,
      is_chat ? "\"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]" : "\"prompt\": \"Once upon a time\"");
  const std::string python = fmt::format(
      "from openai import OpenAI\n\nclient = OpenAI(base_url=\"{}/v1\", api_key=\"{}\")\n"
      "answer = client.{}\nprint(answer.choices[0].{})",
      base, needs_key ? "KEY" : "none",
      is_chat
          ? "chat.completions.create(\n    model=\"default\", messages=[{\"role\": \"user\", \"content\": \"Hello!\"}])"
          : "completions.create(model=\"default\", prompt=\"Once upon a time\")",
      is_chat ? "message.content" : "text");
  return fmt::format("<h2>Call it</h2><pre>{}</pre><pre>{}</pre>", escaped(curl), escaped(python));
}

}  // namespace

std::string page_html(const ServedModel* model, const std::vector<Route>& routes, const RequestHead& head,
                      bool needs_key) {
  const std::string base = fmt::format("http://{}", head.header("host").value_or("127.0.0.1"));
  std::string rows;
  for (const Route& route : routes) {
    const std::string_view path = route.path;
    const bool is_page = route.method == "GET" && !path.ends_with('/') && (route.is_open || !needs_key);
    const std::string shown = fmt::format("{}{}", path, path.size() > 1 && path.ends_with('/') ? "{model}" : "");
    rows += fmt::format(
        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>", route.method,
        is_page ? fmt::format("<a href=\"{0}\"><code>{0}</code></a>", shown) : fmt::format("<code>{}</code>", shown),
        escaped(route.description));
  }
  return fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Quandex</title><style>{}</style>"
      "</head><body><h1>Quandex</h1>{}{}<h2>What there is</h2><table>{}</table></body></html>\n",
      kStyle, model_section(model), example_section(model, base, needs_key), rows);
}

}  // namespace quandex::server
