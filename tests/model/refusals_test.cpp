// What cannot be run is refused: each message says what, where, found and expected. The checkpoints are golden ones
// with one thing changed.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/checkpoint.h"
#include "model/load.h"
#include "support/hf_fixture.h"
#include "text/hf_vocabulary.h"

namespace quandex {
namespace {

using Edit = std::function<void(HfFixture&)>;

// Opens, configures and checks every shape, as a load does before anything is uploaded.
void check(const std::filesystem::path& path) {
  const Checkpoint checkpoint(path);
  unused_tensors(checkpoint.read_config(), checkpoint.weights());
}

std::string complaint(const std::filesystem::path& path, ErrorCode code) {
  try {
    check(path);
    return "(no complaint)";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
}

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(message.find(part), message.npos) << part << " in: " << message;
}

// The complaint about a golden case after `edit` has every part.
void expect_refusal(const std::string& golden_case, ErrorCode code, const Edit& edit,
                    const std::vector<std::string>& parts, const std::string& family = "hf") {
  HfFixture folder(golden_case, family);
  edit(folder);
  expect_parts(complaint(folder.write(), code), parts);
}

void expect_key_refused(const std::string& golden_case, ErrorCode code, const std::string& key,
                        const nlohmann::ordered_json& value, const std::vector<std::string>& parts) {
  SCOPED_TRACE(golden_case + ": " + key + " = " + value.dump());
  expect_refusal(golden_case, code, [&](HfFixture& folder) { folder.config[key] = value; }, parts);
}

TEST(Refusals, untouched_copies_are_not_refused) {
  for (const char* name : {"llama", "qwen3", "llama-mlp-bias", "phi3-longrope", "qwen3moe", "gemma3"})
    EXPECT_NO_THROW(check(HfFixture(name).write())) << name;
  EXPECT_NO_THROW(check(HfFixture("llama-mlx-4bit", "mlx").write()));
}

TEST(Refusals, unknown_architectures_are_named_with_the_nearest) {
  expect_key_refused("llama", ErrorCode::unsupported, "architectures", {"LlamaForCausalLN"},
                     {"config.json: architecture \"LlamaForCausalLN\" is not supported", "(nearest: LlamaForCausalLM)",
                      "supported: LlamaForCausalLM, MistralForCausalLM"});
  expect_refusal("llama", ErrorCode::unsupported,
                 [](HfFixture& folder) {
                   folder.config.erase("architectures");
                   folder.config["model_type"] = "mamba";
                 },
                 {"architecture \"mamba\" is not supported", "supported: llama, mistral"});
  expect_refusal("llama", ErrorCode::unsupported,
                 [](HfFixture& folder) {
                   folder.config.erase("architectures");
                   folder.config.erase("model_type");
                 },
                 {"config.json: architecture \"\" is not supported"});
}

TEST(Refusals, missing_tensors_are_called_what_the_file_calls_them) {
  const auto without = [](const std::string& golden_case, const std::string& name) {
    SCOPED_TRACE(golden_case + " without " + name);
    expect_refusal(golden_case, ErrorCode::invalid_file, [&](HfFixture& folder) { folder.remove(name); },
                   {"hf_fixture: tensor " + name + " is missing"});
  };
  without("llama", "model.embed_tokens.weight");
  without("llama", "model.norm.weight");
  without("llama", "model.layers.1.self_attn.k_proj.weight");
  without("llama", "model.layers.0.mlp.down_proj.weight");
  without("llama", "model.layers.0.post_attention_layernorm.weight");
  without("qwen3", "model.layers.1.self_attn.q_norm.weight");
  without("qwen2", "model.layers.1.self_attn.v_proj.bias");
  without("phi3", "model.layers.0.mlp.gate_up_proj.weight");
  without("gemma2", "model.layers.1.post_feedforward_layernorm.weight");
  without("gemma2", "model.layers.1.pre_feedforward_layernorm.weight");
  without("mixtral", "model.layers.0.block_sparse_moe.gate.weight");
  without("qwen3moe", "model.layers.1.mlp.experts.5.up_proj.weight");
  without("mixtral", "model.layers.1.block_sparse_moe.experts.0.w2.weight");
}

TEST(Refusals, wrong_shapes_say_found_and_expected) {
  expect_refusal("llama", ErrorCode::invalid_file,
                 [](HfFixture& folder) {
                   std::vector<int64_t>& shape = folder.tensor("model.layers.1.self_attn.q_proj.weight").shape;
                   shape = {shape[0] / 2, shape[1] * 2};
                 },
                 {"hf_fixture: tensor model.layers.1.self_attn.q_proj.weight has shape [16, 64], expected [32, 32]"});
  expect_refusal("llama", ErrorCode::invalid_file, [](HfFixture& folder) { folder.config["intermediate_size"] = 40; },
                 {"tensor model.layers.0.mlp.gate_proj.weight has shape [48, 32], expected [40, 32]"});
  expect_refusal("llama", ErrorCode::invalid_file,
                 [](HfFixture& folder) {
                   EditableTensor& embedding = folder.tensor("model.embed_tokens.weight");
                   embedding.shape = {static_cast<int64_t>(embedding.bytes.size() / 2)};
                 },
                 {"model.embed_tokens.weight has 1 dimensions"});
}

TEST(Refusals, absurd_values_name_key_value_and_range) {
  const auto absurd = [](const std::string& key, const nlohmann::ordered_json& value, const std::string& expected) {
    expect_key_refused("llama", ErrorCode::invalid_file, key, value, {"config.json: " + key, "expected " + expected});
  };
  absurd("hidden_size", 0, "an integer from 1 to");
  absurd("hidden_size", -32, "an integer from 1 to");
  absurd("hidden_size", 32.5, "an integer from 1 to");
  absurd("hidden_size", 1e300, "an integer from 1 to");
  absurd("hidden_size", "32", "an integer from 1 to");
  absurd("hidden_size", nullptr, "an integer");
  absurd("num_hidden_layers", 4294967296, "an integer from 1 to 4096");
  absurd("num_attention_heads", true, "an integer from 1 to");
  absurd("num_key_value_heads", 0, "an integer from 1 to");
  absurd("head_dim", 1, "an integer from 2 to");
  absurd("vocab_size", -1, "an integer from 1 to");
  absurd("max_position_embeddings", 0, "an integer from 1 to");
  absurd("rms_norm_eps", 0, "a number from");
  absurd("rms_norm_eps", -1e-5, "a number from");
  absurd("rope_theta", 0, "a number from 1 to");
  absurd("rope_theta", {1}, "a number from 1 to");
  absurd("attention_bias", "no", "true or false");
  absurd("hidden_act", 1, "a string");
}

TEST(Refusals, numbers_that_are_none_are_no_json) {
  for (const char* value : {"NaN", "Infinity", "-Infinity", "1e999", "1."}) {
    SCOPED_TRACE(value);
    expect_refusal("llama", ErrorCode::invalid_file,
                   [&](HfFixture& folder) {
                     folder.config["rms_norm_eps"] = "HERE";
                     folder.config_text = folder.config.dump(1);
                     folder.config_text.replace(folder.config_text.find("\"HERE\""), 6, value);
                   },
                   {"config.json: line ", ": found ", ", expected "});
  }
}

TEST(Refusals, contradictions_say_both_sides) {
  expect_key_refused("llama", ErrorCode::invalid_file, "num_key_value_heads", 3, {"heads cannot share 3 key/value"});
  expect_key_refused("llama", ErrorCode::invalid_file, "num_attention_heads", 5,
                     {"hidden_size 32 is not a multiple of num_attention_heads 5"});
  expect_key_refused("qwen3moe", ErrorCode::invalid_file, "num_experts_per_tok", 9,
                     {"num_experts_per_tok is 9, expected an integer from 1 to 8"});
  expect_key_refused("qwen3moe", ErrorCode::unsupported, "num_experts", 0, {"num_experts = 0 is not supported"});
  expect_key_refused("smollm3-list", ErrorCode::invalid_file, "no_rope_layers", {1, 0},
                     {"no_rope_layers has 2 entries, expected one for each of 3 layers"});
}

TEST(Refusals, quantization_methods_are_named) {
  for (const char* method : {"gptq", "awq", "bitsandbytes", "fp8", "hqq", "compressed-tensors", "mxfp4", "torchao"}) {
    SCOPED_TRACE(method);
    expect_key_refused("llama", ErrorCode::unsupported, "quantization_config",
                       {{"quant_method", method}, {"bits", 4}, {"group_size", 128}},
                       {std::string("config.json: quantization method \"") + method + "\" is not supported",
                        "supported: MLX affine (2 to 8 bits), GGUF files, and checkpoints in F32, F16 or BF16"});
  }
  // Before methods had names, bitsandbytes was two flags.
  expect_key_refused("llama", ErrorCode::unsupported, "quantization_config", {{"load_in_8bit", true}},
                     {"quantization method \"bitsandbytes\" is not supported"});
  expect_key_refused("llama", ErrorCode::unsupported, "quantization_config", {{"zero_point", true}},
                     {"quantization_config has neither quant_method nor bits"});
  expect_key_refused("llama", ErrorCode::invalid_file, "quantization_config", "gptq",
                     {"config.json: quantization_config is string, expected an object"});
}

TEST(Refusals, quantization_described_beside_the_configuration_is_named) {
  for (const auto& [file, method] : {std::pair{"quantize_config.json", "gptq"},
                                     {"quant_config.json", "awq"},
                                     {"hf_quant_config.json", "modelopt"}}) {
    HfFixture folder("llama");
    folder.add(file, R"({"bits": 4, "group_size": 128})");
    expect_parts(complaint(folder.write(), ErrorCode::unsupported),
                 {std::string(file) + ": quantization method \"" + method + "\" is not supported"});
  }
  // An MLX folder made from such a checkpoint is what its own config.json says.
  HfFixture folder("llama-mlx-4bit", "mlx");
  folder.add("quantize_config.json", R"({"bits": 4, "group_size": 128})");
  EXPECT_NO_THROW(check(folder.write()));
}

TEST(Refusals, mlx_modes_and_widths_are_named) {
  const auto refused = [](const nlohmann::ordered_json& change, const std::vector<std::string>& parts) {
    SCOPED_TRACE(change.dump());
    const Edit edit = [&](HfFixture& folder) {
      folder.config["quantization"].update(change);
      folder.config.erase("quantization_config");
    };
    expect_refusal("llama-mlx-4bit", ErrorCode::unsupported, edit, parts, "mlx");
  };
  for (const char* mode : {"mxfp4", "nvfp4", "mxfp8"})
    refused({{"mode", mode}}, {std::string("MLX quantization mode \"") + mode + "\" is not supported", "affine"});
  refused({{"bits", 7}}, {"7 bits and groups of 64", "supported: 2, 3, 4, 5, 6 or 8 bits and groups of 32, 64 or 128"});
  refused({{"group_size", 16}}, {"4 bits and groups of 16"});
  refused({{"model.layers.0.mlp.down_proj", {{"mode", "mxfp4"}}}},
          {"quantization.model.layers.0.mlp.down_proj", "mode \"mxfp4\""});
}

TEST(Refusals, mlx_tensors_that_do_not_fit_their_quantization_are_named) {
  const auto refused = [](const Edit& edit, const std::vector<std::string>& parts) {
    expect_refusal("llama-mlx-4bit", ErrorCode::invalid_file, edit, parts, "mlx");
  };
  refused(
      [](HfFixture& folder) {
        folder.config.erase("quantization");
        folder.config.erase("quantization_config");
      },
      {"is quantized, but config.json has no \"quantization\""});
  refused([](HfFixture& folder) { folder.remove("model.layers.0.mlp.up_proj.biases"); },
          {"tensor model.layers.0.mlp.up_proj.biases is missing beside model.layers.0.mlp.up_proj.scales"});
  refused(
      [](HfFixture& folder) {
        folder.config["quantization"]["bits"] = 8;
        folder.config["quantization_config"]["bits"] = 8;
      },
      {".weight has shape [", "scales [", "biases [", ": not 8 bits in groups of 64"});
}

TEST(Refusals, tensor_types_without_a_format_are_named) {
  const std::string name = "model.layers.0.self_attn.v_proj.weight";
  expect_refusal(
      "llama", ErrorCode::unsupported,
      [&](HfFixture& folder) {
        EditableTensor& tensor = folder.tensor(name);
        tensor.dtype = "F8_E4M3";
        tensor.bytes.resize(tensor.bytes.size() / 2);
      },
      {"tensor " + name + ": type F8_E4M3 is not supported (an FP8 checkpoint)", "F32, F16, BF16, MLX affine"});
  expect_refusal("llama", ErrorCode::unsupported,
                 [&](HfFixture& folder) {
                   EditableTensor& tensor = folder.tensor(name);
                   tensor.dtype = "I64";
                   tensor.bytes.resize(tensor.bytes.size() * 4);
                 },
                 {"tensor " + name + ": type I64 is not supported; supported: F32, F16, BF16"});
}

TEST(Refusals, a_head_that_is_neither_there_nor_tied_is_named) {
  expect_refusal("llama", ErrorCode::invalid_file, [](HfFixture& folder) { folder.remove("lm_head.weight"); },
                 {"tensor lm_head.weight is missing", "config.json does not tie it to the embedding"});
  expect_key_refused("qwen3", ErrorCode::invalid_file, "tie_word_embeddings", false,
                     {"tensor lm_head.weight is missing", "does not tie"});
}

TEST(Refusals, biases_that_the_configuration_asks_for_must_be_there) {
  expect_refusal("llama-mlp-bias", ErrorCode::invalid_file,
                 [](HfFixture& folder) { folder.remove("model.layers.1.mlp.down_proj.bias"); },
                 {"tensor model.layers.1.mlp.down_proj.bias is missing, which the configuration asks for"});
  expect_key_refused("llama", ErrorCode::invalid_file, "attention_bias", true,
                     {"tensor model.layers.0.self_attn.q_proj.bias is missing, which the configuration asks for"});
}

TEST(Refusals, activations_and_kinds_of_layers_are_named) {
  for (const char* act : {"gelu", "relu2"})
    expect_key_refused("llama", ErrorCode::unsupported, "hidden_act", act,
                       {std::string("config.json: hidden_act = \"") + act + "\" is not supported; supported: silu"});
  expect_key_refused("gemma2", ErrorCode::unsupported, "hidden_activation", "silu",
                     {"hidden_activation = \"silu\" is not supported; supported: gelu_pytorch_tanh"});
  expect_key_refused("qwen2-layer-types", ErrorCode::unsupported, "layer_types",
                     {"full_attention", "chunked_attention", "full_attention", "full_attention"},
                     {"layer_types[1] \"chunked_attention\" is not supported; supported: full_attention"});
  expect_key_refused("qwen2-layer-types", ErrorCode::invalid_file, "layer_types", {"full_attention"},
                     {"layer_types has 1 entries, expected one for each of"});
  expect_key_refused("gemma3", ErrorCode::unsupported, "use_bidirectional_attention", true,
                     {"use_bidirectional_attention = true is not supported; supported: false"});
}

TEST(Refusals, kinds_and_values_of_rope_are_named) {
  const std::string supported = "supported: default, linear, dynamic, llama3, yarn, longrope";
  for (const char* key : {"rope_type", "type"})
    expect_key_refused("llama", ErrorCode::unsupported, "rope_scaling", {{key, "spiral"}, {"factor", 2}},
                       {std::string("rope_scaling.") + key + " = \"spiral\" is not supported", supported});
  expect_key_refused("llama", ErrorCode::unsupported, "partial_rotary_factor", 0.5,
                     {"partial_rotary_factor = 0.5 is not supported; supported: 1"});
  const auto bad = [](const nlohmann::ordered_json& scaling, const std::string& part) {
    expect_key_refused("llama", ErrorCode::invalid_file, "rope_scaling", scaling, {part});
  };
  bad({{"type", "linear"}}, "rope_scaling.factor is missing");
  bad({{"type", "linear"}, {"factor", -1}}, "rope_scaling.factor is -1, expected a number from");
  bad({{"type", "yarn"}, {"factor", 0.5}}, "rope_scaling.factor is 0.5, expected a number from 1");
  bad({{"type", "yarn"}, {"factor", 2}, {"original_max_position_embeddings", 1}},
      "rope_scaling.original_max_position_embeddings is 1, expected an integer from 2");
  bad({{"type", "dynamic"}}, "rope_scaling.factor is missing");
  bad({{"type", "llama3"}, {"factor", 8}}, "low_freq_factor is missing");
  bad({{"type", "llama3"}, {"factor", 8}, {"low_freq_factor", 4}, {"high_freq_factor", 1}},
      "high_freq_factor 1 is not above low_freq_factor 4");
  bad({{"type", "longrope"}, {"short_factor", {1, 1}}, {"long_factor", {1, 1}}, {"factor", 2}},
      "short_factor has 2 factors, expected");
  bad({{"type", "longrope"}, {"short_factor", {1, -1}}, {"factor", 2}}, "rope_scaling.short_factor[1] is -1");
}

TEST(Refusals, yarn_needs_a_base_above_one) {
  expect_refusal("llama-yarn", ErrorCode::invalid_file, [](HfFixture& folder) { folder.config["rope_theta"] = 1; },
                 {"rope.freq_base is 1, expected more than 1 for yarn"});
}

// A file of 100 bytes must not cost half a gigabyte.
TEST(Refusals, tables_of_very_wide_heads_are_fewer) {
  RopeSpec rope;
  rope.scaling = RopeScaling::dynamic;
  rope.factor = 1024;
  rope.original_context = 1 << 20;
  for (const auto& [dims, n_tables] : {std::pair{128, 4096u}, {2048, 4096u}, {65536, 128u}}) {
    rope.dims = dims;
    const size_t n = rope_variant_lengths(rope).size();
    EXPECT_LE(n, n_tables) << dims;
    EXPECT_GE(n, n_tables / 2) << dims;
  }
}

TEST(Refusals, tensors_that_hold_nothing_are_named) {
  // No bytes, whatever the other dimension is.
  const int64_t huge = int64_t{1} << 62;
  for (const char* name : {"model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"}) {
    const Edit edit = [&](HfFixture& folder) {
      folder.tensor(name).shape = {0, huge};
      folder.tensor(name).bytes.clear();
    };
    expect_refusal("llama", ErrorCode::unsupported, edit,
                   {std::string("tensor ") + name + " has shape [0, 4611686018427387904], expected weights"});
  }
}

TEST(Refusals, older_spellings_of_rope_mean_the_same) {
  HfFixture plain("llama"), renamed("llama");
  auto& scaling = renamed.config["rope_scaling"];
  ASSERT_TRUE(scaling.contains("rope_type"));
  scaling["type"] = scaling["rope_type"];
  scaling.erase("rope_type");
  EXPECT_EQ(Checkpoint(renamed.write()).read_config().ropes, Checkpoint(plain.write()).read_config().ropes);

  HfFixture longrope("phi3-longrope"), su("phi3-longrope");
  for (const char* old : {"su", "yarn"}) {
    su.config["rope_scaling"]["type"] = old;
    EXPECT_EQ(Checkpoint(su.write()).read_config().ropes, Checkpoint(longrope.write()).read_config().ropes) << old;
  }
  // Only of that family: elsewhere "su" is nothing.
  expect_key_refused("llama", ErrorCode::unsupported, "rope_scaling", {{"type", "su"}}, {"\"su\" is not supported"});
}

TEST(Refusals, other_files_are_called_what_they_are) {
  const TemporaryFolder folder("other_files");
  const auto file = [&](const char* name, const std::string& bytes, const std::vector<std::string>& parts,
                        ErrorCode code = ErrorCode::unsupported) {
    SCOPED_TRACE(name);
    std::vector<std::string> all = parts;
    all.emplace_back(name);
    expect_parts(complaint(folder.add(name, bytes), code), all);
  };
  file("model.ggjt.bin", "tjgg" + std::string(60, '\0'), {"GGML file of before GGUF", "GGJT", "convert the original"});
  file("pytorch_model.bin", "PK\x03\x04" + std::string(60, '\0'), {"PyTorch pickle archive", "can run code"});
  file("old.pt", std::string("\x80\x02\x8a\x0a", 4) + std::string(60, 'x'), {"PyTorch pickle", "can run code"});
  file("notes.txt", "Dear diary, nothing happened", {"not a model file", "44 65 61 72", "expected a GGUF file"},
       ErrorCode::invalid_file);
  file("empty.gguf", "", {"not a model file", "0 bytes"}, ErrorCode::invalid_file);
  expect_parts(complaint(folder.path() / "absent.gguf", ErrorCode::not_found), {"absent.gguf"});
}

TEST(Refusals, folders_say_what_they_lack) {
  const TemporaryFolder folder("lacking");
  expect_parts(complaint(folder.path(), ErrorCode::not_found),
               {folder.path().string(), "without config.json and without exactly one GGUF file"});
  HfFixture pickles("llama");
  pickles.write();
  std::filesystem::remove(pickles.path() / "model.safetensors");
  expect_parts(complaint(pickles.path(), ErrorCode::not_found), {"has no .safetensors file"});
  pickles.add("pytorch_model.bin", "PK");
  expect_parts(complaint(pickles.path(), ErrorCode::unsupported), {"has pytorch_model.bin", "pickles of PyTorch"});
  HfFixture bare("llama");
  bare.write();
  std::filesystem::remove(bare.path() / "config.json");
  expect_parts(complaint(bare.path() / "model.safetensors", ErrorCode::not_found),
               {"the model's configuration is missing; expected ", "config.json"});
  HfFixture list("llama");
  list.config_text = "[]";
  expect_parts(complaint(list.write(), ErrorCode::invalid_file), {"config.json: expected a JSON object"});
}

TEST(Refusals, a_tokenizer_of_another_model_is_refused) {
  HfFixture folder("llama");
  const Checkpoint checkpoint(folder.write());
  Metadata metadata = checkpoint.metadata();
  const auto tokenizer = std::filesystem::path(QUANDEX_TEST_FIXTURES) / "hf_tokenizers" / "qwen2";
  try {
    add_hf_vocabulary(tokenizer, checkpoint.read_config().vocab, metadata);
    ADD_FAILURE() << "a vocabulary larger than the embedding was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_file);
    expect_parts(error.what(), {"96"});
  }
}

TEST(Refusals, two_spellings_of_one_tensor_are_refused) {
  expect_refusal("llama", ErrorCode::invalid_file,
                 [](HfFixture& folder) {
                   EditableTensor copy = folder.tensor("model.norm.weight");
                   copy.name = "language_model.model.norm.weight";
                   folder.tensors.push_back(copy);
                 },
                 {"model.norm.weight", "language_model.model.norm.weight", "are two spellings of one"});
}

TEST(ConfigKeys, an_invented_key_is_unknown_and_a_known_one_is_not) {
  HfFixture folder("llama");
  folder.config["attention_spiral_factor"] = 2;
  folder.config["rope_scaling"]["spiral"] = 3;
  std::vector<std::string> unknown;
  std::map<std::string, KeyUse> uses;
  for (const ConfigKey& key : Checkpoint(folder.write()).config_keys()) {
    uses[key.name] = key.use;
    if (key.use == KeyUse::unknown) unknown.push_back(key.name);
  }
  EXPECT_EQ(uses.at("hidden_size"), KeyUse::used);
  EXPECT_EQ(uses.at("rope_scaling.factor"), KeyUse::used);
  EXPECT_EQ(uses.at("torch_dtype"), KeyUse::settled);
  EXPECT_EQ(uses.at("vocab_size"), KeyUse::settled);
  EXPECT_EQ(uses.at("attention_dropout"), KeyUse::no_effect);
  EXPECT_EQ(unknown, (std::vector<std::string>{"rope_scaling.spiral", "attention_spiral_factor"}));
}

}  // namespace
}  // namespace quandex
