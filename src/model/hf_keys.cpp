// What is known of the keys of Hugging Face configurations beyond those that a translation reads.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "model/hf_config.h"

namespace quandex {
namespace {

// Which class, which types, which ids: settled while files are opened.
constexpr std::array<std::string_view, 13> kSettled{
    "architectures", "bos_token_id",        "dtype",       "eos_token_id",        "model_type",  "pad_token_id",
    "quantization",  "quantization_config", "text_config", "tie_word_embeddings", "torch_dtype", "vocab_size",
    "unk_token_id"};

// Training, bookkeeping, defaults of generation, and keys of one class that another does not read.
constexpr std::array<std::string_view, 88> kNoEffect{"_attn_implementation_autoset",
                                                     "_name_or_path",
                                                     "_sliding_window_pattern",
                                                     "add_cross_attention",
                                                     "attention_dropout",
                                                     "attention_bias",
                                                     "attn_implementation",
                                                     "attn_logit_softcapping",
                                                     "auto_map",
                                                     "bad_words_ids",
                                                     "begin_suppress_tokens",
                                                     "cache_implementation",
                                                     "chunk_size_feed_forward",
                                                     "cross_attention_hidden_size",
                                                     "decoder_sparse_step",
                                                     "decoder_start_token_id",
                                                     "diversity_penalty",
                                                     "do_sample",
                                                     "early_stopping",
                                                     "embd_pdrop",
                                                     "encoder_no_repeat_ngram_size",
                                                     "exponential_decay_length_penalty",
                                                     "finetuning_task",
                                                     "forced_bos_token_id",
                                                     "forced_eos_token_id",
                                                     "head_dim",
                                                     "hidden_act",
                                                     "hidden_activation",
                                                     "hidden_dropout",
                                                     "id2label",
                                                     "initializer_range",
                                                     "intermediate_size",
                                                     "is_decoder",
                                                     "is_encoder_decoder",
                                                     "label2id",
                                                     "layer_types",
                                                     "length_penalty",
                                                     "max_length",
                                                     "max_window_layers",
                                                     "min_length",
                                                     "mlp_bias",
                                                     "mlp_only_layers",
                                                     "moe_intermediate_size",
                                                     "no_repeat_ngram_size",
                                                     "no_rope_layer_interval",
                                                     "no_rope_layers",
                                                     "norm_topk_prob",
                                                     "num_beam_groups",
                                                     "num_beams",
                                                     "num_experts",
                                                     "num_experts_per_tok",
                                                     "num_local_experts",
                                                     "num_return_sequences",
                                                     "original_max_position_embeddings",
                                                     "output_attentions",
                                                     "output_hidden_states",
                                                     "output_router_logits",
                                                     "output_scores",
                                                     "partial_rotary_factor",
                                                     "prefix",
                                                     "pretraining_tp",
                                                     "problem_type",
                                                     "pruned_heads",
                                                     "remove_invalid_values",
                                                     "repetition_penalty",
                                                     "resid_pdrop",
                                                     "return_dict",
                                                     "return_dict_in_generate",
                                                     "rope_local_base_freq",
                                                     "router_aux_loss_coef",
                                                     "router_jitter_noise",
                                                     "sep_token_id",
                                                     "sliding_window",
                                                     "sliding_window_pattern",
                                                     "suppress_tokens",
                                                     "task_specific_params",
                                                     "temperature",
                                                     "tf_legacy_loss",
                                                     "tie_encoder_decoder",
                                                     "tokenizer_class",
                                                     "top_k",
                                                     "top_p",
                                                     "torchscript",
                                                     "transformers_version",
                                                     "typical_p",
                                                     "use_bfloat16",
                                                     "use_cache",
                                                     "use_sliding_window"};

// Of rope_scaling and its newer spellings: numbers of one kind of scaling that another has no use for.
constexpr std::array<std::string_view, 15> kRopeKeys{"attention_factor",
                                                     "beta_fast",
                                                     "beta_slow",
                                                     "factor",
                                                     "finetuned",
                                                     "high_freq_factor",
                                                     "long_factor",
                                                     "low_freq_factor",
                                                     "mscale",
                                                     "mscale_all_dim",
                                                     "original_max_position_embeddings",
                                                     "rope_type",
                                                     "short_factor",
                                                     "truncate",
                                                     "type"};

bool lists(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string shortened(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 72) text = text.substr(0, 69) + "...";
  return text;
}

}  // namespace

std::string_view key_use_name(KeyUse use) {
  constexpr std::array<std::string_view, 4> kNames{"used", "settled at load", "no effect", "unknown"};
  return kNames[static_cast<size_t>(use)];
}

std::vector<ConfigKey> list_config_keys(const Json& config, const std::set<std::string, std::less<>>& used) {
  std::vector<ConfigKey> keys;
  const auto add = [&](const std::string& name, const Json& value) {
    KeyUse use = KeyUse::unknown;
    const std::string_view outer = std::string_view(name).substr(0, name.find('.'));
    if (lists(kSettled, outer))
      use = KeyUse::settled;
    else if (used.contains(name))
      use = KeyUse::used;
    else if (outer.size() == name.size() ? lists(kNoEffect, name) : lists(kRopeKeys, name.substr(name.rfind('.') + 1)))
      use = KeyUse::no_effect;
    keys.push_back({name, shortened(value), use});
  };
  for (const auto& [name, value] : config.items()) {
    const bool is_nested = (name == "rope_scaling" || name == "rope_parameters") && value.is_object() && !value.empty();
    if (!is_nested) add(name, value);
    if (!is_nested) continue;
    for (const auto& [inner, inner_value] : value.items()) {
      if (!inner_value.is_object()) add(name + "." + inner, inner_value);
      if (!inner_value.is_object()) continue;
      for (const auto& [innermost, v] : inner_value.items()) add(name + "." + inner + "." + innermost, v);
    }
  }
  return keys;
}

}  // namespace quandex
