// Floors and aims of `jitattn bench`: data, kept for each kind of CPU in bench/floors.json, which
// is built into the command.

#ifndef JITATTN_LAB_BENCH_FLOORS_H_
#define JITATTN_LAB_BENCH_FLOORS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cache/fingerprint.h"
#include "cli/json.h"
#include "lab/bench_row.h"

namespace jitattn::lab {

// bench/floors.json as it was when the command was built.
extern const char kFloorsJson[];

class Floors {
 public:
  Floors() = default;  // knows none

  // The rules of the kind that `host` is of; none where no kind lists it. InvalidArgument says
  // which rule is wrong.
  static absl::StatusOr<Floors> Parse(std::string_view json, const cache::Fingerprint& host);

  const std::string& kind() const { return kind_; }  // "" if this CPU is of none
  std::optional<Floor> Find(const cache::Key& key) const;

 private:
  std::string kind_;
  cli::Json rules_ = cli::Json::array();
};

// What a rule may ask of a row: the keys of the problem's JSON, isa, threads, buffers, flops,
// bytes; of attention also group (query heads a kv head), length (where q_len is kv_len) and square
// (the N of one head of N × N).
cli::Json FactsOf(const cache::Key& key);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_FLOORS_H_
