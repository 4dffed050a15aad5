// Expectations of refused requests.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "server/api/request_cases.h"

namespace quandex::server::testing {

inline void expect_chat_refusal(const Json& more, const std::string& param, const std::string& code,
                                const ModelFacts& model = capable_model()) {
  const auto refusal = chat_refusal(chat_body(more), model);
  ASSERT_TRUE(refusal) << more.dump();
  EXPECT_EQ(refusal->status, 400) << more.dump();
  EXPECT_EQ(refusal->param, param) << refusal->message;
  EXPECT_EQ(refusal->code, code) << refusal->message;
}

}  // namespace quandex::server::testing
