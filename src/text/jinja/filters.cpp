#include "text/jinja/filters.h"

#include <algorithm>
#include <array>

#include "text/jinja/filter_functions.h"

namespace quandex::jinja {
namespace {

constexpr std::array<Filter, 54> kFilters = {{
    {"abs", filter::abs},
    {"attr", filter::attr},
    {"batch", filter::batch},
    {"capitalize", filter::capitalize},
    {"center", filter::center},
    {"count", filter::length},
    {"d", filter::default_value},
    {"default", filter::default_value},
    {"dictsort", filter::dictsort},
    {"e", filter::escape},
    {"escape", filter::escape},
    {"filesizeformat", filter::filesizeformat},
    {"first", filter::first},
    {"float", filter::to_float},
    {"forceescape", filter::forceescape},
    {"format", filter::format},
    {"groupby", filter::groupby},
    {"indent", filter::indent},
    {"int", filter::to_int},
    {"items", filter::items},
    {"join", filter::join},
    {"last", filter::last},
    {"length", filter::length},
    {"list", filter::list},
    {"lower", filter::lower},
    {"map", filter::map},
    {"max", filter::max},
    {"min", filter::min},
    {"pprint", filter::pprint},
    {"random", nullptr},
    {"reject", filter::reject},
    {"rejectattr", filter::rejectattr},
    {"replace", filter::replace},
    {"reverse", filter::reverse},
    {"round", filter::round},
    {"safe", filter::safe},
    {"select", filter::select},
    {"selectattr", filter::selectattr},
    {"slice", filter::slice},
    {"sort", filter::sort},
    {"string", filter::string},
    {"striptags", filter::striptags},
    {"sum", filter::sum},
    {"title", filter::title},
    {"tojson", filter::tojson},
    {"trim", filter::trim},
    {"truncate", filter::truncate},
    {"unique", filter::unique},
    {"upper", filter::upper},
    {"urlencode", filter::urlencode},
    {"urlize", nullptr},
    {"wordcount", filter::wordcount},
    {"wordwrap", filter::wordwrap},
    {"xmlattr", filter::xmlattr},
}};

}  // namespace

const Filter* find_filter(std::string_view name) {
  const auto found =
      std::find_if(kFilters.begin(), kFilters.end(), [&](const Filter& one) { return one.name == name; });
  return found == kFilters.end() ? nullptr : &*found;
}

Value apply_filter(Runtime& runtime, const Filter& filter, const Value& operand, const Arguments& arguments) {
  if (filter.apply == nullptr) runtime.refuse("the filter '{}' is not supported", filter.name);
  return filter.apply(runtime, operand, arguments);
}

}  // namespace quandex::jinja
