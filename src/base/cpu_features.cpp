#include "base/cpu_features.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace quandex {
namespace {

constexpr std::array<std::pair<IsaLevel, std::string_view>, 5> kIsaNames{{
    {IsaLevel::base, "base"},
    {IsaLevel::avx2, "avx2"},
    {IsaLevel::avx512_vnni, "avx512_vnni"},
    {IsaLevel::neon_dotprod, "neon_dotprod"},
    {IsaLevel::neon_i8mm, "neon_i8mm"},
}};

std::vector<IsaLevel> detect_isa_levels() {
  std::vector<IsaLevel> levels{IsaLevel::base};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    levels.push_back(IsaLevel::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
      levels.push_back(IsaLevel::avx512_vnni);
  }
#elif defined(__aarch64__)
  constexpr unsigned long kHwcapDotProduct = 1ul << 20;  // HWCAP_ASIMDDP, Linux arm64 ABI
  constexpr unsigned long kHwcap2I8mm = 1ul << 13;       // HWCAP2_I8MM
  if (getauxval(AT_HWCAP) & kHwcapDotProduct) {
    levels.push_back(IsaLevel::neon_dotprod);
    if (getauxval(AT_HWCAP2) & kHwcap2I8mm) levels.push_back(IsaLevel::neon_i8mm);
  }
#endif
  return levels;
}

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<uint64_t> read_number(const std::string& path) {
  const std::string line = read_line(path);
  uint64_t value = 0;
  const auto result = std::from_chars(line.data(), line.data() + line.size(), value);
  if (result.ec != std::errc()) return std::nullopt;
  return value;
}

std::vector<int> allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> processors;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(static_cast<size_t>(i), &set)) processors.push_back(i);
  if (processors.empty()) processors.push_back(0);
  return processors;
}

int count_physical_cores(const std::vector<int>& processors) {
  std::set<std::string> cores;
  for (const int processor : processors) {
    const std::string topology = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", processor);
    const std::string siblings = read_line(topology + "thread_siblings_list");
    cores.insert(siblings.empty() ? std::to_string(processor) : siblings);
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

enum class CgroupVersion : uint8_t { v1, v2 };

// The path of this process's own cgroup, of the memory controller where version 1 has one for each.
std::string cgroup_path(const std::filesystem::path& root, CgroupVersion version) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    if (version == CgroupVersion::v2 ? line.starts_with("0::") : controllers.find(",memory,") != std::string::npos)
      return line.substr(second + 1);
  }
  return "/";
}

// The folders of this process's own cgroup and all its ancestors, as seen from inside a container too.
std::vector<std::string> cgroup_folders(const std::filesystem::path& root, CgroupVersion version) {
  const std::string top = root / (version == CgroupVersion::v2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
  std::vector<std::string> folders{top};
  std::string path = cgroup_path(root, version);
  while (path.size() > 1 && path.front() == '/') {
    folders.push_back(top + path);
    path.resize(std::max<size_t>(path.find_last_of('/'), 1));
  }
  return folders;
}

// CPUs' worth of time the cgroups allow, or nothing where there is no limit (version 2: cpu.max; version 1: cfs quota).
std::optional<double> cgroup_cpu_quota() {
  std::optional<double> least;
  const auto note = [&](double quota, double period) {
    if (quota > 0 && period > 0 && (!least || quota / period < *least)) least = quota / period;
  };
  for (const std::string& folder : cgroup_folders("/", CgroupVersion::v2)) {
    std::istringstream fields(read_line(folder + "/cpu.max"));
    std::string quota;
    double period = 0;
    if (fields >> quota >> period && quota != "max") note(std::strtod(quota.c_str(), nullptr), period);
  }
  const auto quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota && period) note(static_cast<double>(*quota), static_cast<double>(*period));
  return least;
}

std::string cpu_model_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
#if defined(__aarch64__)
  return "Arm 64-bit processor";
#else
  return "unknown processor";
#endif
}

}  // namespace

std::string_view isa_name(IsaLevel level) {
  for (const auto& [candidate, name] : kIsaNames)
    if (candidate == level) return name;
  return "unknown";
}

std::optional<IsaLevel> isa_from_name(std::string_view name) {
  for (const auto& [level, candidate] : kIsaNames)
    if (candidate == name) return level;
  return std::nullopt;
}

std::span<const IsaLevel> supported_isa_levels() {
  static const std::vector<IsaLevel> levels = detect_isa_levels();
  return levels;
}

CpuDescription describe_cpu() {
  const std::vector<int> processors = allowed_processors();
  CpuDescription description;
  description.model_name = cpu_model_name();
  description.n_logical = static_cast<int>(processors.size());
  description.n_physical = count_physical_cores(processors);
  description.n_usable = description.n_physical;
  if (const auto quota = cgroup_cpu_quota())
    description.n_usable = std::clamp(static_cast<int>(*quota + 0.999), 1, description.n_physical);
  return description;
}

int default_thread_count() { return describe_cpu().n_usable; }

namespace {

// What /proc/meminfo and memory.stat have behind a name at the start of a line, or nothing.
std::optional<uint64_t> read_field(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string key;
    uint64_t value = 0;
    if (fields >> key >> value && key == name) return value;
  }
  return std::nullopt;
}

// The names that a version of the cgroups has for one thing each.
struct MemoryFiles {
  std::string_view limit, used, active_file, inactive_file;
};
constexpr MemoryFiles kVersion2{"/memory.max", "/memory.current", "active_file", "inactive_file"};
constexpr MemoryFiles kVersion1{"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_active_file",
                                "total_inactive_file"};

// Without a limit a cgroup of version 2 says "max", one of version 1 a number that no machine has.
void limit_by_cgroup(MemoryDescription& memory, const std::string& folder, const MemoryFiles& files) {
  const auto limit = read_number(folder + std::string(files.limit));
  if (!limit) return;
  const std::string stat = folder + "/memory.stat";
  const uint64_t charged = read_number(folder + std::string(files.used)).value_or(0);
  const uint64_t of_files =
      read_field(stat, files.active_file).value_or(0) + read_field(stat, files.inactive_file).value_or(0);
  const uint64_t used = charged - std::min(charged, of_files);
  memory.total_bytes = std::min(memory.total_bytes, *limit);
  memory.available_bytes = std::min(memory.available_bytes, *limit - std::min(*limit, used));
}

}  // namespace

MemoryDescription describe_memory(const std::filesystem::path& root) {
  const std::string meminfo = root / "proc/meminfo";
  MemoryDescription memory;
  memory.total_bytes = read_field(meminfo, "MemTotal:").value_or(0) * 1024;
  memory.available_bytes = read_field(meminfo, "MemAvailable:").value_or(0) * 1024;
  for (const std::string& folder : cgroup_folders(root, CgroupVersion::v2)) limit_by_cgroup(memory, folder, kVersion2);
  for (const std::string& folder : cgroup_folders(root, CgroupVersion::v1)) limit_by_cgroup(memory, folder, kVersion1);
  return memory;
}

}  // namespace quandex
