#include "text/char_class.h"

#include <utf8proc.h>

#include <algorithm>

namespace quandex {
namespace {

constexpr char32_t kLastCharacter = 0x10FFFF;
constexpr uint32_t kAllCategories = (uint32_t{1} << (UTF8PROC_CATEGORY_CO + 1)) - 1;

struct CategoryName {
  std::string_view name;
  utf8proc_category_t category;
};
constexpr CategoryName kCategoryNames[] = {
    {"Cn", UTF8PROC_CATEGORY_CN}, {"Lu", UTF8PROC_CATEGORY_LU}, {"Ll", UTF8PROC_CATEGORY_LL},
    {"Lt", UTF8PROC_CATEGORY_LT}, {"Lm", UTF8PROC_CATEGORY_LM}, {"Lo", UTF8PROC_CATEGORY_LO},
    {"Mn", UTF8PROC_CATEGORY_MN}, {"Mc", UTF8PROC_CATEGORY_MC}, {"Me", UTF8PROC_CATEGORY_ME},
    {"Nd", UTF8PROC_CATEGORY_ND}, {"Nl", UTF8PROC_CATEGORY_NL}, {"No", UTF8PROC_CATEGORY_NO},
    {"Pc", UTF8PROC_CATEGORY_PC}, {"Pd", UTF8PROC_CATEGORY_PD}, {"Ps", UTF8PROC_CATEGORY_PS},
    {"Pe", UTF8PROC_CATEGORY_PE}, {"Pi", UTF8PROC_CATEGORY_PI}, {"Pf", UTF8PROC_CATEGORY_PF},
    {"Po", UTF8PROC_CATEGORY_PO}, {"Sm", UTF8PROC_CATEGORY_SM}, {"Sc", UTF8PROC_CATEGORY_SC},
    {"Sk", UTF8PROC_CATEGORY_SK}, {"So", UTF8PROC_CATEGORY_SO}, {"Zs", UTF8PROC_CATEGORY_ZS},
    {"Zl", UTF8PROC_CATEGORY_ZL}, {"Zp", UTF8PROC_CATEGORY_ZP}, {"Cc", UTF8PROC_CATEGORY_CC},
    {"Cf", UTF8PROC_CATEGORY_CF}, {"Cs", UTF8PROC_CATEGORY_CS}, {"Co", UTF8PROC_CATEGORY_CO},
};

constexpr std::pair<char32_t, char32_t> kWhiteSpace[] = {
    {0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
    {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};

uint32_t category_bit(char32_t c) { return uint32_t{1} << utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

// Categories of a range's characters beyond ASCII; all, where it is too long to look at each.
uint32_t categories_within(char32_t first, char32_t last) {
  constexpr char32_t kMaxLooked = 512;
  first = std::max<char32_t>(first, 128);
  if (first > last) return 0;
  if (last - first > kMaxLooked) return kAllCategories;
  uint32_t categories = 0;
  for (char32_t c = first; c <= last; ++c) categories |= category_bit(c);
  return categories;
}

}  // namespace

uint32_t categories_of(std::string_view name) {
  uint32_t categories = 0;
  for (const CategoryName& known : kCategoryNames)
    if (name == known.name || (name.size() == 1 && name[0] == known.name[0]))
      categories |= uint32_t{1} << known.category;
  return categories;
}

void CharClass::add(char32_t first, char32_t last) { ranges_.emplace_back(first, last); }

void CharClass::add_white_space() { ranges_.insert(ranges_.end(), std::begin(kWhiteSpace), std::end(kWhiteSpace)); }

void CharClass::add_all_but_white_space() {
  char32_t next = 0;
  for (const auto& [first, last] : kWhiteSpace) {
    add(next, first - 1);
    next = last + 1;
  }
  add(next, kLastCharacter);
}

void CharClass::seal() {
  for (char32_t c = 0; c < 128; ++c) ascii_[c] = contains_by_rule(c);
  reach_ = categories_;
  for (const auto& [first, last] : ranges_) reach_ |= categories_within(first, last);
  if (is_negated_) reach_ = kAllCategories & ~categories_;
}

bool CharClass::contains_by_rule(char32_t c) const {
  const bool is_named = (categories_ & category_bit(c)) != 0 || std::ranges::any_of(ranges_, [c](const auto& range) {
                          return c >= range.first && c <= range.second;
                        });
  return is_named != is_negated_;
}

bool CharClass::is_surely_apart_from(const CharClass& other) const {
  if ((reach_ & other.reach_) != 0) return false;
  return std::ranges::equal(ascii_, other.ascii_, [](bool a, bool b) { return !(a && b); });
}

}  // namespace quandex
