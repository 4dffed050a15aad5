#include "server/api/api_error.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace quandex::server {
namespace {

TEST(ApiError, has_openais_shape_with_nulls_where_nothing_is_known) {
  const ApiError error(404, "no such thing");
  EXPECT_EQ(error_body(error), Json::parse(R"({"error": {"message": "no such thing", "type": "invalid_request_error",
                                                         "param": null, "code": null}})"));
}

TEST(ApiError, statuses_say_whose_fault_it_is) {
  for (const int status : {400, 404, 413, 499}) EXPECT_EQ(ApiError(status, "a").type, "invalid_request_error");
  for (const int status : {500, 501, 503}) EXPECT_EQ(ApiError(status, "a").type, "server_error");
}

TEST(ApiError, carries_param_code_and_headers) {
  ApiError error(503, "busy");
  error.with_param("n").with_code("overloaded").with_header("retry-after", "2");
  const Response response = error_response(error);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers, (Headers{{"retry-after", "2"}, {"content-type", "application/json"}}));
  EXPECT_EQ(Json::parse(response.body), Json::parse(R"({"error": {"message": "busy", "type": "server_error",
                                                                  "param": "n", "code": "overloaded"}})"));
}

TEST(ApiError, text_that_is_no_utf8_can_be_sent) {
  const ApiError error = ApiError(400, "found \xFF\xC0").with_param("\xED\xA0\x80").with_code("a");
  const Json body = Json::parse(error_response(error).body);
  EXPECT_EQ(body["error"]["message"], "found \xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(ApiErrorOf, what_the_request_asked_for_is_400_and_what_the_machine_lacks_500_without_details) {
  const ApiError asked = api_error_of(Error(ErrorCode::invalid_argument, "top_p: 2 is not in range"));
  EXPECT_EQ(asked.status, 400);
  EXPECT_STREQ(asked.what(), "top_p: 2 is not in range");
  EXPECT_EQ(asked.type, "invalid_request_error");
  for (const ErrorCode code :
       {ErrorCode::io, ErrorCode::device, ErrorCode::out_of_memory, ErrorCode::invalid_file, ErrorCode::not_found}) {
    const ApiError error = api_error_of(Error(code, "cannot read /secret/folder/model.gguf"));
    EXPECT_EQ(error.status, 500);
    EXPECT_EQ(error.type, "server_error");
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
  }
}

TEST(ApiErrorOf, a_template_fails_for_its_messages_and_shows_no_folders) {
  const ApiError error = template_error_of(
      Error(ErrorCode::invalid_file, "tokenizer.chat_template of /a/b/model.gguf: line 3 ('/c/d.jinja'): found none"));
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.param, "messages");
  EXPECT_STREQ(error.what(),
               "the chat template cannot render these messages: tokenizer.chat_template of model.gguf: line 3 "
               "('d.jinja'): found none");
  EXPECT_EQ(template_error_of(Error(ErrorCode::out_of_memory, "a")).status, 500);
}

}  // namespace
}  // namespace quandex::server
