#include "base/shown.h"
#include "text/jinja/globals.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/subscript.h"

namespace quandex::jinja {

// `caller` is the body of a call block, or missing.
Value Interpreter::evaluate_call(const Call& node, Position at, Value caller) {
  // The usual callee, a method of a string, list or dict, is called without making an object of it.
  Value self, callee;
  const auto* attribute = std::get_if<Attribute>(&node.callee->node);
  if (attribute != nullptr) {
    self = evaluate(*attribute->object);
    runtime_.at = node.callee->at;
    if (method_state(self, attribute->name) != MethodState::callable) {
      callee = get_attribute(runtime_, self, attribute->name);
    }
  } else {
    callee = evaluate(*node.callee);
  }
  Arguments arguments = evaluate_arguments(node.arguments);
  if (!caller.is_missing()) arguments.keyword.emplace_back("caller", std::move(caller));
  runtime_.at = at;
  if (attribute != nullptr && callee.is_missing()) return call_method(runtime_, self, attribute->name, arguments);
  return call(callee, std::move(arguments));
}

Value Interpreter::call(const Value& callee, Arguments arguments) {
  switch (callee.kind()) {
    case Kind::undefined:
      fail_undefined(runtime_, callee);
    case Kind::macro:
      return call_macro(callee.as<MacroObject>(), std::move(arguments));
    case Kind::function:
      return call_global(runtime_, callee.as<FunctionObject>().function, arguments);
    case Kind::joiner:
      return call_joiner(runtime_, callee, arguments);
    case Kind::method: {
      const MethodObject& method = callee.as<MethodObject>();
      if (method.self.is(Kind::loop)) return call_loop_method(runtime_, method.self, method.name, arguments);
      if (method.self.is(Kind::cycler)) return call_cycler_method(runtime_, method.self, method.name, arguments);
      return call_method(runtime_, method.self, method.name, arguments);
    }
    case Kind::loop:
      runtime_.refuse("calling 'loop', which recursive loops do, is not supported");
    default:
      runtime_.fail("found a call of '{}', expected a macro, function or method", type_name(callee));
  }
}

Value Interpreter::make_macro(const Macro& macro) {
  auto object = runtime_.make_object<MacroObject>(0, 0);
  object->macro = &macro;
  object->enclosing = frame_;
  frame_->is_captured = true;
  return {Kind::macro, std::move(object)};
}

// Binds arguments as jinja2's macros do: by position, by name, then caller, kwargs and varargs where the body asks for
// them.
void Interpreter::bind_parameters(const Macro& macro, Arguments& arguments, Frame& frame) {
  const std::string name = macro.name.empty() ? "the call block" : fmt::format("the macro '{}'", shown(macro.name));
  auto& positional = arguments.positional;
  const size_t n_bound = std::min(positional.size(), macro.parameters.size());
  bool has_caller = false;
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const MacroParameter& parameter = macro.parameters[i];
    has_caller |= parameter.name == "caller";
    frame.slots[parameter.slot] = i < n_bound ? positional[i] : arguments.take(parameter.name);
  }
  if (macro.takes_caller && !has_caller) {
    Value caller = arguments.take("caller");
    const bool is_absent = caller.is_missing() || caller.is_none();
    frame.slots[macro.caller_slot] = is_absent ? runtime_.undefined("No caller defined") : std::move(caller);
  }
  if (macro.takes_keyword) {
    Dictionary rest;
    for (auto& [key, value] : arguments.keyword) rest.set(runtime_.string(key), value);
    frame.slots[macro.keyword_slot] = runtime_.dict(std::move(rest));
  } else if (!arguments.keyword.empty()) {
    runtime_.fail("found the argument '{}' of {}, which has none", shown(arguments.keyword.front().first), name);
  }
  if (macro.takes_positional) {
    std::vector<Value> rest(positional.begin() + static_cast<std::ptrdiff_t>(n_bound), positional.end());
    frame.slots[macro.positional_slot] = runtime_.tuple(std::move(rest));
  } else if (positional.size() > n_bound) {
    runtime_.fail("found {} arguments of {}, expected at most {}", positional.size(), name, macro.parameters.size());
  }
}

Value Interpreter::call_macro(const MacroObject& object, Arguments arguments) {
  const DepthGuard guard(runtime_);
  const Macro& macro = *object.macro;
  auto frame = std::make_unique<Frame>();
  frame->charge = runtime_.charge(sizeof(Frame) + macro.n_slots * sizeof(Value));
  frame->slots.resize(macro.n_slots);
  frame->enclosing = object.enclosing;
  bind_parameters(macro, arguments, *frame);
  arguments = {};  // the frame holds them, charged; the call may go deep

  Frame* const outer = std::exchange(frame_, frame.get());
  enter_scope(macro.scope);
  for (const MacroParameter& parameter : macro.parameters) {
    if (!frame->slots[parameter.slot].is_missing()) continue;
    frame->slots[parameter.slot] =
        parameter.default_value
            ? evaluate(*parameter.default_value)
            : runtime_.undefined(fmt::format("parameter '{}' was not provided", shown(parameter.name)));
  }
  Captured captured = capture(macro.body);
  frame_ = outer;
  if (frame->is_captured) kept_frames_.push_back(std::move(frame));
  return runtime_.string(std::move(captured.text));
}

}  // namespace quandex::jinja
