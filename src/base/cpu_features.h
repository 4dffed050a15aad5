// What this processor can do, read once (CPUID on x86, the auxiliary vector on Arm). The levels are those the CPU
// backend has kernels for; each includes the ones before it on the same architecture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quandex {

enum class IsaLevel : uint8_t { base, avx2, avx512_vnni, neon_dotprod, neon_i8mm };

std::string_view isa_name(IsaLevel level);
std::optional<IsaLevel> isa_from_name(std::string_view name);

// All levels this machine can run, lowest first; the first is always `base`.
std::span<const IsaLevel> supported_isa_levels();

struct CpuDescription {
  std::string model_name;
  int n_logical = 1;   // processors this process may run on (affinity mask)
  int n_physical = 1;  // cores among them, each counted once however many hardware threads it has
  int n_usable = 1;    // physical cores within the cgroup's CPU quota, rounded up; the default thread count
};
CpuDescription describe_cpu();

// Bytes of memory this process can use: the least of the machine's and its cgroups' limits (version 2 or 1); and what
// is free of it now, memory that only holds copies of files included. Both 0 where the system does not say.
struct MemoryDescription {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;
};
// `root` is where proc/ and sys/ are: a folder of files in their place serves the tests.
MemoryDescription describe_memory(const std::filesystem::path& root = "/");

}  // namespace quandex
