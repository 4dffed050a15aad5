#include "text/hf_vocabulary.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "text/test_vocabularies.h"
#include "text/tokenizer.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;
using testing::Ids;

const fs::path kFixtures = QUANDEX_TEST_FIXTURES "/hf_tokenizers";

// A copy of a fixture's folder, changed by the test.
class HfFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(::testing::TempDir()) / (std::string("hf_") + info->name());
    fs::remove_all(folder_);
    use("llama3");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void use(const std::string& fixture) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const auto& entry : fs::directory_iterator(kFixtures / fixture)) fs::copy(entry.path(), folder_);
  }
  void write(const std::string& name, std::string_view text) { std::ofstream(folder_ / name) << text; }
  void edit(const std::string& name, const std::function<void(Json&)>& change) {
    Json json = read_json_file(folder_ / name);
    change(json);
    write(name, json.dump());
  }
  Metadata read(int n_vocab = 0) {
    Metadata metadata("test");
    add_hf_vocabulary(folder_, n_vocab, metadata);
    return metadata;
  }
  // The message of the error, without the folder.
  std::string error(ErrorCode code = ErrorCode::unsupported, int n_vocab = 0) {
    try {
      read(n_vocab);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      std::string message = error.what();
      if (const size_t at = message.find(folder_.string()); at == 0) message.erase(0, folder_.string().size());
      return message;
    }
    return "no error";
  }

  fs::path folder_;
};

int32_t id_of(const Metadata& metadata, std::string_view text) {
  return make_tokenizer(metadata)->find(text).value_or(-1);
}

TEST_F(HfFolderTest, a_folder_without_a_tokenizer_names_the_files_looked_for) {
  fs::remove(folder_ / "tokenizer.json");
  EXPECT_EQ(error(ErrorCode::not_found), ": no tokenizer: neither tokenizer.json nor tokenizer.model is there");
  write("tekken.json", "{}");
  EXPECT_EQ(
      error(ErrorCode::not_found),
      ": no tokenizer: neither tokenizer.json nor tokenizer.model is there, found tekken.json, which is not read");
  write("tokenizer.model", "IQ== 0\nIg== 1\n");
  EXPECT_EQ(error(), "/tokenizer.model: found tiktoken's list of ranks, expected SentencePiece, or a tokenizer.json");
}

TEST_F(HfFolderTest, several_ids_that_end_a_generation_all_stop_it) {
  write("generation_config.json", R"({"eos_token_id": [3, 5]})");
  write("config.json", R"({"eos_token_id": 7})");
  const Metadata metadata = read();
  const int32_t eos = id_of(metadata, "<|eot_id|>");
  EXPECT_EQ(metadata.integer("tokenizer.ggml.eos_token_id"), eos);
  const auto stops = make_tokenizer(metadata)->special().stop_ids;
  for (const int32_t id : {eos, 3, 5}) EXPECT_NE(std::ranges::find(stops, id), stops.end()) << id;
  EXPECT_EQ(std::ranges::find(stops, 7), stops.end());  // generation_config.json is there
  EXPECT_EQ(metadata.array("quandex.eos_token_ids")->element, MetaType::i32);
}

TEST_F(HfFolderTest, recommended_sampling_becomes_the_keys_of_gguf) {
  write("generation_config.json",
        R"({"do_sample": true, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.05})");
  const Metadata metadata = read();
  EXPECT_EQ(metadata.real("general.sampling.temp"), 0.6f);
  EXPECT_EQ(metadata.real("general.sampling.top_p"), 0.95f);
  EXPECT_EQ(metadata.integer("general.sampling.top_k"), 20);
  EXPECT_EQ(metadata.real("general.sampling.penalty_repeat"), 1.05f);
  EXPECT_FALSE(metadata.has("general.sampling.min_p"));
  write("generation_config.json", R"({"temperature": 0.6})");  // not where it says nothing of sampling
  EXPECT_FALSE(read().has("general.sampling.temp"));
  write("generation_config.json", R"({"do_sample": true, "top_k": -3})");
  EXPECT_EQ(error(ErrorCode::invalid_file), "/generation_config.json: top_k is -3, expected 0 (off) or more");
}

TEST_F(HfFolderTest, one_id_that_ends_a_generation_needs_no_list) {
  const int32_t eos = id_of(read(), "<|eot_id|>");
  write("generation_config.json", Json{{"eos_token_id", eos}}.dump());
  EXPECT_FALSE(read().has("quandex.eos_token_ids"));
  write("generation_config.json", R"({"eos_token_id": 100000})");
  EXPECT_TRUE(error(ErrorCode::invalid_file)
                  .starts_with("/generation_config.json: eos_token_id is 100000, expected an id below"));
}

