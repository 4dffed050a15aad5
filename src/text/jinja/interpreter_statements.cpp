#include <algorithm>

#include "text/jinja/globals.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/json_value.h"
#include "text/jinja/loop.h"
#include "text/jinja/operators.h"

namespace quandex::jinja {

Interpreter::Interpreter(const Program& program, std::string_view name, const RenderOptions& options)
    : program_(program), runtime_(name, options) {}

std::string Interpreter::render(const Json& context) {
  context_ = to_variables(runtime_, context);
  kept_frames_.push_back(std::make_unique<Frame>());
  frame_ = kept_frames_.back().get();
  frame_->slots.resize(program_.n_slots);
  frame_->charge = runtime_.charge(program_.n_slots * sizeof(Value));
  std::string out;
  out_ = &out;
  enter_scope(program_.scope);
  run(program_.body);
  return out;
}

Value& Interpreter::variable(VariableRef ref) {
  Frame* frame = frame_;
  for (uint32_t i = 0; i < ref.hops; ++i) frame = frame->enclosing;
  return frame->slots[ref.slot];
}

Value Interpreter::load_from_context(const std::string& name) {
  const auto found = context_.find(name);
  return found != context_.end() ? found->second : find_global(runtime_, name);
}

void Interpreter::enter_scope(const Scope& scope) {
  for (const Load& load : scope) {
    Value& slot = frame_->slots[load.slot];
    if (load.action == LoadAction::context) {
      slot = load_from_context(load.name);
    } else if (load.action == LoadAction::alias) {
      slot = variable(load.variable);
    } else {
      slot = Value();
    }
  }
}

void Interpreter::emit(std::string_view text) {
  const size_t most = runtime_.options().max_output_bytes;
  if (text.size() > most - std::min(most, n_written_bytes_)) {
    runtime_.fail("the template writes more than {} bytes, the most that are allowed", most);
  }
  n_written_bytes_ += text.size();
  out_->append(text);
}

void Interpreter::emit(const Value& value) {
  if (value.is_string()) return emit(value.text());
  emit(to_text(runtime_, value));
}

// What blocks write must be text already.
void Interpreter::emit_text(const Value& value) {
  if (!value.is_string()) runtime_.fail("found '{}' as what a block writes, expected a string", type_name(value));
  emit(value.text());
}

Interpreter::Captured Interpreter::capture(const Body& body) {
  Captured captured;
  std::string* const out = std::exchange(out_, &captured.text);
  captured.flow = run(body);
  out_ = out;
  n_written_bytes_ -= captured.text.size();
  return captured;
}

Interpreter::Flow Interpreter::run(const Body& body) {
  for (const Statement& statement : body) {
    const Flow flow = run(statement);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const Statement& statement) {
  const DepthGuard guard(runtime_);
  runtime_.step();
  runtime_.at = statement.at;
  return std::visit([this](const auto& node) { return run_node(node); }, statement.node);
}

Interpreter::Flow Interpreter::run_node(const Output& output) {
  for (const auto& part : output.parts) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      emit(std::string_view(*text));
    } else {
      const Expression& expression = *std::get<ExpressionPtr>(part);
      const Value value = evaluate(expression);
      runtime_.at = expression.at;
      emit(value);
    }
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run_node(const Assign& assign_node) {
  check_namespaces(*assign_node.target);
  const Value value = evaluate(*assign_node.value);
  runtime_.at = assign_node.target->at;
  assign(*assign_node.target, value);
  return Flow::next;
}

// The chain of filters of a block, applied to its text.
Value Interpreter::filter_text(const Expression& filter, std::string text) {
  const Value outer_text = std::exchange(block_text_, runtime_.string(std::move(text)));
  Value value = evaluate(filter);
  block_text_ = outer_text;
  return value;
}

Interpreter::Flow Interpreter::run_node(const AssignBlock& block) {
  const Position at = runtime_.at;
  enter_scope(block.scope);
  Captured captured = capture(block.body);
  if (captured.flow != Flow::next) return captured.flow;
  runtime_.at = at;
  const Value value =
      block.filter ? filter_text(*block.filter, std::move(captured.text)) : runtime_.string(std::move(captured.text));
  runtime_.at = at;
  assign(*block.target, value);
  return Flow::next;
}

Interpreter::Flow Interpreter::run_node(const FilterBlock& block) {
  enter_scope(block.scope);
  Captured captured = capture(block.body);
  if (captured.flow != Flow::next) return captured.flow;
  emit_text(filter_text(*block.filter, std::move(captured.text)));
  return Flow::next;
}

Interpreter::Flow Interpreter::run_node(const If& statement) {
  for (const auto& [condition, body] : statement.branches) {
    if (is_true(evaluate(*condition))) return run(body);
  }
  return run(statement.otherwise);
}

Interpreter::Flow Interpreter::run_node(const With& statement) {
  enter_scope(statement.scope);
  for (const auto& [target, value] : statement.assignments) assign(*target, evaluate(*value));
  return run(statement.body);
}

Interpreter::Flow Interpreter::run_node(const MacroDefinition& definition) {
  variable(definition.variable) = make_macro(*definition.macro);
  return Flow::next;
}

Interpreter::Flow Interpreter::run_node(const CallBlock& block) {
  const Value body = make_macro(*block.body);
  emit_text(block.call ? evaluate_call(std::get<Call>(block.call->node), block.call->at, body)
                       : call_macro(body.as<MacroObject>(), {}));
  return Flow::next;
}

// The items that the condition of a loop lets through, as they are asked for.
Value Interpreter::filtered(const For& loop, const Value& iterable) {
  frame_->is_captured = true;  // `loop` may be asked for its next item after the call is over
  auto next = [this, &loop, frame = frame_, items = ValueIterator(runtime_, iterable)]() mutable {
    Frame* const outer = std::exchange(frame_, frame);
    std::optional<Value> found;
    while (!found) {
      auto item = items.next();
      if (!item) break;
      enter_scope(loop.condition_scope);
      assign(*loop.condition_target, *item);
      if (!is_true(evaluate(*loop.condition))) continue;
      // A tuple as the target makes a new tuple of what it was given.
      const bool is_tuple = std::holds_alternative<TupleLiteral>(loop.condition_target->node);
      found = is_tuple ? evaluate(*loop.condition_target) : std::move(*item);
    }
    frame_ = outer;
    return found;
  };
  return runtime_.iterator("generator", iterable.nesting(), std::move(next));
}

Interpreter::Flow Interpreter::run_turn(const For& loop, const Value& item) {
  runtime_.at = loop.target->at;
  assign(*loop.target, item);
  enter_scope(loop.scope);
  return run(loop.body);
}

Interpreter::Flow Interpreter::run_node(const For& loop) {
  Value iterable = evaluate(*loop.iterable);
  runtime_.at = loop.iterable->at;
  if (loop.condition) iterable = filtered(loop, iterable);
  bool has_else = true;
  // Whether the loop goes on. In jinja2 the else branch belongs to loops none of whose turns came to its end, those
  // that break or continue left included.
  const auto turn = [&](const Value& item) {
    const Flow flow = run_turn(loop, item);
    if (flow == Flow::next) has_else = false;
    return flow != Flow::break_loop;
  };
  if (loop.uses_loop) {
    auto object = runtime_.make_object<LoopObject>(0, iterable.nesting(), runtime_, iterable);
    LoopObject& state = *object;
    const Value value(Kind::loop, std::move(object));
    frame_->slots[loop.loop_slot] = value;
    while (const auto item = state.next()) {
      if (!turn(*item)) break;
    }
    frame_->slots[loop.loop_slot] = Value();
  } else {
    ValueIterator items(runtime_, iterable);
    while (const auto item = items.next()) {
      if (!turn(*item)) break;
    }
  }
  for (const Load& load : loop.scope) frame_->slots[load.slot] = Value();
  if (!has_else) return Flow::next;
  enter_scope(loop.else_scope);
  return run(loop.otherwise);
}

void Interpreter::check_namespaces(const Expression& target) {
  if (const auto* tuple = std::get_if<TupleLiteral>(&target.node)) {
    for (const auto& item : tuple->items) check_namespaces(*item);
  } else if (const auto* attribute = std::get_if<NamespaceAttribute>(&target.node)) {
    runtime_.at = target.at;
    const Value& value = variable(attribute->variable);
    if (!value.is(Kind::name_space)) {
      runtime_.fail("found an assignment to an attribute of '{}', expected a namespace", type_name(value));
    }
  }
}

void Interpreter::assign(const Expression& target, const Value& value) {
  if (const auto* name = std::get_if<Name>(&target.node)) {
    variable(name->variable) = value;
  } else if (const auto* attribute = std::get_if<NamespaceAttribute>(&target.node)) {
    const Value space = variable(attribute->variable);
    NamespaceObject& object = space.as<NamespaceObject>();
    if (object.attributes.find(attribute->attribute) == nullptr) {
      object.more.push_back(runtime_.charge(sizeof(Dictionary::Entry) + 2 * attribute->attribute.size()));
    }
    object.attributes.set(runtime_.string(attribute->attribute), value);
  } else {
    assign_items(std::get<TupleLiteral>(target.node), value);
  }
}

void Interpreter::assign_items(const TupleLiteral& target, const Value& value) {
  const size_t n_targets = target.items.size();
  std::vector<Value> items;
  ValueIterator iterator(runtime_, value);
  while (items.size() <= n_targets) {
    auto item = iterator.next();
    if (!item) break;
    items.push_back(std::move(*item));
  }
  if (items.size() > n_targets) runtime_.fail("found more than {} values to unpack, expected {}", n_targets, n_targets);
  if (items.size() < n_targets) runtime_.fail("found {} values to unpack, expected {}", items.size(), n_targets);
  for (size_t i = 0; i < n_targets; ++i) assign(*target.items[i], items[i]);
}

}  // namespace quandex::jinja
