// The CPU time that control groups (version 1 or 2) grant this process.

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cpu_topology.h"
#include "base/small_file.h"

namespace jitattn::inline base {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    parts.push_back(text.substr(0, text.find(separator)));
    text.remove_prefix(std::min(text.size(), parts.back().size() + 1));
  }
  return parts;
}

bool Contains(const std::vector<std::string_view>& parts, std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

// The hierarchy that can limit CPU time (a controller belongs to one hierarchy only), and the
// position of this process in it.
struct Hierarchy {
  bool version2 = false;
  std::string_view controllers;  // "cpu,cpuacct"; none in version 2
  std::string_view group;        // relative to the hierarchy's root: "/docker/0f3a"
};

// Lines of /proc/self/cgroup: "4:cpu,cpuacct:/docker/0f3a" (version 1), "0::/user.slice" (2).
std::optional<Hierarchy> FindHierarchy(std::string_view text) {
  std::optional<Hierarchy> found;
  for (std::string_view line : Split(text, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    if (Contains(Split(controllers, ','), "cpu")) return Hierarchy{false, controllers, group};
    if (line.substr(0, first) == "0" && controllers.empty()) found = Hierarchy{true, {}, group};
  }
  return found;
}

// The part of the hierarchy below `subtree` is visible at `mount_point`.
struct Mount {
  std::string_view subtree, mount_point;
};

// Lines of /proc/self/mountinfo: id, parent, device, subtree, mount point, options, optional
// fields, "-", file system, source, options. A version 1 hierarchy lists its controllers in the
// last field.
std::optional<Mount> FindMount(std::string_view text, bool version2) {
  for (std::string_view line : Split(text, '\n')) {
    const size_t dash = line.find(" - cgroup");
    if (dash == line.npos) continue;
    const auto before = Split(line.substr(0, dash), ' ');
    const auto after = Split(line.substr(dash + 3), ' ');
    if (before.size() < 6 || after.size() < 3) continue;
    const bool matches = version2 ? after[0] == "cgroup2"
                                  : after[0] == "cgroup" && Contains(Split(after[2], ','), "cpu");
    if (matches) return Mount{before[3], before[4]};
  }
  return std::nullopt;
}

std::optional<double> Ratio(std::string_view quota, std::string_view period) {
  const auto q = ParseInt(quota), p = ParseInt(period);  // "max" and −1 mean no limit
  if (!q || !p || *q <= 0 || *p <= 0) return std::nullopt;
  return static_cast<double>(*q) / static_cast<double>(*p);
}

std::optional<double> QuotaOf(const std::string& folder, bool version2) {
  if (!version2) {
    const std::string quota = ReadSmallFile(folder + "/cpu.cfs_quota_us");
    return quota.empty() ? std::nullopt
                         : Ratio(quota, ReadSmallFile(folder + "/cpu.cfs_period_us"));
  }
  const std::string text = ReadSmallFile(folder + "/cpu.max");  // "200000 100000"
  const auto words = Split(text, ' ');
  return words.size() == 2 ? Ratio(words[0], words[1]) : std::nullopt;
}

// The smallest quota from `group` up to the mount's root, and whether the group exists.
struct Walk {
  bool found = false;
  std::optional<double> least;
};

Walk WalkUp(const std::string& mount_point, std::string_view group, bool version2) {
  Walk walk;
  if (group == "/") group = "";
  const std::string own = absl::StrCat(mount_point, std::string(group), "/cgroup.procs");
  walk.found = access(own.c_str(), F_OK) == 0;
  while (walk.found) {
    const auto quota = QuotaOf(absl::StrCat(mount_point, std::string(group)), version2);
    if (quota && (!walk.least || *quota < *walk.least)) walk.least = quota;
    const size_t slash = group.rfind('/');
    if (slash == group.npos) break;
    group = group.substr(0, slash);
  }
  return walk;
}

}  // namespace

std::optional<double> CpuQuota(const std::string& root) {
  const std::string groups = ReadSmallFile(root + "/proc/self/cgroup");
  const auto hierarchy = FindHierarchy(groups);
  if (!hierarchy) return std::nullopt;
  const bool version2 = hierarchy->version2;

  // The usual mount point first: this saves reading the mount table, the slowest file here.
  const std::string usual = absl::StrCat(root, "/sys/fs/cgroup", version2 ? "" : "/",
                                         std::string(hierarchy->controllers));
  if (const Walk walk = WalkUp(usual, hierarchy->group, version2); walk.found) return walk.least;

  const std::string mountinfo = ReadSmallFile(root + "/proc/self/mountinfo");
  const auto mount = FindMount(mountinfo, version2);
  if (!mount) return std::nullopt;
  const std::string mount_point = root + std::string(mount->mount_point);
  // In a container without its own namespace, the mount shows only the container's subtree, but the
  // group is relative to the machine's root. Hence the common prefix is removed. If the group is
  // outside the subtree, only the mount's root is examined.
  std::string_view group = hierarchy->group;
  if (mount->subtree != "/") {
    const std::string_view rest = group.substr(std::min(group.size(), mount->subtree.size()));
    const bool below = group.substr(0, mount->subtree.size()) == mount->subtree &&
                       (rest.empty() || rest.front() == '/');
    group = below ? rest : "";
  }
  const Walk walk = WalkUp(mount_point, group, version2);
  return walk.found ? walk.least : WalkUp(mount_point, "", version2).least;
}

}  // namespace jitattn::inline base
