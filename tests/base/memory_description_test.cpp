// What describe_memory() makes of a machine's files, from folders that stand for it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/cpu_features.h"
#include "support/temporary_folder.h"

namespace quandex {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

class MemoryOf : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path to = folder_.path() / path;
    std::filesystem::create_directories(to.parent_path());
    std::ofstream(to) << text;
  }
  void write_meminfo(uint64_t total, uint64_t available) const {
    write("proc/meminfo", fmt::format("MemTotal:       {} kB\nMemFree:  1 kB\nMemAvailable:   {} kB\nBuffers: 5 kB\n",
                                      total / 1024, available / 1024));
  }
  void write_cgroup2(const std::string& path, const std::string& most, uint64_t used) const {
    write("sys/fs/cgroup" + path + "/memory.max", most + "\n");
    write("sys/fs/cgroup" + path + "/memory.current", std::to_string(used) + "\n");
  }
  void expect(uint64_t total, uint64_t available) const {
    const MemoryDescription memory = describe_memory(folder_.path());
    EXPECT_EQ(memory.total_bytes, total);
    EXPECT_EQ(memory.available_bytes, available);
  }

  TemporaryFolder folder_{"memory"};
};

TEST_F(MemoryOf, a_machine_without_cgroups_is_what_meminfo_says) {
  write_meminfo(16 * kGiB, 9 * kGiB);
  expect(16 * kGiB, 9 * kGiB);
}

TEST_F(MemoryOf, a_machine_that_says_nothing_is_unknown) { expect(0, 0); }

TEST_F(MemoryOf, a_container_has_its_limit_less_what_it_uses) {
  write_meminfo(16 * kGiB, 9 * kGiB);
  write("proc/self/cgroup", "0::/\n");
  write_cgroup2("", std::to_string(4 * kGiB), kGiB);
  expect(4 * kGiB, 3 * kGiB);
}

TEST_F(MemoryOf, the_tightest_of_all_ancestors_counts) {
  write_meminfo(16 * kGiB, 15 * kGiB);
  write("proc/self/cgroup", "0::/user.slice/app.scope\n");
  write_cgroup2("/user.slice/app.scope", "max", kGiB);
  write_cgroup2("/user.slice", std::to_string(8 * kGiB), 6 * kGiB);
  write_cgroup2("/other.slice", std::to_string(kGiB), kGiB);
  expect(8 * kGiB, 2 * kGiB);
  write_cgroup2("/user.slice/app.scope", std::to_string(3 * kGiB), 2 * kGiB + 1);
  expect(3 * kGiB, kGiB - 1);
}

TEST_F(MemoryOf, a_limit_above_the_machine_changes_nothing) {
  write_meminfo(16 * kGiB, 2 * kGiB);
  write_cgroup2("", std::to_string(100 * kGiB), kGiB);
  expect(16 * kGiB, 2 * kGiB);
}

TEST_F(MemoryOf, a_cgroup_beyond_its_limit_has_nothing_free) {
  write_meminfo(16 * kGiB, 9 * kGiB);
  write_cgroup2("", std::to_string(kGiB), 2 * kGiB);
  expect(kGiB, 0);
}

// Copies of files are charged to the cgroup and given up when memory is wanted.
TEST_F(MemoryOf, copies_of_files_count_as_free) {
  write_meminfo(16 * kGiB, 9 * kGiB);
  write_cgroup2("", std::to_string(4 * kGiB), 3 * kGiB);
  write("sys/fs/cgroup/memory.stat",
        fmt::format("anon {}\nfile {}\ninactive_anon 7\nactive_file {}\ninactive_file {}\n", kGiB, 2 * kGiB, kGiB / 2,
                    kGiB));
  expect(4 * kGiB, 4 * kGiB - 3 * kGiB / 2);
}

TEST_F(MemoryOf, version_1_has_other_names) {
  write_meminfo(16 * kGiB, 9 * kGiB);
  write("proc/self/cgroup", "12:cpu,cpuacct:/docker/x\n5:memory:/docker/abc\n1:name=systemd:/docker/x\n");
  const std::string folder = "sys/fs/cgroup/memory/docker/abc/";
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n");
  expect(16 * kGiB, 9 * kGiB);
  write(folder + "memory.limit_in_bytes", std::to_string(2 * kGiB));
  write(folder + "memory.usage_in_bytes", std::to_string(kGiB));
  write(folder + "memory.stat", fmt::format("cache {}\ntotal_inactive_file {}\ntotal_active_file 0\n", kGiB, kGiB / 4));
  expect(2 * kGiB, kGiB + kGiB / 4);
}

TEST_F(MemoryOf, files_of_nonsense_are_no_limits) {
  write_meminfo(16 * kGiB, 9 * kGiB);
  write("proc/self/cgroup", "nonsense\n0::relative\n:\n");
  write_cgroup2("", "many", 3);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "-1\n");
  expect(16 * kGiB, 9 * kGiB);
}

TEST(MemoryDescription, this_machine_has_some) {
  const MemoryDescription memory = describe_memory();
  EXPECT_GT(memory.total_bytes, 0u);
  EXPECT_GT(memory.available_bytes, 0u);
  EXPECT_LE(memory.available_bytes, memory.total_bytes);
}

}  // namespace
}  // namespace quandex
