// The configurations of a problem as points of a space that a strategy can search.

#include "runtime/tuning_space.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ops/operation.h"

namespace jitattn::runtime {
namespace {

using Role = ops::Field::Role;

struct Axis {
  const ops::Field* field;
  std::vector<int> values;
  int base = 0;  // index of the value in the base configuration
  bool varied_alone = false;
  const ops::Field* full_block = nullptr;  // checked by IsFull once this field is set
};

// Powers of two, and `threads` itself.
std::vector<int> ThreadLadder(int threads) {
  std::vector<int> ladder;
  for (int count = 1; count < threads; count *= 2) ladder.push_back(count);
  ladder.push_back(threads);
  return ladder;
}

// The values of a field in the space.
std::vector<int> Steps(const ops::Field& field, const ops::Problem& problem, const Cpu& cpu,
                       const ops::Config& base, int threads, const FieldLimit* limit) {
  const bool are_threads = field.role == Role::kThreads;
  if (field.role == Role::kIsa) return {static_cast<int>(base.isa())};
  if (limit != nullptr) {
    std::vector<int> values = limit->values;
    // The limit may have values of another algorithm's field of the same name.
    std::erase_if(values, [&](int value) {
      return are_threads ? value > threads
                         : !std::binary_search(field.values.begin(), field.values.end(), value);
    });
    return values;
  }
  if (are_threads) return ThreadLadder(threads);
  const std::span<const int> steps = field.steps.empty() ? field.values : field.steps;
  std::vector<int> values(steps.begin(), steps.end());
  if (field.narrow != nullptr) field.narrow(problem, cpu, values);
  return values;
}

// The points of one algorithm, as indices into the values of its axes.
class Enumeration {
 public:
  // `base` is always a point of the space, even off the steps.
  Enumeration(const ops::Problem& problem, const Cpu& cpu, int threads, const SpaceLimits& limits,
              const ops::Config& base)
      : problem_(problem), cpu_(cpu), config_(base), base_(base) {
    const ops::Algorithm& algorithm = base.algorithm();
    for (const ops::Field& field : algorithm.fields) {
      const FieldLimit* const limit = limits.Find(field.name);
      Axis axis{&field, Steps(field, problem, cpu, base, threads, limit)};
      const int value = field.get(base);
      auto place = std::lower_bound(axis.values.begin(), axis.values.end(), value);
      if (place == axis.values.end() || *place != value) place = axis.values.insert(place, value);
      axis.base = static_cast<int>(place - axis.values.begin());
      axis.varied_alone = field.varied_alone && limit == nullptr;
      for (const ops::Field& rows : algorithm.fields) {
        if (rows.full_once_set == field.get && limits.Find(rows.name) == nullptr) {
          axis.full_block = &rows;
        }
      }
      axes_.push_back(std::move(axis));
    }
    point_.resize(axes_.size());
    for (size_t p = 0; p < axes_.size(); ++p) {
      point_[p] = axes_[p].varied_alone ? axes_[p].base : 0;
      axes_[p].field->set(config_, axes_[p].values[point_[p]]);
    }
  }

  void Run() {
    if (ops::Validate(config_, problem_, cpu_).ok()) {
      Descend(0, ops::Canonical(config_, problem_));
    }
  }

  // Adds `point` with the canonical values of the fields that are varied alone, and a variant of it
  // for each other valid value of each such field.
  void Vary(search::Point point, std::vector<search::Point>* varied) const {
    const ops::Config canonical = ops::Canonical(ConfigOf(point), problem_);
    for (size_t p = 0; p < axes_.size(); ++p) {
      const auto& values = axes_[p].values;
      const int value = axes_[p].field->get(canonical);
      point[p] =
          static_cast<int>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
    }
    varied->push_back(point);
    for (size_t p = 0; p < axes_.size(); ++p) {
      if (!axes_[p].varied_alone) continue;
      search::Point other = point;
      for (size_t i = 0; i < axes_[p].values.size(); ++i) {
        if (static_cast<int>(i) == point[p]) continue;
        other[p] = static_cast<int>(i);
        const ops::Config config = ConfigOf(other);
        if (ops::Validate(config, problem_, cpu_).ok() &&
            ops::Canonical(config, problem_) == config) {
          varied->push_back(other);
        }
      }
    }
  }

