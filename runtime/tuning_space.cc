// The configurations of a problem as points of a space that a strategy can search.

#include "runtime/tuning_space.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/estimate.h"
#include "runtime/heuristic.h"

namespace jitattn::runtime {
namespace {

// The full ladders of attention span billions of points. Fields that a hundred evaluations cannot
// tell apart, since they move the time by a per cent or less where they were measured, are climbed
// in bigger steps. Fields that are not named here keep their whole ladder.
constexpr int kQVecs[] = {1, 2, 4, 6, 8}, kKvBlock[] = {64, 128, 256, 512};
constexpr int kQkUnroll[] = {1, 4}, kPvUnroll[] = {2, 4}, kExpVecs[] = {2, 4};
constexpr int kPrefetch[] = {0}, kTaskTiles[] = {1, 4}, kAhead[] = {0, 2};
// The forms with a table, beside the default's; 0 stands for whatever is valid until it is settled.
constexpr int kExpDegree[] = {0, 3, 7};
constexpr struct Steps {
  std::string_view field;
  std::span<const int> values;
} kBiggerSteps[] = {
    {"q_vecs", kQVecs},         {"kv_block", kKvBlock}, {"qk_unroll", kQkUnroll},
    {"pv_unroll", kPvUnroll},   {"exp_vecs", kExpVecs}, {"prefetch", kPrefetch},
    {"task_tiles", kTaskTiles}, {"qk_ahead", kAhead},   {"pv_ahead", kAhead},
    {"exp_degree", kExpDegree},
};
// The same where columns are in the lanes. That kernel waits for memory: what matters is how much
// is read at a time, and how far ahead.
constexpr int kQkUnrollColumns[] = {8}, kExpVecsColumns[] = {2}, kPvUnrollColumns[] = {4};
constexpr int kPrefetchColumns[] = {0, 32, 64, 128, 256}, kKvSplit[] = {0, 1, 2, 4, 8};
constexpr int kExpDegreeColumns[] = {0};
constexpr Steps kBiggerStepsOfColumns[] = {
    {"kv_block", kKvBlock},
    {"qk_unroll", kQkUnrollColumns},
    {"pv_unroll", kPvUnrollColumns},
    {"exp_vecs", kExpVecsColumns},
    {"prefetch", kPrefetchColumns},
    {"kv_split", kKvSplit},
    {"exp_degree", kExpDegreeColumns},
};

bool IsAStep(std::span<const Steps> all, const jit::Field& field, int value) {
  for (const Steps& steps : all) {
    if (steps.field != field.name) continue;
    return std::find(steps.values.begin(), steps.values.end(), value) != steps.values.end();
  }
  return true;
}

// A register block with fewer rows than fit has more loads to each multiply-add and fewer chains to
// hide latency: of `rows` only the largest value that is valid is tried. Looked at as soon as the
// fields up to `last` are set, which is what the count of registers depends on.
struct FullBlock {
  std::string_view rows, last;
};
constexpr FullBlock kFullBlocks[] = {{"qk_keys", "qk_embed"}, {"pv_rows", "pv_embed"}};

// Fields that no other's validity depends on, and whose effect hardly depends on the others: they
// are varied one at a time, each beside the default's values of the rest. All combinations would
// be sixteen times as many points.
constexpr std::string_view kVariedAlone[] = {"pack", "qk_ahead", "exp_degree", "pv_ahead"};

struct Axis {
  const jit::Field* field;
  std::vector<int> values;
  int base = 0;  // index of the default's value
  bool varied_alone = false;
  const jit::Field* full_block = nullptr;  // the rows that are settled when this field is
};

// Powers of two, and the budget itself.
std::vector<int> ThreadLadder(int threads) {
  std::vector<int> ladder;
  for (int count = 1; count < threads; count *= 2) ladder.push_back(count);
  ladder.push_back(threads);
  return ladder;
}

// Query rows that share the keys and values of a head; beyond so many of them columns in the lanes
// are not tried.
int64_t RowsOf(const jit::AttentionProblem& p) { return p.q_len * (p.heads / p.kv_heads); }
constexpr int64_t kManyRows = 256;

// A tile or block that holds `length` already gains nothing by being wider.
void DropBeyond(int64_t length, int64_t unit, std::vector<int>& values) {
  const auto enough =
      std::find_if(values.begin(), values.end(), [&](int value) { return value * unit >= length; });
  if (enough != values.end()) values.erase(enough + 1, values.end());
}

std::vector<int> Ladder(const jit::Field& field, const jit::Problem& problem, const jit::Cpu& cpu,
                        int threads, const FieldLimit* limit) {
  if (field.name == "isa") return {static_cast<int>(cpu.isa)};
  std::vector<int> values(field.values.begin(), field.values.end());
  if (limit != nullptr) values = limit->values;
  if (field.name == "threads") {
    if (limit == nullptr) return ThreadLadder(threads);
    std::erase_if(values, [threads](int count) { return count > threads; });
  }
  const auto* p = std::get_if<jit::AttentionProblem>(&problem);
  if (p == nullptr) {
    // The addresses of pages are known as long as the caches hold what is in them.
    const bool is_small = jit::Bytes(problem) <= static_cast<double>(cpu.l2_bytes);
    if (field.name == "page_ahead" && limit == nullptr && is_small) return {0};
    return values;
  }
  if (field.name == "lanes" && RowsOf(*p) > kManyRows) return {0};
  // Rows of one head lie one behind the other as they are.
  if (field.name == "pack" && limit == nullptr && p->heads == 1) return {0};
  if (limit == nullptr) {
    std::erase_if(values, [&](int value) {
      return !IsAStep(kBiggerSteps, field, value) && !IsAStep(kBiggerStepsOfColumns, field, value);
    });
  }
  if (field.name == "kv_block") DropBeyond(p->kv_len, 1, values);
  if (field.name == "pv_form" && p->dtype != jit::DType::kBF16) std::erase(values, 2);
  return values;
}

class Enumeration {
 public:
  Enumeration(const jit::Problem& problem, const jit::Cpu& cpu, int threads,
              const SpaceLimits& limits)
      : problem_(problem),
        spec_(jit::SpecOf(problem)),
        cpu_(cpu),
        limits_(limits),
        config_(DefaultConfig(problem, cpu, threads)) {
    config_ = jit::Canonical(config_, spec_);
    for (const jit::Field& field : jit::Fields(jit::OpOf(problem))) {
      Axis axis{&field, Ladder(field, problem, cpu, threads, limits.Find(field.name))};
      // The default is a point of its space.
      const int base = field.get(config_);
      auto place = std::lower_bound(axis.values.begin(), axis.values.end(), base);
      if (place == axis.values.end() || *place != base) place = axis.values.insert(place, base);
      axis.base = static_cast<int>(place - axis.values.begin());
      axis.varied_alone = limits.Find(field.name) == nullptr &&
                          std::find(std::begin(kVariedAlone), std::end(kVariedAlone), field.name) !=
                              std::end(kVariedAlone);
      for (const FullBlock& block : kFullBlocks) {
        if (field.name == block.last && limits.Find(block.rows) == nullptr)
          axis.full_block = jit::FindField(jit::OpOf(problem), block.rows);
      }
      axes_.push_back(std::move(axis));
    }
    point_.resize(axes_.size());
    base_ = config_;
    for (size_t p = 0; p < axes_.size(); ++p) {
      point_[p] = axes_[p].varied_alone ? axes_[p].base : 0;
      axes_[p].field->set(config_, axes_[p].values[point_[p]]);
    }
  }

