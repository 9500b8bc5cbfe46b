// One problem, this library and its peers in turn.

#include "bench/peers/contest.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <variant>

#include "bench/peers/peer.h"
#include "cli/buffer.h"
#include "cli/plan_flags.h"
#include "runtime/bench_limits.h"
#include "runtime/operands.h"
#include "runtime/plan.h"
#include "runtime/reference.h"

namespace jitattn::bench {
namespace {

// Peers compute in float32 with sums in another order than ours, and some with an exp of 1e-4
// relative error: wrong is what is off by more than that.
constexpr double kPeerTolerance = 2e-3;

// The operands of all, contiguous, their reference, and the task that points to them.
class Arena {
 public:
  static absl::StatusOr<std::unique_ptr<Arena>> Create(const jit::Problem& problem, uint64_t seed) {
    auto arena = std::make_unique<Arena>();
    arena->task_.problem = problem;
    absl::Status status = std::visit([&](const auto& p) { return arena->Fill(p, seed); }, problem);
    if (!status.ok()) return status;
    return arena;
  }

  PeerTask Task(int threads) const {
    PeerTask task = task_;
    task.threads = threads;
    return task;
  }

  void Run(const runtime::Plan& plan) const {
    is_attention() ? plan.RunUnchecked(task_.attention) : plan.RunUnchecked(task_.sigmoid_mul);
  }

  // "" if what the last run wrote is right.
  std::string Check() const {
    const runtime::Verdict verdict =
        reference_->Check(is_attention() ? task_.attention.out : task_.sigmoid_mul.out);
    if (verdict.correct || verdict.max_error <= kPeerTolerance) return "";
    return "wrong result: " + verdict.what;
  }

 private:
  bool is_attention() const { return jit::OpOf(task_.problem) == jit::Op::kAttention; }

  // Memory for so many elements, normal data in it. `into` may be of const elements.
  template <typename Pointer>
  absl::Status Add(jit::DType dtype, int64_t count, uint64_t seed, Pointer* into) {
    auto buffer = cli::Buffer::Create(count * jit::SizeOf(dtype));
    if (!buffer.ok()) return buffer.status();
    *into = buffer->data();
    runtime::FillNormal(dtype, buffer->data(), count, seed);
    buffers_.push_back(*std::move(buffer));
    return absl::OkStatus();
  }

  absl::Status Fill(const jit::AttentionProblem& p, uint64_t seed) {
    jitattn_attention_problem described;
    jitattn_attention_problem_init(&described, p.heads, p.q_len, p.head_dim);
    described.dtype = static_cast<int32_t>(p.dtype), described.mask = static_cast<int32_t>(p.mask);
    described.batch = p.batch, described.kv_heads = p.kv_heads, described.kv_len = p.kv_len;
    described.value_dim = p.value_dim;
    jitattn_attention_args_init(&task_.attention, &described);
    const int64_t q_rows = p.batch * p.heads * p.q_len, kv_rows = p.batch * p.kv_heads * p.kv_len;
    jitattn_attention_args& args = task_.attention;
    absl::Status status = Add(p.dtype, q_rows * p.head_dim, 4 * seed, &args.q);
    if (status.ok()) status = Add(p.dtype, kv_rows * p.head_dim, 4 * seed + 1, &args.k);
    if (status.ok()) status = Add(p.dtype, kv_rows * p.value_dim, 4 * seed + 2, &args.v);
    if (status.ok()) status = Add(p.dtype, q_rows * p.value_dim, 4 * seed + 3, &args.out);
    if (status.ok()) reference_ = std::make_unique<runtime::Reference>(p, args);
    return status;
  }

  absl::Status Fill(const jit::SigmoidMulProblem& p, uint64_t seed) {
    jitattn_sigmoid_mul_problem described;
    jitattn_sigmoid_mul_problem_init(&described, p.rows, p.cols);
    described.dtype = static_cast<int32_t>(p.dtype);
    jitattn_sigmoid_mul_args_init(&task_.sigmoid_mul, &described);
    jitattn_sigmoid_mul_args& args = task_.sigmoid_mul;
    absl::Status status = Add(p.dtype, p.rows * p.cols, 4 * seed, &args.x);
    if (status.ok()) status = Add(p.dtype, p.rows * p.cols, 4 * seed + 1, &args.out);
    if (status.ok()) reference_ = std::make_unique<runtime::Reference>(p, args);
    return status;
  }