  ops::Config ConfigOf(const search::Point& point) const {
    ops::Config config = base_;
    for (size_t p = 0; p < point.size(); ++p) {
      axes_[p].field->set(config, axes_[p].values[point[p]]);
    }
    return config;
  }

  const std::vector<Axis>& axes() const { return axes_; }
  const std::vector<search::Point>& points() const { return points_; }
  const ops::Config& base() const { return base_; }

 private:
  // Depth first. Fields that are not reached yet have their lowest values, which need the fewest
  // registers: a prefix that is refused with these is refused with all values. The first value of a
  // field leaves the configuration unchanged, so it needs neither Validate nor Canonical again;
  // this saves half of the calls.
  void Descend(size_t depth, const ops::Config& canonical) {
    if (depth == axes_.size()) {
      if (IsCanonical(canonical)) points_.push_back(point_);
      return;
    }
    const Axis& axis = axes_[depth];
    if (axis.varied_alone) return Descend(depth + 1, canonical);
    for (size_t i = 0; i < axis.values.size(); ++i) {
      axis.field->set(config_, axis.values[i]);
      point_[depth] = static_cast<int>(i);
      const std::optional<ops::Config> changed =
          i == 0 ? std::nullopt : std::optional(ops::Canonical(config_, problem_));
      const ops::Config& here = changed ? *changed : canonical;
      if (IsWorthTrying(axis, here) && (!changed || ops::Validate(config_, problem_, cpu_).ok()) &&
          (axis.full_block == nullptr || IsFull(*axis.full_block))) {
        Descend(depth + 1, here);
      }
    }
    axis.field->set(config_, axis.values.front());
  }

  // Ignores the fields that are varied alone, which Vary sets later.
  bool IsCanonical(ops::Config canonical) const {
    for (const Axis& axis : axes_) {
      if (axis.varied_alone) axis.field->set(canonical, axis.field->get(config_));
    }
    return canonical == config_;
  }

  bool IsWorthTrying(const Axis& axis, const ops::Config& canonical) const {
    // With one thread there is no schedule to choose.
    const ops::Field& field = *axis.field;
    if (field.role == Role::kThreads && config_ != base_ && config_.threads() == 1 &&
        !ScheduleIsLowest()) {
      return false;
    }
    return field.get(canonical) == field.get(config_) &&
           (field.worth_trying == nullptr || field.worth_trying(problem_, config_, base_));
  }

  // True if no larger value of `rows` is valid here, or it equals the base's, which is in the space
  // in any case.
  bool IsFull(const ops::Field& rows) {
    const int here = rows.get(config_);
    const auto next = std::upper_bound(rows.values.begin(), rows.values.end(), here);
    if (next == rows.values.end() || here == rows.get(base_)) return true;
    rows.set(config_, *next);
    const bool full = !ops::Validate(config_, problem_, cpu_).ok();
    rows.set(config_, here);
    return full;
  }

  bool ScheduleIsLowest() const {
    return std::all_of(axes_.begin(), axes_.end(), [this](const Axis& axis) {
      return axis.field->shapes_code() || axis.field->role == Role::kThreads ||
             axis.field->get(config_) == axis.values.front();
    });
  }

