// One tuned result: the problem and its conditions, the winning configuration, and the
// measurements. The file format is TOML; docs/cache-format.md describes it.

#ifndef JITATTN_CACHE_RECORD_H_
#define JITATTN_CACHE_RECORD_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cache/fingerprint.h"
#include "ops/conditions.h"
#include "ops/config.h"
#include "ops/problem.h"

namespace jitattn::cache {

// Identifies a record in the cache.
struct Key {
  ops::Problem bucket;         // ops::Bucket(problem)
  ops::Conditions conditions;  // the layout is information only: a record serves both layouts

  // "attn_f32_d64_causal.b1h16g16.q1024k1024.t2.avx512.hot": the file name without extension, and
  // the form that people type.
  std::string ToString() const;
};
// The key of a problem under these conditions. Its layout is the effective one (ops::Effective).
Key MakeKey(const ops::Problem& problem, const ops::Conditions& conditions);

struct Record {
  static constexpr int kFormatMajor = 1, kFormatMinor = 5;

  Key key;
  ops::Problem problem;    // the exact problem that was tuned
  ops::Config config;      // the winner
  std::string kernel;      // the name of the winner's kernel
  uint64_t code_hash = 0;  // hash of the winner's code as tuned; 0 if nothing was emitted
  Fingerprint fingerprint;

  // How the winner was found, and its speed. Times are in seconds, for one run of the whole
  // problem.
  struct Result {
    double median_s = 0, mad_s = 0, min_s = 0;
    int samples = 0;
    ops::Config default_config;
    double default_median_s = 0;
    double gain = 0, gain_low = 0, gain_high = 0;  // default ÷ winner, paired, with its interval
    double max_error = 0;                          // absolute, against the reference
    std::string strategy;
    uint64_t seed = 0;
    int evaluations = 0, space_size = 0;
    double tuning_s = 0;
    bool complete = true;                    // false: the search was cut short
    std::vector<std::string> machine_flags;  // "load 3.1 on 2 cpus", "governor powersave", …
  } result;

  std::string jitattn_version, xbyak_version;
  std::string date;  // ISO 8601, UTC

  // Keys that this version does not know, as TOML text of top-level entries. SerializeRecord writes
  // them unchanged.
  std::string unknown_toml;
};

// Parses a record from an untrusted source. Checks sizes, types, ranges and NaN, and calls
// ops::Validate(config, problem, cpu). Messages begin with the place, "kernels.toml:12: …".
// FailedPrecondition for a newer major format; InvalidArgument for everything else.
absl::StatusOr<Record> ParseRecord(std::string_view toml, std::string_view source, const Cpu& cpu);
std::string SerializeRecord(const Record& record);

inline constexpr int64_t kMaxRecordBytes = 64 << 10;

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_RECORD_H_