  void Run() {
    if (jit::Validate(config_, spec_, cpu_).ok()) Descend(0, jit::Canonical(config_, spec_));
  }

  // `point` as its fields that are varied alone come out for it, and with another value of each.
  void Vary(search::Point point, std::vector<search::Point>* varied) const {
    const jit::Config canonical = jit::Canonical(ConfigOf(point), spec_);
    for (size_t p = 0; p < axes_.size(); ++p) {
      const auto& values = axes_[p].values;
      const int value = axes_[p].field->get(canonical);
      point[p] =
          static_cast<int>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
    }
    varied->push_back(point);
    const auto* attention = std::get_if<jit::AttentionConfig>(&canonical);
    const bool columns = attention != nullptr && attention->lanes == jit::LaneAxis::kColumns;
    const std::span<const Steps> steps =
        columns ? std::span<const Steps>(kBiggerStepsOfColumns) : kBiggerSteps;
    for (size_t p = 0; p < axes_.size(); ++p) {
      if (!axes_[p].varied_alone) continue;
      search::Point other = point;
      for (size_t i = 0; i < axes_[p].values.size(); ++i) {
        if (static_cast<int>(i) == point[p]) continue;
        if (!IsAStep(steps, *axes_[p].field, axes_[p].values[i])) continue;
        other[p] = static_cast<int>(i);
        const jit::Config config = ConfigOf(other);
        if (jit::Validate(config, spec_, cpu_).ok() && jit::Canonical(config, spec_) == config) {
          varied->push_back(other);
        }
      }
    }
  }

