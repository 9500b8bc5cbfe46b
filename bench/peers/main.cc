// jitattn_peers: the command jitattn with the libraries that CMake found as further methods of
// `compare`.

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "bench/peers/peer.h"
#include "cli/app.h"
#include "lab/compare_methods.h"
#include "lab/measuring/bench_timing.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/operands.h"

namespace jitattn::bench {
namespace {

class PeerContender final : public lab::Contender {
 public:
  PeerContender(Peer peer, const ops::Problem& problem, const runtime::Operands& operands)
      : peer_(std::move(peer)), problem_(problem), operands_(operands) {}

  // Compiles the peer's runs for a number of threads at their first use, before timing starts.
  absl::Status Prepare(int threads) {
    std::vector<Run>& runs = runs_[threads];
    while (std::ssize(runs) < operands_.sets()) {
      auto task =
          std::make_unique<PeerTask>(PeerTask{problem_, operands_.Args(std::ssize(runs)), threads});
      auto run = peer_.make(*task);
      if (!run.ok()) return run.status();
      runs.push_back({std::move(task), *std::move(run)});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<double> Time(int threads, int64_t calls, bool warm, double limit_s) override {
    if (absl::Status status = Prepare(threads); !status.ok()) return status;
    const double deadline = SteadyNow() + limit_s;
    if (warm) Once(threads);
    const double start = SteadyNow();
    for (int64_t i = 0; i < calls; ++i) {
      Once(threads);
      if (calls > 1 && i % kLook == 0 && SteadyNow() > deadline) {
        return absl::DeadlineExceededError("given up");
      }
    }
    return (SteadyNow() - start) / static_cast<double>(calls);
  }

 private:
  static constexpr int64_t kLook = 64;  // calls between two looks at the clock
  struct Run {
    std::unique_ptr<PeerTask> task;  // `run` refers to it
    PeerRun run;
  };

  void Once(int threads) {
    runs_[threads][set_].run();
    if (++set_ == operands_.sets()) set_ = 0;
  }

  const Peer peer_;
  const ops::Problem problem_;
  const runtime::Operands& operands_;
  std::map<int, std::vector<Run>> runs_;  // by number of threads, one run per set
  int64_t set_ = 0;
};

// The peers are written for attention with a causal mask at most, and for SiLU.
bool HasOptions(const ops::Problem& problem) {
  if (const auto* p = problem.If<ops::AttentionProblem>()) {
    return p->has_extras() || p->mask == jit::Mask::kWindow || p->chunk > 0;
  }
  const auto* p = problem.If<ops::SigmoidMulProblem>();
  return p != nullptr &&
         *p != ops::SigmoidMulProblem{.dtype = p->dtype, .rows = p->rows, .cols = p->cols};
}

lab::LinkedMethod MethodOf(const Peer& peer) {
  return {
      peer.name, peer.version,
      [peer](const ops::Problem& problem,
             const runtime::Operands& operands) -> absl::StatusOr<std::unique_ptr<lab::Contender>> {
        if (HasOptions(problem)) {
          return absl::UnimplementedError(absl::StrCat("not written here for ", Describe(problem)));
        }
        auto contender = std::make_unique<PeerContender>(peer, problem, operands);
        if (absl::Status status = contender->Prepare(1); !status.ok()) return status;
        return contender;
      }};
}

void AddPeers(const std::vector<Peer>& peers) {
  for (const Peer& peer : peers) lab::LinkedMethods().push_back(MethodOf(peer));
}

}  // namespace
}  // namespace jitattn::bench

int main(int argc, char** argv) {
#if JITATTN_BENCH_OPENBLAS
  jitattn::bench::AddPeers(jitattn::bench::OpenBlasPeers());
#endif
#if JITATTN_BENCH_ONEDNN
  jitattn::bench::AddPeers(jitattn::bench::OneDnnPeers());
#endif
  return jitattn::cli::Main(argc, argv);
}
