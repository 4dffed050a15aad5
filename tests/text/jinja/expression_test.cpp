#include <gtest/gtest.h>

#include "text/jinja/render.h"

namespace quandex {
namespace {

using testing::render;

TEST(JinjaExpressionTest, operators_bind_as_in_jinja2) {
  EXPECT_EQ(render("{{ 1 + 2 * 3 }} {{ 2 ** 3 ** 2 }} {{ -1 ** 2 }} {{ 1 ~ 2 * 3 }}"), "7 64 1 16");
  EXPECT_EQ(render("{{ not 1 == 2 }} {{ not true and false }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }}"),
            "True False True False");
  EXPECT_EQ(render("{{ -2|abs }} {{ 1 + 'abc'|length }}"), "2 4");
}

TEST(JinjaExpressionTest, integers_divide_towards_minus_infinity) {
  EXPECT_EQ(render("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ -7.5 // 2 }}"),
            "3 -4 2 -2 3.5 -4.0");
}

TEST(JinjaExpressionTest, floats_print_as_python_prints_them) {
  EXPECT_EQ(render("{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1e300 * 1e300 }}"),
            "1.0 0.30000000000000004 1e+16 1000000000000000.0 0.0001 1e-05 inf");
}

TEST(JinjaExpressionTest, containers_print_as_python_prints_them) {
  EXPECT_EQ(render(R"({{ [1, 'a', "it's", none, true, 1.5, (1,), (), {'k': [2]}] }})"),
            R"([1, 'a', "it's", None, True, 1.5, (1,), (), {'k': [2]}])");
}

TEST(JinjaExpressionTest, slices_count_from_both_ends) {
  EXPECT_EQ(render("{{ 'abcdef'[1:-1] }} {{ 'abcdef'[::-1] }} {{ [1,2,3,4][::2] }} {{ (1,2,3)[-2:] }}"),
            "bcde fedcba [1, 3] (2, 3)");
  EXPECT_EQ(render("{{ 'aé😀b'[1:3] }} {{ 'aé😀b'[-2] }} {{ 'aé😀b'[::-1] }}"), "é😀 😀 b😀éa");
}

TEST(JinjaExpressionTest, an_item_and_an_attribute_of_one_name_are_told_apart) {
  EXPECT_EQ(render("{{ d.items is callable }} {{ d['items'] }} {{ d.x }} {{ d.absent is defined }}",
                   R"({"d": {"items": 5, "x": 6}})"),
            "True 5 6 False");
}

}  // namespace
}  // namespace quandex
