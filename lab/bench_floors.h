// Floors and aims of `jitattn bench`. bench/floors.json has them for each kind of CPU and is built
// into the command.

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

// The content of bench/floors.json at build time.
extern const char kFloorsJson[];

class Floors {
 public:
  Floors() = default;  // no floors

  // Returns the rules of the host's kind of CPU; none if no kind lists the CPU. InvalidArgument
  // names the rule that is wrong.
  static absl::StatusOr<Floors> Parse(std::string_view json, const cache::Fingerprint& host);

  const std::string& kind() const { return kind_; }  // "" if no kind lists this CPU
  std::optional<Floor> Find(const cache::Key& key) const;

 private:
  std::string kind_;
  cli::Json rules_ = cli::Json::array();
};

// Returns the facts of a row that a rule's conditions may name: the keys of the problem's JSON,
// isa, threads, buffers, flops and bytes; for attention also group (query heads per kv head),
// length (if q_len equals kv_len) and square (N, if there is one head of N × N).
cli::Json FactsOf(const cache::Key& key);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_FLOORS_H_