TEST_F(HfFolderTest, ids_in_config_serve_where_the_tokenizer_names_no_token) {
  write("tokenizer_config.json", "{}");
  write("config.json", R"({"bos_token_id": 3, "eos_token_id": [4, 5], "pad_token_id": 1000000})");
  const Metadata metadata = read();
  EXPECT_EQ(metadata.integer("tokenizer.ggml.bos_token_id"), id_of(metadata, "<s>"));  // of the post-processor
  EXPECT_EQ(metadata.integer("tokenizer.ggml.eos_token_id"), 4);
  EXPECT_FALSE(metadata.has("tokenizer.ggml.padding_token_id"));
}

TEST_F(HfFolderTest, special_tokens_map_serves_where_the_config_names_no_token) {
  write("tokenizer_config.json", "{}");
  write("special_tokens_map.json", R"({"eos_token": {"content": "</s>", "lstrip": false}, "pad_token": "<|user|>"})");
  const Metadata metadata = read();
  EXPECT_EQ(metadata.integer("tokenizer.ggml.eos_token_id"), id_of(metadata, "</s>"));
  EXPECT_EQ(metadata.integer("tokenizer.ggml.padding_token_id"), id_of(metadata, "<|user|>"));
}

TEST_F(HfFolderTest, bos_and_eos_go_where_the_config_says_else_where_the_post_processor_does) {
  EXPECT_TRUE(read().boolean("tokenizer.ggml.add_bos_token", false));
  EXPECT_FALSE(read().boolean("tokenizer.ggml.add_eos_token", true));
  edit("tokenizer_config.json", [](Json& json) { json["add_bos_token"] = false, json["add_eos_token"] = true; });
  EXPECT_FALSE(read().boolean("tokenizer.ggml.add_bos_token", true));
  EXPECT_TRUE(read().boolean("tokenizer.ggml.add_eos_token", false));
}

TEST_F(HfFolderTest, the_post_processor_keeps_its_token_where_the_config_names_another) {
  use("llama3");
  const auto ids = make_tokenizer(read())->encode_prompt("a", true);
  edit("tokenizer_config.json", [](Json& json) { json["bos_token"] = "</s>"; });
  const Metadata metadata = read();
  EXPECT_EQ(metadata.integer("tokenizer.ggml.bos_token_id"), id_of(metadata, "</s>"));
  EXPECT_NE(ids.front(), id_of(metadata, "</s>"));
  EXPECT_EQ(make_tokenizer(metadata)->encode_prompt("a", true), ids);
}

TEST_F(HfFolderTest, named_chat_templates_have_keys_of_their_own) {
  const Metadata metadata = read();
  EXPECT_EQ(metadata.string("tokenizer.chat_template"), "{{ bos_token }}");
  EXPECT_EQ(metadata.string("tokenizer.chat_template.tool_use"), "{{ tools }}");
  EXPECT_EQ(*metadata.strings("tokenizer.chat_templates"), std::vector<std::string>{"tool_use"});
}

TEST_F(HfFolderTest, template_files_win_over_the_config) {
  write("chat_template.json", R"({"chat_template": "of json"})");
  EXPECT_EQ(read().string("tokenizer.chat_template"), "of json");
  write("chat_template.jinja", "of jinja");
  fs::create_directories(folder_ / "additional_chat_templates");
  write("additional_chat_templates/rag.jinja", "of rag");
  EXPECT_EQ(read().string("tokenizer.chat_template"), "of jinja");
  EXPECT_EQ(read().string("tokenizer.chat_template.rag"), "of rag");
  write("chat_template.jinja", "\xFF");
  EXPECT_EQ(error(ErrorCode::invalid_file),
            "/chat_template.jinja: found bytes that are no UTF-8, expected a chat template");
}

TEST_F(HfFolderTest, tokens_are_padded_to_the_rows_of_the_embedding) {
  const int n_tokens = make_tokenizer(read())->n_vocab();
  const Metadata metadata = read(n_tokens + 2);
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_EQ(tokenizer->n_vocab(), n_tokens + 2);
  EXPECT_EQ(tokenizer->token_text(n_tokens + 1), fmt::format("[PAD{}]", n_tokens + 1));
  EXPECT_EQ(metadata.array("tokenizer.ggml.token_type")->integer(static_cast<size_t>(n_tokens)), 5);
}

