// Makes the contenders of one problem.

#include "lab/compare_methods.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/plan_flags.h"
#include "lab/baselines/baseline.h"

namespace jitattn::lab {
namespace {

constexpr std::string_view kOurs[] = {"jitattn", "jitattn-default"};
constexpr std::string_view kPython[] = {"numpy", "numba", "torch", "onnxruntime", "openvino"};

// Allowed error of other libraries as a multiple of this library's bound. A wrong result differs by
// far more.
constexpr double kStrangersTolerance = 16;

// Identifies the thread pool whose threads may spin: this process's pool, or a package's own.
int PoolOf(std::string_view method) {
  const auto found = std::find(std::begin(kPython), std::end(kPython), method);
  return found == std::end(kPython) ? 0 : 1 + static_cast<int>(found - std::begin(kPython));
}

// The contenders of a problem, with their entries.
struct Taking {
  std::vector<std::unique_ptr<Contender>> owners;
  std::vector<ContestEntry> entries;
  std::vector<size_t> rows;  // index of each entry's row
};

}  // namespace

absl::StatusOr<std::unique_ptr<Contender>> ContenderMaker::MakePlan(const std::string& config,
                                                                    Standing* standing) {
  auto plan = cli::PlanFlags{.config = config}.Plan(problem_, options_.machine);
  if (!plan.ok()) return plan.status();
  if (config == "default" && tuned_ && (*plan)->config() == *tuned_) {
    standing->failure = "the same configuration as jitattn";
    return nullptr;
  }
  if (config == "tuned") {
    tuned_ = (*plan)->config();
    const cache::Match match = (*plan)->source().match;
    if (match == cache::Match::kNone) standing->note = "no record: the default configuration";
    if (match == cache::Match::kNearest) standing->note = "nearest record";
  }
  return MakePlanContender(operands_, *std::move(plan));
}

std::unique_ptr<Contender> ContenderMaker::MakePython(const std::string& method,
                                                      ContestEntry* entry, Standing* standing) {
  // WhyNot() also reports a Python that was ended because it took too long. The next problem starts
  // a new one.
  standing->failure = python_.WhyNot(method);
  if (!standing->failure.empty()) return nullptr;
  absl::Status status;
  if (!python_has_problem_) status = python_.peers->SetProblem(problem_, operands_);
  python_has_problem_ = true;
  absl::StatusOr<std::unique_ptr<Contender>> peer;
  if (status.ok()) {
    peer = python_.peers->Prepare(method, operands_);
    status = peer.status();
  }
  if (!status.ok()) {
    standing->failure = std::string(status.message());
    return nullptr;
  }
  if (!python_.Find(method)->has_threads) {
    entry->threads = {entry->threads.back()};
    standing->note = "the number of threads cannot be set";
  }
  return *std::move(peer);
}

absl::StatusOr<std::unique_ptr<Contender>> ContenderMaker::MakeLinked(const LinkedMethod& method,
                                                                      Standing* standing) {
  auto contender = method.make(problem_, operands_);
  if (!absl::IsUnimplemented(contender.status())) return contender;
  standing->failure = std::string(contender.status().message());
  return nullptr;
}

absl::StatusOr<std::unique_ptr<Contender>> ContenderMaker::Make(const std::string& method,
                                                                ContestEntry* entry,
                                                                Standing* standing) {
  entry->pool = PoolOf(method);
  if (method == "jitattn" || method == "jitattn-default") {
    entry->threads = {
        options_.machine.conditions.threads};  // the budget; the plan's own number is tuned
    return MakePlan(method == "jitattn" ? "tuned" : "default", standing);
  }
  // NumPy's exponential alone may have an error of 2.5 ulp, ONNX Runtime's sigmoid of 30 ulp.
  entry->tolerance = kStrangersTolerance;
  entry->threads = ThreadCounts(options_.machine.conditions.threads);
  if (IsPython(method)) return MakePython(method, entry, standing);
  if (const LinkedMethod* linked = FindLinked(method)) return MakeLinked(*linked, standing);
  auto baseline = Baseline::Create(method, problem_, options_.machine.cpu.isa);
  if (absl::IsUnimplemented(baseline.status())) {
    standing->failure = std::string(baseline.status().message());
    return nullptr;
  }
  if (!baseline.ok()) return baseline.status();
  return MakeBaselineContender(operands_, *std::move(baseline));
}

std::vector<std::string_view> MethodNames() {
  std::vector<std::string_view> names(std::begin(kOurs), std::end(kOurs));
  for (const BaselineInfo& info : Baselines()) names.push_back(info.name);
  for (const LinkedMethod& linked : LinkedMethods()) names.push_back(linked.name);
  names.insert(names.end(), std::begin(kPython), std::end(kPython));
  return names;
}

std::vector<LinkedMethod>& LinkedMethods() {
  static std::vector<LinkedMethod> methods;
  return methods;
}

const LinkedMethod* FindLinked(std::string_view method) {
  for (const LinkedMethod& linked : LinkedMethods()) {
    if (linked.name == method) return &linked;
  }
  return nullptr;
}

bool IsPython(std::string_view method) { return PoolOf(method) > 0; }

const PythonPeers::Method* PythonSide::Find(std::string_view method) const {
  if (peers == nullptr) return nullptr;
  for (const PythonPeers::Method& known : peers->methods()) {
    if (known.name == method) return &known;
  }
  return nullptr;
}

std::string PythonSide::WhyNot(std::string_view method) const {
  if (peers == nullptr) return error;
  if (!peers->alive()) return "Python has ended";
  const PythonPeers::Method* known = Find(method);
  if (known == nullptr) return "the method was not requested";
  return known->error.empty() ? "" : absl::StrCat(program, ": ", known->error);
}

PythonSide StartPython(const std::string& program, const std::vector<std::string>& methods) {
  PythonSide side{.program = program, .peers = nullptr, .error = ""};
  std::vector<std::string> wanted;
  for (const std::string& method : methods) {
    if (IsPython(method)) wanted.push_back(method);
  }
  if (wanted.empty()) return side;
  auto peers = PythonPeers::Start(program, wanted);
  if (peers.ok()) {
    side.peers = *std::move(peers);
  } else {
    side.error = std::string(peers.status().message());
  }
  return side;
}

bool CompareRow::unstable() const { return timed() && standing.seconds.cv > kUnstable; }

absl::StatusOr<std::vector<CompareRow>> CompareMethods(const ops::Problem& problem,
                                                       const CompareOptions& options,
                                                       PythonSide& python) {
  auto operands = runtime::Operands::Create(problem, options.machine.conditions, options.seed);
  if (!operands.ok()) return operands.status();
  if (python.peers != nullptr && !python.peers->alive()) {
    python = StartPython(python.program, options.methods);
  }
  ContenderMaker maker(problem, options, python, **operands);
  Taking taking;
  std::vector<CompareRow> rows;
  for (const std::string& method : options.methods) {
    CompareRow& row = rows.emplace_back();
    row.key = {problem, options.machine.conditions};
    row.method = method;
    ContestEntry entry;
    auto contender = maker.Make(method, &entry, &row.standing);
    if (!contender.ok()) return contender.status();
    if (*contender == nullptr) continue;
    entry.contender = contender->get();
    taking.owners.push_back(*std::move(contender));
    taking.entries.push_back(entry);
    taking.rows.push_back(rows.size() - 1);
  }
  std::vector<Standing> standings = RunContest(**operands, taking.entries, options.contest);
  for (size_t i = 0; i < standings.size(); ++i) {
    Standing& standing = rows[taking.rows[i]].standing;
    const std::string before = std::move(standing.note);
    standing = std::move(standings[i]);
    const char* between = before.empty() || standing.note.empty() ? "" : "; ";
    standing.note = absl::StrCat(before, between, standing.note);
  }
  FillSpeedups(options.baseline.empty() ? DefaultBaseline(rows) : options.baseline, &rows);
  return rows;
}

std::string DefaultBaseline(const std::vector<CompareRow>& rows) {
  for (const std::string_view name : {"numpy", "two-pass", "naive", "compiler-vectorised", "numba",
                                      "torch", "jitattn-default", "jitattn"}) {
    for (const CompareRow& row : rows) {
      if (row.method == name && row.timed()) return row.method;
    }
  }
  return "";
}

void FillSpeedups(const std::string& baseline, std::vector<CompareRow>* rows) {
  const auto found = std::find_if(rows->begin(), rows->end(), [&](const CompareRow& row) {
    return row.method == baseline && row.timed();
  });
  for (CompareRow& row : *rows) {
    row.baseline = baseline;
    if (found == rows->end() || !row.timed()) continue;
    row.speedup = found->standing.seconds.min / row.standing.seconds.min;
    row.speedup_median = found->standing.seconds.median / row.standing.seconds.median;
    row.baseline_unstable = found->unstable();
  }
}

}  // namespace jitattn::lab
