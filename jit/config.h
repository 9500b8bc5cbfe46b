// How a problem is solved: one value for every tunable. One table of fields per operation feeds the
// kernel's name, the record's TOML, the search space and the command line; adding a tunable is one
// line there and its use in an emitter.

#ifndef JITATTN_JIT_CONFIG_H_
#define JITATTN_JIT_CONFIG_H_

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jit/cpu.h"
#include "jit/isa.h"
#include "jit/problem.h"

namespace jitattn::jit {

// What lies in the lanes of attention's vectors: queries, many of which share each key; or columns,
// where few rows are held against many keys.
enum class LaneAxis : int { kQueries = 0, kColumns = 1 };

struct AttentionConfig {
  Isa isa = Isa::kAvx512;
  LaneAxis lanes = LaneAxis::kQueries;
  int q_vecs = 4;      // tile, in vectors of queries; columns: in rows, queries × grouped heads
  int kv_block = 128;  // keys whose scores are held at once
  int pack = 0;        // 1: keys and values are copied first, row to row (16-bit types always are)
  int qk_keys = 6;     // register block of Q·Kᵀ: keys …
  int qk_vecs = 4;     // … × vectors of queries
  int qk_unroll = 4;   // steps of the head dimension an iteration; columns: vectors of it
  int qk_embed = 0;    // 1: the FMA itself broadcasts its key element from memory (AVX-512)
  int qk_ahead = 0;    // the next register block's keys are fetched to 1: the L1, 2: the L2; 0: not
  int fuse_exp = 1;    // 1: exponentials taken on the accumulators; 0: on stored scores
  int exp_vecs = 4;    // exponentials in flight
  int exp_degree = 0;  // of their polynomial (EmitExp::Degrees); 0: the first of these
  int pv_form = 0;     // P·V broadcasts 0: P, lanes are value columns; 1: V, lanes are queries
                       // 2: products of pairs of bf16, columns: of Q·Kᵀ only
  int pv_rows = 6;     // register block of P·V: broadcast operands …
  int pv_vecs = 4;     // … × vectors of value columns (form 0) or queries (form 1)
  int pv_unroll = 2;   // keys an iteration
  int pv_embed = 0;    // as qk_embed
  int pv_ahead = 0;    // the next value columns are fetched to 1: the L1, 2: the L2; 0: not
  int prefetch = 0;    // rows of V fetched ahead, columns: of K and V; 0: none
  int task_tiles = 1;  // query tiles a thread takes at a time
  int kv_split = 0;    // columns: keys of a task, in kv_blocks; 0: all of them
  int threads = 1;

  friend bool operator==(const AttentionConfig&, const AttentionConfig&) = default;
};

struct SigmoidMulConfig {
  Isa isa = Isa::kAvx512;
  int vecs = 4;        // vectors in flight
  int unroll = 1;      // groups of `vecs` an iteration
  int table = 1;       // powers of two 1: from a register, 2: and more for the adders (EmitSigmoid)
  int reciprocal = 0;  // 1: vrcp14 and Newton steps for the division
  int non_temporal = 0;  // 1: stores that bypass the caches
  int prefetch = 0;      // cache lines fetched ahead; 0: none
  int page_ahead = 0;    // pages ahead of which a line is fetched; 0: none
  int threads = 1;

  friend bool operator==(const SigmoidMulConfig&, const SigmoidMulConfig&) = default;
};

using Config = std::variant<AttentionConfig, SigmoidMulConfig>;

// Elements of a vector register: `dtype` says what memory holds, lanes are of what it is computed
// in.
constexpr int Lanes(Isa isa, DType dtype) { return VecBytes(isa) / SizeOf(ComputeType(dtype)); }

Op OpOf(const Config& config);

struct Field {
  std::string_view name;  // in TOML, CSV, JSON and on the command line
  std::string_view tag;   // before the value in a kernel's name, separator included: "_q", "k";
                          // empty: does not shape code
  std::string_view help;
  std::span<const int> values;               // the ladder a search climbs, ascending
  std::span<const std::string_view> labels;  // names of 0, 1, …; empty for plain numbers
  bool is_log;                               // spaced by ratio: a surrogate sees log2(value)
  int (*get)(const Config&);
  void (*set)(Config&, int);

  bool shapes_code() const { return !tag.empty(); }
};

std::span<const Field> Fields(Op op);

// Null if there is none of that name.
const Field* FindField(Op op, std::string_view name);

// The only judge of validity; says which rule failed, with numbers: "q_vecs 4 × qk_keys 9 needs 41
// vector registers, avx512 has 32".
absl::Status Validate(const Config& config, const Spec& spec, const Cpu& cpu);

// Fields that do not apply to this point set to their one agreed value, so that one kernel and
// schedule is one point.
Config Canonical(Config config, const Spec& spec);

// The kernel's one name: spec, isa, and the tags and values of the fields that shape code.
std::string KernelName(const Spec& spec, const Config& config);

// "q_vecs=4 qk_keys=6 …" for people and logs; FromString of it gives the config back.
std::string ToString(const Config& config);
absl::StatusOr<Config> ConfigFromString(Op op, std::string_view text);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_CONFIG_H_