TEST_F(HfFolderTest, holes_between_ids_are_padded) {
  edit("tokenizer.json", [](Json& json) {
    Json token = json["added_tokens"][0];
    token["id"] = token["id"].get<int>() + 20, token["content"] = "<far>";
    json["added_tokens"].push_back(token);
  });
  const auto tokenizer = make_tokenizer(read());
  EXPECT_EQ(tokenizer->token_text(tokenizer->n_vocab() - 2), fmt::format("[PAD{}]", tokenizer->n_vocab() - 2));
  EXPECT_EQ(tokenizer->encode("<far>", true), Ids{tokenizer->n_vocab() - 1});
}

TEST_F(HfFolderTest, a_vocabulary_beyond_the_embedding_does_not_belong_to_it) {
  EXPECT_NE(error(ErrorCode::invalid_file, 300)
                .find("expected one below 300, the rows of the embedding: tokenizer and "
                      "model do not belong together"),
            std::string::npos);
}

TEST_F(HfFolderTest, added_tokens_beyond_the_embedding_are_left_out) {
  const int32_t first = id_of(read(), "<s>");
  const Metadata metadata = read(first + 3);  // <s>, </s> and <|eot_id|> have rows
  EXPECT_EQ(make_tokenizer(metadata)->n_vocab(), first + 3);
  EXPECT_EQ(id_of(metadata, "<note>"), -1);
}

TEST_F(HfFolderTest, tokens_of_the_config_are_added_to_those_of_the_tokenizer) {
  const int n_tokens = make_tokenizer(read())->n_vocab();
  edit("tokenizer_config.json", [&](Json& json) {
    json["added_tokens_decoder"] = {{std::to_string(n_tokens), {{"content", "<new>"}, {"special", true}}},
                                    {std::to_string(n_tokens + 1), {{"content", "<plain>"}, {"special", false}}}};
  });
  write("added_tokens.json", Json{{"<old>", n_tokens + 2}}.dump());
  const auto tokenizer = make_tokenizer(read());
  EXPECT_EQ(tokenizer->encode("<new><plain><old>", true), (Ids{n_tokens, n_tokens + 1, n_tokens + 2}));
  EXPECT_TRUE(tokenizer->is_control(n_tokens));
  EXPECT_FALSE(tokenizer->is_control(n_tokens + 1));
  EXPECT_TRUE(tokenizer->is_control(n_tokens + 2));
}

TEST_F(HfFolderTest, merges_may_be_texts_or_pairs) {
  const std::vector<std::string> merges = *read().strings("tokenizer.ggml.merges");
  edit("tokenizer.json", [](Json& json) {
    for (Json& merge : json["model"]["merges"]) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  });
  EXPECT_EQ(*read().strings("tokenizer.ggml.merges"), merges);
  edit("tokenizer.json", [](Json& json) { json["model"]["merges"][1] = "a b c"; });
  EXPECT_EQ(error(ErrorCode::invalid_file),
            "/tokenizer.json: model.merges[1] is \"a b c\", expected two tokens with a space between");
}

