// Times every single call of several contenders in turn.

#include "lab/baselines/every_call.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "runtime/statistics.h"

namespace jitattn::lab {
namespace {

constexpr int kLeastBlocks = 4;
constexpr int64_t kLeastCalls = 4, kMostCalls = 4096;  // per block

class Turns {
 public:
  Turns(std::span<const EveryCallEntry> entries, const EveryCallOptions& options)
      : entries_(entries), options_(options), times_(entries.size()), calls_(entries.size(), 1) {}

  std::vector<EveryCallTimes> Run() {
    for (size_t i = 0; i < entries_.size(); ++i) WarmUp(i);
    const double end = SteadyNow() + options_.seconds;
    for (int round = 0; round < kLeastBlocks || SteadyNow() < end; ++round) {
      for (size_t place = 0; place < entries_.size(); ++place) {
        if (Stopped()) return std::move(times_);
        Block((place + static_cast<size_t>(round)) % entries_.size());
      }
    }
    return std::move(times_);
  }

 private:
  bool Stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  absl::StatusOr<std::vector<double>> Time(size_t i, int64_t calls) {
    const EveryCallEntry& entry = entries_[i];
    if (pool_ >= 0 && pool_ != entry.pool) {
      std::this_thread::sleep_for(std::chrono::duration<double>(options_.pause_s));
    }
    pool_ = entry.pool;
    return entry.contender->TimeEach(entry.threads, calls, options_.seconds);
  }

  // Makes untimed calls, and finds the number of calls per block.
  void WarmUp(size_t i) {
    const auto seconds = Time(i, kLeastCalls);
    if (!seconds.ok()) {
      times_[i].failure = std::string(seconds.status().message());
      return;
    }
    const double call = *std::min_element(seconds->begin(), seconds->end());
    calls_[i] = std::clamp(static_cast<int64_t>(std::ceil(options_.block_s / std::max(call, 1e-9))),
                           kLeastCalls, kMostCalls);
  }

  void Block(size_t i) {
    if (!times_[i].failure.empty()) return;
    const auto seconds = Time(i, calls_[i]);
    if (!seconds.ok()) {
      times_[i].failure = std::string(seconds.status().message());
      return;
    }
    times_[i].seconds.insert(times_[i].seconds.end(), seconds->begin(), seconds->end());
  }

  const std::span<const EveryCallEntry> entries_;
  const EveryCallOptions& options_;
  std::vector<EveryCallTimes> times_;
  std::vector<int64_t> calls_;
  int pool_ = -1;
};

}  // namespace

double EveryCallTimes::median() const { return runtime::Quantile(seconds, 0.5); }
double EveryCallTimes::p99() const { return runtime::Quantile(seconds, 0.99); }

std::vector<EveryCallTimes> TimeEveryCall(std::span<const EveryCallEntry> entries,
                                          const EveryCallOptions& options) {
  return Turns(entries, options).Run();
}

}  // namespace jitattn::lab
