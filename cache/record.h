// One tuned result: what was asked, what won, how that is known. The file format is TOML,
// docs/cache-format.md describes it.

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

// What a record is found by.
struct Key {
  ops::Problem bucket;         // ops::Bucket(problem)
  ops::Conditions conditions;  // the layout is a note: records serve both

  // "attn_f32_d64_causal.b1h16g16.q1024k1024.t2.avx512.hot": a file name, and what people type.
  std::string ToString() const;
};
// With the layout that the problem makes of the conditions' (ops::Effective).
Key MakeKey(const ops::Problem& problem, const ops::Conditions& conditions);

struct Record {
  static constexpr int kFormatMajor = 1, kFormatMinor = 4;

  Key key;
  ops::Problem problem;    // the exact one that was tuned
  ops::Config config;      // the winner
  std::string kernel;      // its name
  uint64_t code_hash = 0;  // of the winner's code when it was tuned
  Fingerprint fingerprint;

  // How it was found and what it achieved. Times in seconds, of one run of the whole problem.
  struct Result {
    double median_s = 0, mad_s = 0, min_s = 0;
    int samples = 0;
    ops::Config default_config;
    double default_median_s = 0;
    double gain = 0, gain_low = 0, gain_high = 0;  // default ÷ winner, paired, and its interval
    double max_error = 0;                          // against the reference, absolute
    std::string strategy;
    uint64_t seed = 0;
    int evaluations = 0, space_size = 0;
    double tuning_s = 0;
    bool complete = true;                    // false: the search was cut short
    std::vector<std::string> machine_flags;  // "load 3.1 on 2 cpus", "governor powersave", …
  } result;

  std::string jitattn_version, xbyak_version;
  std::string date;  // ISO 8601, UTC

  // Keys this version does not know, kept as they were when the record is written again: TOML text
  // of the top-level entries.
  std::string unknown_toml;
};

// Data from outside: sizes, types, ranges and NaN are checked, and Validate(config, spec, cpu) is
// asked. The message says what is wrong and where: "kernels.toml:12: …". FailedPrecondition for a
// newer major format; InvalidArgument for everything else.
absl::StatusOr<Record> ParseRecord(std::string_view toml, std::string_view source, const Cpu& cpu);
std::string SerializeRecord(const Record& record);

inline constexpr int64_t kMaxRecordBytes = 64 << 10;

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_RECORD_H_