TEST_F(HfFolderTest, a_pattern_of_no_rule_is_kept_as_the_stages_of_the_file) {
  edit("tokenizer.json", [&](Json& json) { json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[lt]|."; });
  const Metadata metadata = read();
  EXPECT_EQ(metadata.string("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(metadata.string("tokenizer.ggml.pre"), "quandex-stages");
  EXPECT_NE(metadata.string("quandex.tokenizer.pre_tokenizer").find(R"("Regex":"[lt]|.")"), std::string::npos);
  EXPECT_EQ(make_tokenizer(metadata)->encode("lantern", false).size(), 7u);
}

TEST_F(HfFolderTest, the_normalizer_of_earlier_versions_is_understood) {
  use("qwen2");
  Metadata metadata = read();
  EXPECT_EQ(metadata.string("quandex.tokenizer.normalizer"), "nfc");
  const Ids composed = make_tokenizer(metadata)->encode("e\u0301", false);
  EXPECT_EQ(composed, make_tokenizer(metadata)->encode("\u00e9", false));
  metadata.set_string("quandex.tokenizer.normalizer", R"({"type": "NFC"})");
  EXPECT_EQ(make_tokenizer(metadata)->encode("e\u0301", false), composed);
  metadata.set_string("quandex.tokenizer.normalizer", "none");
  EXPECT_NE(make_tokenizer(metadata)->encode("e\u0301", false), composed);
}

TEST_F(HfFolderTest, merges_are_ignored_as_the_file_says_whatever_the_pattern_implies) {
  EXPECT_FALSE(read().has("quandex.tokenizer.ignore_merges"));
  EXPECT_EQ(read().string("tokenizer.ggml.pre"), "llama-bpe");
  const int32_t lantern = id_of(read(), "lantern");
  EXPECT_EQ(make_tokenizer(read())->encode("lantern", false), Ids{lantern});
  use("tekken");
  edit("tokenizer.json", [](Json& json) { json["model"]["ignore_merges"] = false; });
  EXPECT_FALSE(read().boolean("quandex.tokenizer.ignore_merges", true));
  EXPECT_GT(make_tokenizer(read())->encode("lantern", false).size(), 1u);
}

struct Refusal {
  const char* name;
  const char* fixture;
  const char* pointer;  // what is replaced in tokenizer.json
  const char* value;
  const char* message;  // after the folder
};

class HfRefusal : public HfFolderTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(HfRefusal, names_the_field_what_it_is_and_what_it_should_be) {
  const Refusal& refusal = GetParam();
  use(refusal.fixture);
  edit("tokenizer.json",
       [&](Json& json) { json[Json::json_pointer(refusal.pointer)] = parse_json(refusal.value, "value"); });
  EXPECT_EQ(error(), std::string("/tokenizer.json: ") + refusal.message);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, HfRefusal,
    ::testing::Values(
        Refusal{"model", "llama2", "/model/type", "\"Neural\"",
                "model.type is \"Neural\", expected BPE, Unigram, WordPiece or WordLevel"},
        Refusal{"dropout", "gpt2", "/model/dropout", "0.1", "model.dropout is 0.1, expected none"},
        Refusal{"normalizer", "qwen2", "/normalizer/type", "\"Nmt\"",
                "normalizer.type is \"Nmt\", expected Sequence or one of: NFC, NFD, NFKC, NFKD, Lowercase, "
                "StripAccents, Strip, Prepend, Replace, BertNormalizer, Precompiled"},
        Refusal{"behavior", "qwen2", "/pre_tokenizer/pretokenizers/0/behavior", "\"Halved\"",
                "pre_tokenizer.pretokenizers[0].behavior is \"Halved\", expected Isolated, Removed, "
                "MergedWithPrevious, MergedWithNext or Contiguous"},
        Refusal{"pre_tokenizer", "metaspace_first", "/pre_tokenizer/type", "\"UnicodeScripts\"",
                "pre_tokenizer.type is \"UnicodeScripts\", expected Sequence or one of: Split, ByteLevel, Metaspace, "
                "Digits, Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit"},
        Refusal{"regex", "qwen2", "/pre_tokenizer/pretokenizers/0/pattern/Regex", R"("\\h+")",
                R"(pre_tokenizer.pretokenizers[0].pattern.Regex is "\\h+", expected a regular expression without \h)"},
        Refusal{"brackets", "qwen2", "/pre_tokenizer/pretokenizers/0/pattern/Regex", R"("[a&&b]")",
                "pre_tokenizer.pretokenizers[0].pattern.Regex is \"[a&&b]\", expected a regular expression without "
                "'&&' inside brackets"},
        Refusal{"empty_pattern", "gemma", "/normalizer/pattern", R"({"String": ""})",
                "normalizer.pattern.String is \"\", expected a text that is not empty"},
        Refusal{"metaspace", "metaspace_first", "/pre_tokenizer/prepend_scheme", "\"last\"",
                "pre_tokenizer.prepend_scheme is \"last\", expected always, first or never"},
        Refusal{"decoder", "llama2", "/decoder/decoders", R"([{"type": "CTC"}])",
                "decoder.decoders[0].type is \"CTC\", expected Sequence or one of: ByteLevel, Metaspace, WordPiece, "
                "ByteFallback, Fuse, Strip, Replace, BPEDecoder"},
        Refusal{"decoder_order", "llama2", "/decoder/decoders", R"([{"type": "Fuse"}, {"type": "ByteFallback"}])",
                "decoder.decoders[1].type is \"ByteFallback\", expected Sequence or one of: Strip, Fuse"},
        Refusal{"post_processor", "gpt2", "/post_processor", R"({"type": "Template"})",
                "post_processor.type is \"Template\", expected Sequence or one of: TemplateProcessing, "
                "BertProcessing, RobertaProcessing, ByteLevel"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace quandex
