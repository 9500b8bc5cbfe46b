// The plans behind one-shot calls: a few per thread, by exact problem, in front of one table per
// process, by bucket.

#include "runtime/one_shot.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/fork.h"
#include "runtime/thread_state.h"
#include "runtime/undisturbed.h"

namespace jitattn::runtime {
namespace {

struct Entry {
  ops::Problem bucket;
  std::shared_ptr<const Plan> plan;
  uint64_t last_use;
};

ForkSafeMutex mutex;
// Both guarded by `mutex`. The table is made by the first plan and never destroyed, since
// destructors of static objects may make one-shot calls.
std::vector<Entry>* table = nullptr;
uint64_t uses = 0;

// Linear search: even 256 entries take only about 1 µs, and threads get here rarely.
Entry* FindEntry(const ops::Problem& bucket) {
  if (table == nullptr) return nullptr;
  for (Entry& entry : *table) {
    if (entry.bucket != bucket) continue;
    entry.last_use = ++uses;
    return &entry;
  }
  return nullptr;
}

std::shared_ptr<const Plan> Find(const ops::Problem& bucket) {
  std::lock_guard lock(mutex);
  Entry* entry = FindEntry(bucket);
  return entry == nullptr ? nullptr : entry->plan;
}

// Returns the plan that another thread has stored meanwhile, else stores `plan`.
std::shared_ptr<const Plan> Insert(const ops::Problem& bucket, std::shared_ptr<const Plan> plan) {
  std::shared_ptr<const Plan> dropped;  // freed after the lock, by the host's allocator perhaps
  std::lock_guard lock(mutex);
  if (Entry* entry = FindEntry(bucket)) return entry->plan;
  if (table == nullptr) table = new std::vector<Entry>;
  if (table->size() < kMaxOneShotPlans) {
    table->push_back({bucket, plan, ++uses});
  } else {
    const auto oldest =
        std::min_element(table->begin(), table->end(),
                         [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; });
    dropped = std::exchange(oldest->plan, plan);
    oldest->bucket = bucket;
    oldest->last_use = ++uses;
  }
  return plan;
}

absl::StatusOr<std::shared_ptr<const Plan>> FindOrMake(const ops::Problem& problem) {
  if (absl::Status status = ops::Validate(problem); !status.ok()) return status;
  ops::Problem bucket = ops::Bucket(problem);
  if (!ops::Validate(bucket).ok()) bucket = problem;  // the largest problems have no valid bucket
  if (auto plan = Find(bucket)) return plan;
  // Outside of the lock, so that other threads' calls do not wait for this kernel.
  const Undisturbed undisturbed;
  const char* const miss_file = Env("JITATTN_MISS_FILE");
  auto plan = Plan::Create(bucket, HostCpu(),
                           {.conditions = ops::Resolve({}, HostCpu()),
                            .miss_file = miss_file == nullptr ? "" : miss_file});
  if (!plan.ok()) return plan;
  return Insert(bucket, *std::move(plan));
}

template <typename Problem>
absl::StatusOr<OneShot> Get(RecentPlans<Problem> ThreadState::*list, const Problem& problem,
                            bool hold) {
  ThreadState* const thread = ThisThread();
  if (thread != nullptr) {
    for (const auto& [known, plan] : (thread->*list).entries) {
      if (plan != nullptr && known == problem) return OneShot{plan.get(), hold ? plan : nullptr};
    }
  }
  auto made = FindOrMake(problem);
  if (!made.ok()) return made.status();
  const Plan* const plan = made->get();
  if (thread == nullptr) return OneShot{plan, *std::move(made)};
  auto& oldest = (thread->*list).entries[(thread->*list).next++ % 4];
  oldest.problem = problem;
  made->swap(oldest.plan);  // frees the old plan last, by the host's allocator perhaps
  return OneShot{plan, hold ? oldest.plan : nullptr};
}

}  // namespace

absl::StatusOr<OneShot> OneShotPlan(const ops::AttentionProblem& problem, bool hold) {
  return Get(&ThreadState::attention, problem, hold);
}

absl::StatusOr<OneShot> OneShotPlan(const ops::SigmoidMulProblem& problem, bool hold) {
  return Get(&ThreadState::sigmoid_mul, problem, hold);
}

}  // namespace jitattn::runtime
