// The roofs of a machine, measured: bytes a second that its threads can read from memory, and operations a second that
// they can do on registers. Every figure of speed is printed with its share of these.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace quandex::cli {

struct ArithmeticRoof {
  std::string isa;
  double int8_operations = 0, f32_operations = 0;  // a second, all threads; multiply and add counted apart
};

struct Roofs {
  int n_threads = 1;
  uint64_t buffer_bytes = 0;
  double huge_page_bandwidth = 0;          // bytes a second, best of the repeats; 0 where not measured
  double small_page_bandwidth = 0;         // the same over 4 KiB pages
  double huge_page_share = 0;              // of the buffer that the kernel really backed with huge pages
  std::vector<ArithmeticRoof> arithmetic;  // lowest ISA level first; empty after a quick measurement

  double bandwidth() const {
    return huge_page_bandwidth > small_page_bandwidth ? huge_page_bandwidth : small_page_bandwidth;
  }
  double int8_operations() const;  // of the best level
  double f32_operations() const;
};

enum class RoofEffort : uint8_t {
  full,   // ≥ 1 GiB (or a quarter of the free memory), both page sizes, arithmetic: 2 to 3 s
  quick,  // bandwidth alone over a smaller buffer: about 0.3 s
};

Roofs measure_roofs(int n_threads, RoofEffort effort);

// The same in a child process, which is this program run with a hidden verb: the buffer never counts as memory of this
// process. Throws Error{device} where the child fails.
Roofs measure_roofs_in_child(int n_threads, RoofEffort effort);

// Field by field the better of two measurements: noise on a shared machine only ever lowers one.
Roofs better_of(const Roofs& a, const Roofs& b);

nlohmann::ordered_json roofs_to_json(const Roofs& roofs);
Roofs roofs_from_json(const nlohmann::ordered_json& json);

}  // namespace quandex::cli
