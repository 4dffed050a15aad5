#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "text/jinja/operators.h"

namespace quandex::jinja {

const char* type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return value.as<StringObject>().is_markup ? "Markup" : "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return value.as<SequenceObject>().is_group ? "_GroupTuple" : "tuple";
    case Kind::dict:
      return "dict";
    case Kind::dict_view: {
      const DictViewKind view = value.as<DictViewObject>().view;
      return view == DictViewKind::keys ? "dict_keys" : view == DictViewKind::values ? "dict_values" : "dict_items";
    }
    case Kind::range:
      return "range";
    case Kind::iterator:
      return value.as<IteratorObject>().type_name;
    case Kind::name_space:
      return "Namespace";
    case Kind::macro:
      return "Macro";
    case Kind::method:
      return "builtin_function_or_method";
    case Kind::function:
      return "function";
    case Kind::loop:
      return "LoopContext";
    case Kind::cycler:
      return "Cycler";
    case Kind::joiner:
      return "Joiner";
  }
  return "object";
}

bool is_hashable(const Value& value) {
  switch (value.kind()) {
    case Kind::list:
    case Kind::dict:
    case Kind::dict_view:
      return false;
    case Kind::tuple:
      return std::all_of(value.items().begin(), value.items().end(), is_hashable);
    default:
      return true;
  }
}

size_t ValueHash::operator()(const Value& value) const {
  switch (value.kind()) {
    case Kind::boolean:
    case Kind::integer:
      return std::hash<int64_t>()(value.as_integer());
    case Kind::real: {
      const double real = value.as_real();
      const bool is_whole = std::trunc(real) == real && std::fabs(real) < 9.2e18;
      return is_whole ? std::hash<int64_t>()(static_cast<int64_t>(real)) : std::hash<double>()(real);
    }
    case Kind::string:
      return std::hash<std::string_view>()(value.text());
    case Kind::tuple: {
      size_t hash = value.items().size();
      for (const Value& item : value.items()) hash = hash * 1000003 ^ (*this)(item);
      return hash;
    }
    case Kind::none:
    case Kind::undefined:
    case Kind::range:
      return static_cast<size_t>(value.kind());
    default:
      return std::hash<const void*>()(value.identity());
  }
}

bool ValueEqual::operator()(const Value& left, const Value& right) const { return are_equal(left, right); }

size_t Dictionary::position(const Value& key) const {
  if (index_.empty()) {
    const auto entry =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return are_equal(one.first, key); });
    return static_cast<size_t>(entry - entries_.begin());
  }
  const auto found = index_.find(key);
  return found == index_.end() ? entries_.size() : found->second;
}

const Value* Dictionary::find(const Value& key) const {
  const size_t at = position(key);
  return at == entries_.size() ? nullptr : &entries_[at].second;
}

const Value* Dictionary::find(std::string_view key) const {
  if (index_.empty()) {
    const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& one) { return one.first.is_string() && one.first.text() == key; });
    return entry == entries_.end() ? nullptr : &entry->second;
  }
  auto object = std::make_shared<StringObject>();  // a name of ours that is looked up in a large dictionary is rare
  object->text = key;
  return find(Value(Kind::string, std::move(object)));
}

void Dictionary::set(Value key, Value value) {
  const size_t at = position(key);
  if (at < entries_.size()) {
    entries_[at].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (!index_.empty()) {
    index_.emplace(entries_.back().first, at);
  } else if (entries_.size() >= kIndexFrom) {
    for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
  }
}

void Dictionary::clear() {
  entries_.clear();
  index_.clear();
}

}  // namespace quandex::jinja
