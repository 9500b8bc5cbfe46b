// What the tests of the cache share.

#include "tests/cache/cache_testing.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cache/toml.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/config.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::cache {

Cpu TestCpu() {
  Cpu cpu;
  cpu.vendor = "AuthenticAMD";
  cpu.family = 25;
  cpu.model = 17;
  cpu.stepping = 1;
  cpu.isa = cpu.detected_isa = Isa::kAvx512;
  cpu.logical_cpus = cpu.physical_cores = 8;
  return cpu;
}

Fingerprint TestHost() { return HostFingerprint(TestCpu()); }

ops::AttentionProblem Attention(int64_t q_len, int64_t kv_len) {
  ops::AttentionProblem problem;
  problem.q_len = q_len;
  problem.kv_len = kv_len;
  return problem;
}

Record TestRecord(const ops::Problem& problem) {
  Record record;
  record.problem = problem;
  record.key = MakeKey(problem, {.threads = 2, .layout = ops::Layout::kColumns});
  if (problem.Is<ops::SigmoidMulProblem>()) {
    record.config = record.result.default_config = jit::SigmoidMulConfig();
  } else {
    record.config = record.result.default_config = jit::TilesConfig();
  }
  record.kernel = "attn_f32_d64_causal_avx512_q4";
  record.code_hash = 0xfedcba9876543210;
  record.fingerprint = TestHost();
  record.jitattn_version = "0.1.0";
  record.xbyak_version = "6.68";
  record.date = "2026-01-02T03:04:05Z";

  Record::Result& result = record.result;
  result.median_s = 1.25e-3;
  result.mad_s = 1e-5;
  result.min_s = 0.1 + 0.2;  // 0.30000000000000004: needs all 17 digits
  result.samples = 31;
  result.default_median_s = 2.5e-3;
  result.gain = 2;
  result.gain_low = 1.75;
  result.gain_high = 2.125;
  result.max_error = 3e-7;
  result.strategy = "bayes";
  result.seed = 0xffffffffffffffff;  // beyond what a TOML integer holds
  result.evaluations = 100;
  result.space_size = 20000;
  result.tuning_s = 12.5;
  result.complete = false;
  result.machine_flags = {"load 3.1 on 2 cpus", "governor powersave"};
  return record;
}

Record TestRecord() {
  ops::AttentionProblem problem;
  problem.mask = jit::Mask::kCausal;
  problem.batch = 2;
  problem.heads = 16;
  problem.kv_heads = 4;
  problem.q_len = 1000;
  problem.kv_len = 1024;
  return TestRecord(problem);
}

std::vector<std::string> AllFields(const Record& record) {
  const auto& [key, problem, config, kernel, code_hash, fingerprint, result, jitattn, xbyak, date,
               unknown] = record;
  const auto& [median, mad, min, samples, default_config, default_median, gain, gain_low, gain_high,
               error, strategy, seed, evaluations, space, tuning, complete, flags] = result;
  const auto& [vendor, family, model, stepping, features, microcode, os, cores, l1, l2, l3] =
      fingerprint;
  std::vector<std::string> fields = {key.ToString(),
                                     ops::Describe(problem),
                                     kernel,
                                     absl::StrCat(code_hash),
                                     jitattn,
                                     xbyak,
                                     date,
                                     unknown,
                                     vendor,
                                     family,
                                     model,
                                     stepping,
                                     features,
                                     microcode,
                                     os,
                                     cores,
                                     l1,
                                     l2,
                                     l3,
                                     strategy,
                                     absl::StrCat(samples),
                                     absl::StrCat(seed),
                                     absl::StrCat(evaluations),
                                     absl::StrCat(space),
                                     absl::StrCat(complete),
                                     std::string(Name(key.conditions.layout))};
  for (double number :
       {median, mad, min, default_median, gain, gain_low, gain_high, error, tuning}) {
    fields.push_back(TomlNumber(number));
  }
  for (const ops::Config* c : {&config, &default_config}) {
    fields.push_back(ops::ToString(*c));
  }
  fields.insert(fields.end(), flags.begin(), flags.end());
  return fields;
}

std::string Edited(const std::string& text, std::string_view section, std::string_view key,
                   std::optional<std::string> value) {
  std::string result, current;
  bool found = false;
  for (absl::string_view view : absl::StrSplit(text, '\n')) {
    std::string line(view);
    if (line.starts_with('[')) current = line.substr(1, line.find(']') - 1);
    if (current == section && line.starts_with(std::string(key) + " = ")) {
      found = true;
      if (!value) continue;
      line = std::string(key) + " = " + *value;
    }
    result += line + "\n";
  }
  result.pop_back();
  EXPECT_TRUE(found) << section << "." << key << " is not in\n" << text;
  return result;
}

TemporaryFolder::TemporaryFolder() {
  path_ = ::testing::TempDir() + "jitattn-cache-XXXXXX";
  EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_;
  chmod(path_.c_str(), 0755);  // tests that change their user must still come here
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteText(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  // Whatever the umask says: a file that others may write to is another test's.
  chmod(path.c_str(), 0644);
}

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> AllNames(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

bool IsRoot() { return geteuid() == 0; }

int InChild(const std::function<int()>& body) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace jitattn::cache
