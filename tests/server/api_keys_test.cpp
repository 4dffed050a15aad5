#include "server/api_keys.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "support/temporary_folder.h"

namespace quandex::server {
namespace {

TEST(ApiKeys, NoneIsOpenToEverybody) {
  EXPECT_TRUE(ApiKeys().is_open());
  EXPECT_FALSE(ApiKeys({"secret"}).is_open());
}

TEST(ApiKeys, AreFoundBehindTheSchemeWhateverItsCase) {
  const ApiKeys keys({"first", "second"});
  EXPECT_EQ(keys.find("Bearer second"), 1u);
  EXPECT_EQ(keys.find("bearer  first "), 0u);
  EXPECT_EQ(keys.find("BEARER first"), 0u);
}

TEST(ApiKeys, AnythingElseIsNone) {
  const ApiKeys keys({"secret"});
  EXPECT_EQ(keys.find(std::nullopt), std::nullopt);
  for (const char* wrong : {"", "secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Bearer Secret",
                            "Basic secret", "Bearersecret", "Bearer secret x", "Bearer secretsecret"})
    EXPECT_EQ(keys.find(wrong), std::nullopt) << wrong;
}

TEST(ApiKeys, EqualTextsAreEqual) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abcabc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("", "a"));
  EXPECT_FALSE(equal_in_constant_time("a", ""));
}

TEST(ApiKeys, AFileHasOneALine) {
  const TemporaryFolder folder("api_keys");
  const std::string path = (folder.path() / "keys").string();
  std::ofstream(path) << "# who may\n\nfirst\r\nsecond";
  EXPECT_EQ(ApiKeys::read_file(path), (std::vector<std::string>{"first", "second"}));
}

TEST(ApiKeys, ABadFileIsRefusedWithoutShowingTheKey) {
  const TemporaryFolder folder("api_keys");
  const std::string path = (folder.path() / "keys").string();
  const auto message_of = [&] {
    try {
      ApiKeys::read_file(path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message_of().find("cannot be read"), std::string::npos);
  std::ofstream(path) << "# none\n";
  EXPECT_NE(message_of().find("found no API key"), std::string::npos);
  std::ofstream(path) << "good\nwith space\n";
  EXPECT_NE(message_of().find("line 2"), std::string::npos);
  EXPECT_EQ(message_of().find("with space"), std::string::npos);
}

}  // namespace
}  // namespace quandex::server