  jit::Config ConfigOf(const search::Point& point) const {
    jit::Config config = base_;
    for (size_t p = 0; p < point.size(); ++p)
      axes_[p].field->set(config, axes_[p].values[point[p]]);
    return config;
  }

  const std::vector<Axis>& axes() const { return axes_; }
  std::vector<search::Point> TakePoints() { return std::move(points_); }
  const jit::Config& base() const { return base_; }

 private:
  // Depth first. Fields that are not reached yet stand at their lowest values, which need the
  // fewest registers: what is refused there is refused whatever they become. Half of all steps
  // leave the configuration as it is, which is valid by then, and its canonical form known.
  void Descend(size_t depth, const jit::Config& canonical) {
    if (depth == axes_.size()) {
      if (IsCanonical(canonical)) points_.push_back(point_);
      return;
    }
    const Axis& axis = axes_[depth];
    if (axis.varied_alone) return Descend(depth + 1, canonical);
    for (size_t i = 0; i < axis.values.size(); ++i) {
      axis.field->set(config_, axis.values[i]);
      point_[depth] = static_cast<int>(i);
      const std::optional<jit::Config> changed =
          i == 0 ? std::nullopt : std::optional(jit::Canonical(config_, spec_));
      const jit::Config& here = changed ? *changed : canonical;
      if (IsWorthTrying(axis, here) && (!changed || jit::Validate(config_, spec_, cpu_).ok()) &&
          (axis.full_block == nullptr || IsFull(*axis.full_block))) {
        Descend(depth + 1, here);
      }
    }
    axis.field->set(config_, axis.values.front());
  }

  // But for the fields that are varied alone, which follow.
  bool IsCanonical(jit::Config canonical) const {
    for (const Axis& axis : axes_)
      if (axis.varied_alone) axis.field->set(canonical, axis.field->get(config_));
    return canonical == config_;
  }

  bool IsWorthTrying(const Axis& axis, const jit::Config& canonical) const {
    // With one thread there is no schedule to choose.
    if (axis.field->name == "threads" && !IsBase() && Threads() == 1 && !ScheduleIsLowest()) {
      return false;
    }
    const auto* c = std::get_if<jit::AttentionConfig>(&config_);
    if (c == nullptr) return true;
    if (axis.field->get(canonical) != axis.field->get(config_)) return false;
    if (!IsAStepOfItsLanes(*axis.field, c->lanes)) return false;
    if (c->lanes == jit::LaneAxis::kColumns) return true;
    // Column groups that do not divide the tile leave a narrow one, which wastes registers.
    if (axis.field->name == "qk_vecs" && c->q_vecs % c->qk_vecs != 0) return false;
    const bool queries_in_lanes = c->pv_form == 1;
    return axis.field->name != "pv_vecs" || !queries_in_lanes || c->q_vecs % c->pv_vecs == 0;
  }

  // Fields mean something else for each kind of lanes, or nothing, where only one value is tried.
  bool IsAStepOfItsLanes(const jit::Field& field, jit::LaneAxis lanes) const {
    const int value = field.get(config_);
    if (value == field.get(base_)) return true;
    const bool limited = limits_.Find(field.name) != nullptr;
    const auto& p = std::get<jit::AttentionProblem>(problem_);
    if (lanes == jit::LaneAxis::kColumns) {
      // A tile takes all rows, or half of them to leave registers to a longer block of keys.
      if (field.name == "q_vecs") return value <= RowsOf(p) || value < 2 * RowsOf(p);
      return limited || IsAStep(kBiggerStepsOfColumns, field, value);
    }
    const int64_t in_vec = jit::Lanes(std::get<jit::AttentionConfig>(config_).isa, p.dtype);
    // A tile that holds every query already gains nothing by being wider.
    if (field.name == "q_vecs" && value > 1 && (value - 1) * in_vec >= p.q_len) return false;
    return limited || IsAStep(kBiggerSteps, field, value);
  }

