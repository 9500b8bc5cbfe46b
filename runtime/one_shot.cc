// The plans behind one-shot calls: a few for each thread, by exact problem, in front of one table
// for the process, by bucket.

#include "runtime/one_shot.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/fork.h"

namespace jitattn::runtime {
namespace {

class PlanTable {
 public:
  std::shared_ptr<const Plan> Find(const jit::Problem& bucket) {
    std::lock_guard lock(mutex_);
    Entry* entry = FindEntry(bucket);
    return entry == nullptr ? nullptr : entry->plan;
  }

  // The plan that another thread put there meanwhile, else `plan`.
  std::shared_ptr<const Plan> Insert(const jit::Problem& bucket, std::shared_ptr<const Plan> plan) {
    std::lock_guard lock(mutex_);
    if (Entry* entry = FindEntry(bucket)) return entry->plan;
    if (entries_.size() == kMaxOneShotPlans) {
      entries_.erase(
          std::min_element(entries_.begin(), entries_.end(),
                           [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; }));
    }
    entries_.push_back({bucket, plan, ++uses_});
    return plan;
  }

 private:
  struct Entry {
    jit::Problem bucket;
    std::shared_ptr<const Plan> plan;
    uint64_t last_use;
  };

  // A walk: even 256 of them take about a microsecond, and threads come here seldom.
  Entry* FindEntry(const jit::Problem& bucket) {
    for (Entry& entry : entries_) {
      if (entry.bucket != bucket) continue;
      entry.last_use = ++uses_;
      return &entry;
    }
    return nullptr;
  }

  ForkSafeMutex mutex_;
  std::vector<Entry> entries_;
  uint64_t uses_ = 0;
};

// Never destroyed: one-shot calls may come from destructors of static objects.
PlanTable& Table() {
  static PlanTable& table = *new PlanTable;
  return table;
}

absl::StatusOr<std::shared_ptr<const Plan>> FindOrMake(const jit::Problem& problem) {
  if (absl::Status status = jit::Validate(problem); !status.ok()) return status;
  const jit::Problem bucket = jit::Bucket(problem);
  if (auto plan = Table().Find(bucket)) return plan;
  // Outside the lock: other threads' calls do not wait for this one's kernel.
  auto plan = Plan::Create(bucket, PlanOptions{});
  if (!plan.ok()) return plan;
  return Table().Insert(bucket, *std::move(plan));
}

// What this thread ran lately. Four: a layer of a network alternates between few problems.
template <typename Problem>
class RecentPlans {
 public:
  absl::StatusOr<const Plan*> Get(const Problem& problem) {
    for (const Entry& entry : entries_) {
      if (entry.plan != nullptr && entry.problem == problem) return entry.plan.get();
    }
    auto plan = FindOrMake(problem);
    if (!plan.ok()) return plan.status();
    Entry& oldest = entries_[next_++ % 4];
    oldest = {problem, *std::move(plan)};
    return oldest.plan.get();
  }

 private:
  struct Entry {
    Problem problem;
    std::shared_ptr<const Plan> plan;
  };
  Entry entries_[4];
  uint32_t next_ = 0;
};

}  // namespace

absl::StatusOr<const Plan*> OneShotPlan(const jit::AttentionProblem& problem) {
  thread_local RecentPlans<jit::AttentionProblem> recent;
  return recent.Get(problem);
}

absl::StatusOr<const Plan*> OneShotPlan(const jit::SigmoidMulProblem& problem) {
  thread_local RecentPlans<jit::SigmoidMulProblem> recent;
  return recent.Get(problem);
}

}  // namespace jitattn::runtime