  PeerTask task_;
  std::vector<cli::Buffer> buffers_;
  std::unique_ptr<runtime::Reference> reference_;
};

struct Entrant {
  size_t entry;  // index into the contest's entries
  int threads;
  PeerRun run;
};

std::vector<Peer> AllPeers() {
  std::vector<Peer> peers;
#if JITATTN_BENCH_OPENBLAS
  for (Peer& peer : OpenBlasPeers()) peers.push_back(std::move(peer));
#endif
#if JITATTN_BENCH_ONEDNN
  for (Peer& peer : OneDnnPeers()) peers.push_back(std::move(peer));
#endif
  return peers;
}

// Of several thread counts the one with the fastest run counts.
void Fill(Entry& entry, int threads, std::span<const double> samples, std::span<const double> ours,
          const runtime::Limits& limits) {
  const runtime::Statistics seconds = runtime::Summarise(samples);
  if (entry.threads != 0 && entry.seconds.min <= seconds.min) return;
  entry.threads = threads;
  entry.seconds = seconds;
  entry.fraction = limits.Fraction(seconds.min);
  entry.ours_faster = runtime::PairedRatio(samples, ours);
  // Too few rounds for an interval: what is left is the ratio of the fastest.
  if (samples.size() < runtime::kMinRounds) {
    entry.ours_faster.value = seconds.min / runtime::Summarise(ours).min;
  }
}

}  // namespace

absl::StatusOr<Contest> Hold(const jit::Problem& problem, const std::vector<std::string>& configs,
                             const cli::MachineFlags& machine, const runtime::TurnOptions& turns,
                             uint64_t seed) {
  const auto cpu = machine.Cpu();
  if (!cpu.ok()) return cpu.status();
  auto arena = Arena::Create(problem, seed);
  if (!arena.ok()) return arena.status();
  std::vector<int> counts = {1};
  if (machine.Threads() > 1) counts.push_back(machine.Threads());

  Contest contest{problem, {}};
  std::vector<Entrant> entrants;
  std::vector<std::unique_ptr<PeerTask>> tasks;
  auto enter = [&](int threads, const absl::StatusOr<PeerRun>& run) {
    Entry& entry = contest.entries.back();
    if (!run.ok()) {
      entry.why_not = std::string(run.status().message());
      return;
    }
    (*run)();
    entry.why_not = (*arena)->Check();
    if (entry.why_not.empty()) entrants.push_back({contest.entries.size() - 1, threads, *run});
  };
  for (const std::string& config : configs) {
    contest.entries.push_back({.name = "jitattn, " + config});
    for (const int threads : counts) {
      cli::MachineFlags here = machine;
      here.threads = threads;
      auto plan = cli::PlanFlags{.config = config}.Plan(problem, here);
      if (!plan.ok()) return plan.status();
      enter(threads, [&arena = **arena, plan = *plan] { arena.Run(*plan); });
    }
  }
  for (const Peer& peer : AllPeers()) {
    contest.entries.push_back({.name = peer.name});
    for (const int threads : counts) {
      tasks.push_back(std::make_unique<PeerTask>((*arena)->Task(threads)));
      enter(threads, peer.make(*tasks.back()));
    }
  }
  if (entrants.empty() || entrants[0].entry != 0) {
    return absl::InternalError(contest.entries[0].why_not);
  }

  std::map<int, runtime::LimitProbes> probes;
  for (const int threads : counts) {
    probes.try_emplace(threads, problem, static_cast<int64_t>(jit::Bytes(problem)), cpu->isa,
                       threads, *cpu);
  }
  std::vector<PeerRun> runs;
  for (const Entrant& entrant : entrants) runs.push_back(entrant.run);
  const std::vector<runtime::Timing> timings = runtime::TimeInTurn(
      runs,
      [&] {
        for (auto& [threads, probe] : probes) probe.Sample();
      },
      turns);

  // Ours at its best first: the others are compared with that.
  size_t best = 0;
  for (size_t i = 0; i < entrants.size() && entrants[i].entry == 0; ++i) {
    if (runtime::Summarise(timings[i].seconds).min <
        runtime::Summarise(timings[best].seconds).min) {
      best = i;
    }
  }
  for (size_t i = 0; i < entrants.size(); ++i) {
    Fill(contest.entries[entrants[i].entry], entrants[i].threads, timings[i].seconds,
         timings[best].seconds, probes.at(entrants[i].threads).limits());
  }
  return contest;
}

}  // namespace jitattn::bench