  const ops::Problem& problem_;
  const Cpu& cpu_;
  ops::Config config_;
  const ops::Config base_;
  std::vector<Axis> axes_;
  search::Point point_;
  std::vector<search::Point> points_;
};

// The base configurations: the default first, then one of each other algorithm that is worth
// searching and that `limits` allow.
std::vector<ops::Config> Bases(const ops::Problem& problem, const Cpu& cpu, int threads,
                               const SpaceLimits& limits) {
  const ops::Config first = ops::DefaultConfig(problem, cpu, threads);
  std::vector<ops::Config> bases = {first};
  if (limits.default_algorithm_only) return bases;
  for (const ops::Algorithm* algorithm : problem.operation().algorithms) {
    if (algorithm == &first.algorithm() || !limits.Allows(algorithm->name)) continue;
    if (algorithm->worth_searching != nullptr && !algorithm->worth_searching(problem, cpu))
      continue;
    const ops::Config base = ops::Canonical(algorithm->heuristic(problem, cpu, threads), problem);
    // Portable configurations take part only where nothing else runs.
    if (base.isa() != first.isa() || !ops::Validate(base, problem, cpu).ok()) continue;
    bases.push_back(base);
  }
  return bases;
}

// A parameter with the union of the values in all algorithms.
struct Column {
  std::string_view name;
  std::vector<int> values;
  const ops::Field* field;  // the first of that name
};

search::Parameter ParameterOf(const Column& column) {
  using Kind = search::Parameter::Kind;
  search::Parameter parameter{.name = std::string(column.name)};
  parameter.values.assign(column.values.begin(), column.values.end());
  // A switch has two values, and their order means nothing.
  parameter.kind = column.field->is_log ? Kind::kLog : Kind::kLinear;
  const auto words = static_cast<int>(column.field->labels.size());
  if (words > column.values.back()) {
    parameter.kind = Kind::kCategorical;
    for (const int value : column.values) {
      parameter.labels.emplace_back(column.field->labels[static_cast<size_t>(value)]);
    }
  }
  return parameter;
}

std::vector<Column> Columns(std::span<const Enumeration> all) {
  std::vector<Column> columns;
  for (const Enumeration& one : all) {
    for (const Axis& axis : one.axes()) {
      auto column = std::find_if(columns.begin(), columns.end(),
                                 [&](const Column& c) { return c.name == axis.field->name; });
      if (column == columns.end()) {
        columns.push_back({axis.field->name, axis.values, axis.field});
        continue;
      }
      std::vector<int> both;
      std::set_union(column->values.begin(), column->values.end(), axis.values.begin(),
                     axis.values.end(), std::back_inserter(both));
      column->values = std::move(both);
    }
  }
  return columns;
}

int IndexOf(const std::vector<int>& values, int value) {
  return static_cast<int>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
}

search::Parameter AlgorithmParameter(std::span<const Enumeration> all) {
  search::Parameter which{.name = "algorithm", .kind = search::Parameter::Kind::kCategorical};
  for (const Enumeration& one : all) {
    which.values.push_back(static_cast<double>(which.values.size()));
    which.labels.emplace_back(one.base().algorithm().name);
  }
  return which;
}

struct Ranked {
  double cycles;
  size_t algorithm, point;
  auto operator<=>(const Ranked&) const = default;
};

// All points of all algorithms in the order of their estimates, except that the default is first.
std::vector<Ranked> ByEstimate(std::span<const Enumeration> all, const ops::Problem& problem,
                               const Cpu& cpu) {
  std::vector<Ranked> ranked;
  for (size_t a = 0; a < all.size(); ++a) {
    for (size_t i = 0; i < all[a].points().size(); ++i) {
      const ops::Config config = all[a].ConfigOf(all[a].points()[i]);
      const bool is_default = config == all.front().base();
      ranked.push_back({is_default ? 0 : ops::EstimateCycles(problem, config, cpu), a, i});
    }
  }
  std::sort(ranked.begin(), ranked.end());
  return ranked;
}

}  // namespace

absl::StatusOr<TuningSpace> TuningSpace::Create(const ops::Problem& problem, const Cpu& cpu,
                                                int threads, const SpaceLimits& limits) {
  std::vector<Enumeration> all;
  for (const ops::Config& base : Bases(problem, cpu, threads, limits)) {
    all.emplace_back(problem, cpu, threads, limits, base).Run();
  }
  std::vector<search::Parameter> parameters;
  std::vector<std::vector<int>> ladders;
  if (all.size() > 1) {
    parameters.push_back(AlgorithmParameter(all));
    ladders.emplace_back();
  }
  std::vector<Member> members;
  for (const Enumeration& one : all) {
    members.push_back({one.base(), std::vector<const ops::Field*>(parameters.size())});
  }
  for (const Column& column : Columns(all)) {
    parameters.push_back(ParameterOf(column));
    ladders.push_back(column.values);
    for (Member& member : members) {
      member.fields.push_back(ops::FindField(member.base.algorithm(), column.name));
    }
  }

  const int most = std::min(kMaxPoints, limits.max_points);
  std::vector<search::Point> kept;
  for (const auto& [cycles, algorithm, i] : ByEstimate(all, problem, cpu)) {
    if (std::ssize(kept) >= most) break;
    const Enumeration& one = all[algorithm];
    std::vector<search::Point> varied;
    one.Vary(one.points()[i], &varied);
    for (const search::Point& of_algorithm : varied) {
      const ops::Config config = one.ConfigOf(of_algorithm);
      search::Point point(parameters.size(), 0);
      if (all.size() > 1) point[0] = static_cast<int>(algorithm);
      for (size_t p = 0; p < point.size(); ++p) {
        const ops::Field* const field = members[algorithm].fields[p];
        if (field != nullptr) point[p] = IndexOf(ladders[p], field->get(config));
      }
      kept.push_back(std::move(point));
    }
  }
  if (std::ssize(kept) > most) kept.resize(most);
  absl::StatusOr<search::Space> space =
      search::Space::FromPoints(std::move(parameters), std::move(kept));
  if (!space.ok()) return space.status();
  return TuningSpace(*std::move(space), std::move(members), std::move(ladders));
}

size_t TuningSpace::threads_parameter() const {
  const std::vector<const ops::Field*>& fields = members_.front().fields;
  const auto threads = std::find_if(fields.begin(), fields.end(), [](const ops::Field* field) {
    return field != nullptr && field->role == Role::kThreads;
  });
  return static_cast<size_t>(threads - fields.begin());
}

ops::Config TuningSpace::ConfigAt(int rank) const {
  const std::span<const int> row = space_.Row(rank);
  const Member& member = members_[MemberOfPoint(row)];
  ops::Config config = member.base;
  for (size_t p = 0; p < row.size(); ++p) {
    if (member.fields[p] != nullptr) member.fields[p]->set(config, ladders_[p][row[p]]);
  }
  return config;
}

int TuningSpace::RankOf(const ops::Config& config) const {
  size_t of = 0;
  while (of + 1 < members_.size() && &members_[of].base.algorithm() != &config.algorithm()) ++of;
  const Member& member = members_[of];
  const bool has_algorithm = &member.base.algorithm() == &config.algorithm();
  search::Point point(ladders_.size(), 0);
  if (members_.size() > 1) point[0] = static_cast<int>(has_algorithm ? of : 0);
  for (size_t p = 0; p < ladders_.size(); ++p) {
    const ops::Field* const field =
        has_algorithm ? member.fields[p]
                      : members_.front().fields[p];  // algorithm not in the space: the base's
    if (field == nullptr) continue;
    const std::vector<int>& ladder = ladders_[p];
    const int value = field->get(has_algorithm ? config : members_.front().base);
    // The nearest value of the ladder; of two, the lower.
    const auto above = std::lower_bound(ladder.begin(), ladder.end(), value);
    auto nearest = above == ladder.end() ? above - 1 : above;
    if (above != ladder.begin() && above != ladder.end() &&
        value - *(above - 1) <= *above - value) {
      nearest = above - 1;
    }
    point[p] = static_cast<int>(nearest - ladder.begin());
  }
  return space_.Repair(point);
}

}  // namespace jitattn::runtime
