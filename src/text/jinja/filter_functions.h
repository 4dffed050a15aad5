// The functions behind the filters, by what they work on.
#pragma once

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace quandex::jinja::filter {

// Text (filters_text.cpp, filters_wrap.cpp, filters_html.cpp).
Value capitalize(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value center(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value format(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value indent(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value lower(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value pprint(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value replace(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value string(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value title(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value tojson(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value trim(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value truncate(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value upper(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value wordcount(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value wordwrap(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value escape(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value forceescape(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value safe(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value striptags(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value urlencode(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value xmlattr(Runtime& runtime, const Value& operand, const Arguments& arguments);

// Numbers (filters_number.cpp).
Value abs(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value filesizeformat(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value to_float(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value to_int(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value round(Runtime& runtime, const Value& operand, const Arguments& arguments);

// Sequences and dicts (filters_sequence.cpp, filters_order.cpp).
Value attr(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value batch(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value default_value(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value first(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value items(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value join(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value last(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value length(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value list(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value reverse(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value slice(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value sum(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value dictsort(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value groupby(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value max(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value min(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value sort(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value unique(Runtime& runtime, const Value& operand, const Arguments& arguments);

// Other filters and tests applied to each item (filters_each.cpp).
Value map(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value reject(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value rejectattr(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value select(Runtime& runtime, const Value& operand, const Arguments& arguments);
Value selectattr(Runtime& runtime, const Value& operand, const Arguments& arguments);

}  // namespace quandex::jinja::filter