  // Or as many rows as the default has, which is a point of its space in any case.
  bool IsFull(const jit::Field& rows) {
    const auto* attention = std::get_if<jit::AttentionConfig>(&config_);
    if (attention != nullptr && attention->lanes == jit::LaneAxis::kColumns) return true;
    const int here = rows.get(config_);
    const auto next = std::upper_bound(rows.values.begin(), rows.values.end(), here);
    if (next == rows.values.end() || here == rows.get(base_)) return true;
    rows.set(config_, *next);
    const bool full = !jit::Validate(config_, spec_, cpu_).ok();
    rows.set(config_, here);
    return full;
  }

  int Threads() const {
    return std::visit([](const auto& c) { return c.threads; }, config_);
  }
  bool IsBase() const { return config_ == base_; }
  bool ScheduleIsLowest() const {
    return std::all_of(axes_.begin(), axes_.end(), [this](const Axis& axis) {
      return axis.field->shapes_code() || axis.field->name == "threads" ||
             axis.field->get(config_) == axis.values.front();
    });
  }

  const jit::Problem& problem_;
  const jit::Spec spec_;
  const jit::Cpu& cpu_;
  const SpaceLimits& limits_;
  jit::Config config_, base_;
  std::vector<Axis> axes_;
  search::Point point_;
  std::vector<search::Point> points_;
};

}  // namespace

absl::StatusOr<TuningSpace> TuningSpace::Create(const jit::Problem& problem, const jit::Cpu& cpu,
                                                int threads, const SpaceLimits& limits) {
  Enumeration all(problem, cpu, threads, limits);
  all.Run();
  std::vector<search::Point> points = all.TakePoints();
  std::vector<const jit::Field*> fields;
  std::vector<std::vector<int>> ladders;
  std::vector<search::Parameter> parameters;
  for (const Axis& axis : all.axes()) {
    search::Parameter parameter{.name = std::string(axis.field->name)};
    parameter.values.assign(axis.values.begin(), axis.values.end());
    // A switch has two values, and their order means nothing.
    parameter.kind =
        axis.field->is_log ? search::Parameter::Kind::kLog : search::Parameter::Kind::kLinear;
    for (const int value : axis.field->labels.empty() ? std::vector<int>{} : axis.values) {
      parameter.labels.emplace_back(axis.field->labels[static_cast<size_t>(value)]);
      parameter.kind = search::Parameter::Kind::kCategorical;
    }
    parameters.push_back(std::move(parameter));
    fields.push_back(axis.field);
    ladders.push_back(axis.values);
  }

  // The default first, whatever is thought of it.
  std::vector<std::pair<double, size_t>> ranked;
  for (size_t i = 0; i < points.size(); ++i) {
    const jit::Config config = all.ConfigOf(points[i]);
    ranked.emplace_back(config == all.base() ? 0 : EstimateCycles(problem, config, cpu), i);
  }
  std::sort(ranked.begin(), ranked.end());
  const int most = std::min(kMaxPoints, limits.max_points);
  std::vector<search::Point> kept;
  for (const auto& [cycles, i] : ranked) {
    if (std::ssize(kept) >= most) break;
    all.Vary(points[i], &kept);
  }
  if (std::ssize(kept) > most) kept.resize(most);
  absl::StatusOr<search::Space> space =
      search::Space::FromPoints(std::move(parameters), std::move(kept));
  if (!space.ok()) return space.status();
  return TuningSpace(*std::move(space), all.base(), std::move(fields), std::move(ladders));
}

jit::Config TuningSpace::ConfigAt(int rank) const {
  const std::span<const int> row = space_.Row(rank);
  jit::Config config = base_;
  for (size_t p = 0; p < row.size(); ++p) fields_[p]->set(config, ladders_[p][row[p]]);
  return config;
}

int TuningSpace::RankOf(const jit::Config& config) const {
  search::Point point(fields_.size());
  for (size_t p = 0; p < fields_.size(); ++p) {
    const std::vector<int>& ladder = ladders_[p];
    const int value = fields_[p]->get(config);
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
