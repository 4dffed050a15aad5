// Values of templates: Python's, as far as templates see them. A value is small and cheap to copy; what it holds is
// shared by its copies and immutable, except for namespaces, iterators and loops, which Python shares by reference too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace quandex::jinja {

struct Frame;
struct Macro;
class Value;

enum class Kind : uint8_t {
  missing,  // a variable that was never set; no expression evaluates to it
  undefined,
  none,
  boolean,
  integer,
  real,
  string,
  list,
  tuple,
  dict,
  dict_view,
  range,
  iterator,  // generators and the like: walked once, always true, without a length
  name_space,
  macro,
  method,  // a method and the value that it is of
  function,
  loop,
  cycler,
  joiner,
};

// Bytes that live values hold.
class MemoryAccount {
 public:
  explicit MemoryAccount(size_t limit) : limit_(limit) {}
  bool has_room(size_t bytes) const { return bytes <= limit_ - used_; }  // used_ <= limit_ always
  bool take(size_t bytes) {
    if (!has_room(bytes)) return false;
    used_ += bytes;
    return true;
  }
  void give_back(size_t bytes) { used_ -= bytes; }
  size_t limit() const { return limit_; }

 private:
  size_t limit_;
  size_t used_ = 0;
};

// What an object took from an account, given back when the object goes. The account outlives it.
class Charge {
 public:
  Charge() = default;
  Charge(MemoryAccount* account, size_t bytes) : account_(account), bytes_(bytes) {}
  Charge(Charge&& other) noexcept : account_(std::exchange(other.account_, nullptr)), bytes_(other.bytes_) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() {
    if (account_ != nullptr) account_->give_back(bytes_);
  }

 private:
  MemoryAccount* account_ = nullptr;
  size_t bytes_ = 0;
};

// What a value refers to.
struct Object {
  Charge charge;
  uint32_t nesting = 1;  // bounds every recursion over values, their destruction included
  uint64_t weight = 1;   // steps that a walk over all of it takes; what is shared counts each time it is met
  virtual ~Object() = default;
};

class Value {
 public:
  Value() = default;
  Value(Kind kind, std::shared_ptr<Object> object) : kind_(kind), object_(std::move(object)) {}
  static Value none() { return Value(Kind::none); }
  static Value boolean(bool value) {
    Value result(Kind::boolean);
    result.number_.integer = value ? 1 : 0;
    return result;
  }
  static Value integer(int64_t value) {
    Value result(Kind::integer);
    result.number_.integer = value;
    return result;
  }
  static Value real(double value) {
    Value result(Kind::real);
    result.number_.real = value;
    return result;
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_missing() const { return kind_ == Kind::missing; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_integral() const { return kind_ == Kind::integer || kind_ == Kind::boolean; }  // bool is an int in Python
  bool is_number() const { return is_integral() || kind_ == Kind::real; }
  bool is_sequence() const { return kind_ == Kind::list || kind_ == Kind::tuple; }

  int64_t as_integer() const { return number_.integer; }  // of integral values
  double as_real() const { return number_.real; }         // of reals
  double as_double() const {                              // of numbers
    return kind_ == Kind::real ? number_.real : static_cast<double>(number_.integer);
  }
  template <typename T>
  T& as() const {
    return static_cast<T&>(*object_);
  }
  const Object* identity() const { return object_.get(); }
  uint32_t nesting() const { return object_ ? object_->nesting : 0; }
  uint64_t weight() const { return object_ ? object_->weight : 1; }

  std::string_view text() const;            // of strings
  const std::vector<Value>& items() const;  // of lists and tuples

 private:
  explicit Value(Kind kind) : kind_(kind) {}

  Kind kind_ = Kind::missing;
  union {
    int64_t integer;
    double real;
  } number_ = {0};
  std::shared_ptr<Object> object_;  // owned by all copies of the value
};

struct StringObject : Object {
  std::string text;  // UTF-8
  size_t n_characters = 0;
  bool is_markup = false;  // markupsafe's Markup: what is added to it is escaped
  bool is_ascii() const { return n_characters == text.size(); }
};

struct SequenceObject : Object {
  std::vector<Value> items;
  bool is_group = false;  // of groupby: a tuple whose parts are also called `grouper` and `list`
};

struct ValueHash {
  size_t operator()(const Value& value) const;  // of hashable values
};
struct ValueEqual {
  bool operator()(const Value& left, const Value& right) const;
};

// Entries in the order of their insertion; equal keys (1, 1.0 and true are) are one.
class Dictionary {
 public:
  using Entry = std::pair<Value, Value>;

  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);  // `key` is hashable
  void reserve(size_t n_entries) { entries_.reserve(n_entries); }
  void clear();

 private:
  size_t position(const Value& key) const;  // of its entry, or the number of entries

  static constexpr size_t kIndexFrom = 12;  // below that many entries a walk beats the index
  std::vector<Entry> entries_;
  std::unordered_map<Value, size_t, ValueHash, ValueEqual> index_;
};

struct DictObject : Object {
  Dictionary dictionary;
};

enum class DictViewKind : uint8_t { keys, values, items };
struct DictViewObject : Object {
  Value dict;
  DictViewKind view = DictViewKind::keys;
};

struct RangeObject : Object {
  int64_t start = 0;
  int64_t step = 1;  // not 0
  int64_t stop = 0;
  int64_t length = 0;
  int64_t at(int64_t index) const { return start + index * step; }
};

struct IteratorObject : Object {
  const char* type_name = "generator";
  std::function<std::optional<Value>()> next;  // empties itself at the end
};

struct UndefinedObject : Object {
  std::string message;       // what a use of it says
  bool is_security = false;  // the sandbox forbids what it stands for
};

struct NamespaceObject : Object {
  Dictionary attributes;
  std::vector<Charge> more;  // for attributes that were added
};

struct MacroObject : Object {
  const Macro* macro = nullptr;  // of the program
  Frame* enclosing = nullptr;    // kept by the interpreter until the rendering ends
};

struct MethodObject : Object {
  Value self;
  std::string name;
};

enum class GlobalFunction : uint8_t { range, dict, lipsum, cycler, joiner, name_space, raise_exception, strftime_now };
struct FunctionObject : Object {
  GlobalFunction function = GlobalFunction::range;
};

struct CyclerObject : Object {
  std::vector<Value> items;
  size_t position = 0;
};

struct JoinerObject : Object {
  Value separator;
  bool is_used = false;
};

inline std::string_view Value::text() const { return as<StringObject>().text; }
inline const std::vector<Value>& Value::items() const { return as<SequenceObject>().items; }

// Python's name of the type, as in "'str' object".
const char* type_name(const Value& value);

bool is_hashable(const Value& value);

}  // namespace quandex::jinja
