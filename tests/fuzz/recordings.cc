// Recorded spaces: refused, or read, written and read again alike; and replayed.

#include <algorithm>

#include "fuzz.h"
#include "lab/replay/recording.h"
#include "lab/replay/replay.h"
#include "search/strategies/strategies.h"
#include "search/strategy.h"

namespace jitattn::fuzz {
namespace {

constexpr size_t kMostPoints = 300;  // that are replayed: more only take longer

void Replay(const lab::Recording& recording, size_t choice) {
  const auto space = lab::ReplaySpace::Create(recording);
  if (!space.ok() || recording.points.size() > kMostPoints) return;
  Require(space->optimum() <= space->worst(), "the best is no worse than the worst");
  lab::ReplayOptions options;
  options.repeats = 1;
  options.seeds = true;
  options.noisy = choice % 2 == 1;
  search::AddAllStrategies();
  const auto strategies = search::Strategies();
  const auto runs = lab::Replay(*space, strategies[choice % strategies.size()].name, 6, options);
  if (!runs.ok()) return;
  for (const lab::ReplayRun& run : *runs) {
    Require(run.size() <= 6, "no more evaluations than the budget has");
    for (const lab::ReplayStep& step : run) {
      Require(step.cost >= space->optimum(), "nothing is better than the optimum");
    }
  }
}

void Try(std::string_view text) {
  const auto recording = lab::ReadRecording(text);
  if (!recording.ok()) {
    Require(absl::IsInvalidArgument(recording.status()), "a refusal is InvalidArgument");
    return;
  }
  Require(recording->points.size() == static_cast<size_t>(recording->space.size()),
          "a point for each rank");
  for (const auto& [write, read] :
       {std::pair{&lab::WriteKernelTunerCache, &lab::ReadKernelTunerCache},
        {&lab::WriteT4Results, &lab::ReadT4Results}}) {
    const auto again = read(write(*recording));
    if (!again.ok()) std::fprintf(stderr, "%s\n", again.status().ToString().c_str());
    Require(again.ok(), "a recording that was read can be written and read again");
    Require(again->points.size() == recording->points.size(), "with as many points");
  }
  Replay(*recording, text.size());
}

}  // namespace
}  // namespace jitattn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jitattn::fuzz::Try(jitattn::fuzz::Text(data, size));
  return 0;
}
