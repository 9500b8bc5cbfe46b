// Plans for sizes up to the limits of validation: powers of two and their neighbours, alone and in
// pairs. A plan is made or refused with a status. A plan that is made must give the right result in
// a tiny run, with every operand and the plan's own memory between unreadable pages.
//
//   faults_sizes [FIRST [COUNT]]     those cases only, each named
//
// Runs an evenly spread sample of the cases, or all with JITATTN_FAULTS_LONG=1. Exits with 1 if the
// library is at fault.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <initializer_list>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "elements.h"
#include "guarded.h"
#include "jitattn/jitattn.h"

#if defined(__SANITIZE_ADDRESS__)
// The library asks for more memory than exists; the sanitizer's allocator must return null, as
// other allocators do.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "allocator_may_return_null=1:detect_leaks=0";
}
#endif

namespace jitattn::faults {
namespace {

constexpr int kSecondsACase = 20;
constexpr int kSampled = 10000;
constexpr double kMostElements = 1 << 20;  // of an operand
constexpr size_t kArenaBytes = 8 << 20;    // kMostElements of the largest type
// Operands of this size exceed the memory of every machine of today, so nothing is tuned.
constexpr double kBeyondMemory = 0x1p46;

constexpr int kBatch = 0, kHeads = 1, kKvHeads = 2, kQueries = 3, kKeys = 4, kHeadDim = 5,
              kValueDim = 6, kAttentionSizes = 7;
constexpr int kRows = 0, kCols = 1, kSigmoidMulSizes = 2;
// The way in which a plan is made: by default, with one field of its configuration set, by a
// one-shot call, or with tuning.
enum class Way { kDefault, kPack, kDecode, kOneShot, kTune };

struct Case {
  bool attention = true;
  int32_t dtype = JITATTN_F32, mask = JITATTN_MASK_NONE;
  Way way = Way::kDefault;
  int64_t sizes[kAttentionSizes] = {1, 1, 1, 8, 16, 16, 16};

  // Of the largest operand.
  double Bytes() const {
    const auto product = [&](std::initializer_list<int> which) {
      double bytes = BytesOf(dtype);
      for (const int size : which) bytes *= static_cast<double>(sizes[size]);
      return bytes;
    };
    if (!attention) return product({kRows, kCols});
    return std::max({product({kBatch, kHeads, kQueries, kHeadDim}),
                     product({kBatch, kKvHeads, kKeys, kHeadDim}),
                     product({kBatch, kHeads, kQueries, kValueDim}),
                     product({kBatch, kKvHeads, kKeys, kValueDim})});
  }

  std::string Name() const {
    constexpr const char* kWays[] = {"default", "pack=1", "rows, kv_split=1", "one-shot", "tune"};
    constexpr const char* kTypes[] = {"f32", "f64", "bf16", "f16"};
    std::string name = absl::StrCat(attention ? "attention " : "sigmoid-mul ", kTypes[dtype], " ",
                                    mask ? "causal " : "", "(", kWays[static_cast<int>(way)], ")");
    constexpr const char* kNames[] = {"batch",  "heads",    "kv_heads", "q_len",
                                      "kv_len", "head_dim", "value_dim"};
    for (int i = 0; i < (attention ? kAttentionSizes : kSigmoidMulSizes); ++i) {
      absl::StrAppend(&name, " ",
                      attention    ? kNames[i]
                      : i == kRows ? "rows"
                                   : "cols",
                      " ", sizes[i]);
    }
    return name;
  }
};

// ---- All cases ---------------------------------------------------------------------------------

void AddWays(Case c, std::vector<Case>* cases) {
  for (const Way way : {Way::kDefault, Way::kPack, Way::kDecode, Way::kOneShot, Way::kTune}) {
    if (!c.attention && (way == Way::kPack || way == Way::kDecode)) continue;
    if (way == Way::kTune && c.Bytes() < kBeyondMemory) continue;
    c.way = way;
    cases->push_back(c);
  }
}

void Set(Case* c, int size, int64_t value) {
  c->sizes[size] = value;
  // Whole groups: every kv head has as many heads.
  if (c->attention && size == kKvHeads) c->sizes[kHeads] *= value;
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const bool attention : {true, false}) {
    const int sizes = attention ? kAttentionSizes : kSigmoidMulSizes;
    for (const int32_t dtype : {JITATTN_F32, JITATTN_F64, JITATTN_BF16, JITATTN_F16}) {
      Case base{.attention = attention, .dtype = dtype};
      for (int size = 0; size < sizes; ++size) {
        for (int power = 0; power < 63; ++power) {
          for (const int64_t near : {-1, 0, 1}) {
            Case c = base;
            Set(&c, size, (int64_t{1} << power) + near);
            c.mask = attention && power % 2 ? JITATTN_MASK_CAUSAL : JITATTN_MASK_NONE;
            AddWays(c, &cases);
          }
        }
        Case most = base;
        Set(&most, size, INT64_MAX);
        AddWays(most, &cases);
      }
      for (int a = 0; a < sizes; ++a) {
        for (int b = a + 1; b < sizes; ++b) {
          for (int power_a = 1; power_a < 62; power_a += 3) {
            for (int power_b = 1; power_a + power_b < 63; power_b += 2) {
              Case c = base;
              Set(&c, a, int64_t{1} << power_a);
              Set(&c, b, int64_t{1} << power_b);
              AddWays(c, &cases);
            }
          }
        }
      }
    }
  }
  return cases;
}

// ---- One case ----------------------------------------------------------------------------------

enum class Verdict : int { kOk, kInvalid, kNoMemory, kUnavailable, kBad };

struct Operands {
  Arena q{kArenaBytes}, k{kArenaBytes}, v{kArenaBytes}, out{kArenaBytes}, scratch{kArenaBytes};
};

void Fill(int32_t dtype, void* to, int64_t count, uint64_t seed) {
  for (int64_t i = 0; i < count; ++i) Store(dtype, to, i, Pseudo(seed * 1000003 + i));
}

// One row of the formula, for a query that sees `seen` keys.
std::vector<double> RightRow(const Case& c, const jitattn_attention_args& a, int64_t query,
                             int64_t seen) {
  const int64_t dim = c.sizes[kHeadDim], value_dim = c.sizes[kValueDim];
  std::vector<double> weights(seen), row(value_dim, 0);
  double top = -INFINITY, sum = 0;
  for (int64_t j = 0; j < seen; ++j) {
    double dot = 0;
    for (int64_t d = 0; d < dim; ++d) {
      dot += Load(c.dtype, a.q, query * a.q_strides[2] + d) *
             Load(c.dtype, a.k, j * a.k_strides[2] + d);
    }
    weights[j] = dot * a.scale;
    top = std::max(top, weights[j]);
  }
  for (double& weight : weights) sum += weight = std::exp(weight - top);
  for (int64_t j = 0; j < seen; ++j) {
    for (int64_t d = 0; d < value_dim; ++d) {
      row[d] += weights[j] / sum * Load(c.dtype, a.v, j * a.v_strides[2] + d);
    }
  }
  return row;
}

// Returns what is wrong with `out`; "" if it is right. All heads have the same inputs.
std::string Compare(const Case& c, const jitattn_attention_args& a) {
  const int64_t value_dim = c.sizes[kValueDim];
  for (int64_t i = 0; i < a.q_len; ++i) {
    const int64_t seen = c.mask == JITATTN_MASK_CAUSAL
                             ? std::clamp<int64_t>(i + a.causal_offset + 1, 0, a.kv_len)
                             : a.kv_len;
    const std::vector<double> right = RightRow(c, a, i, seen);
    for (int64_t head = 0; head < c.sizes[kHeads]; ++head) {
      for (int64_t d = 0; d < value_dim; ++d) {
        const double got = Load(c.dtype, a.out, head * a.out_strides[1] + i * a.out_strides[2] + d);
        if (std::abs(got - right[d]) <= ToleranceOf(c.dtype, a.kv_len)) continue;
        return absl::StrFormat("head %d, query %d, column %d is %g, should be %g", head, i, d, got,
                               right[d]);
      }
    }
  }
  return "";
}

// A run of a few queries and keys. All heads of the plan share their inputs. The `repeated` keys
// are the same row, so that many keys need no memory.
jitattn_attention_args SmallRun(const Case& c, Operands& operands, bool at_end, bool repeated) {
  const int64_t dim = c.sizes[kHeadDim], value_dim = c.sizes[kValueDim];
  const int bytes = BytesOf(c.dtype);
  jitattn_attention_args args = {.struct_size = sizeof args};
  args.batch = std::min<int64_t>(c.sizes[kBatch], 1);
  args.q_len = std::min<int64_t>(c.sizes[kQueries], 3);
  args.kv_len = std::min<int64_t>(c.sizes[kKeys], repeated ? 5000 : 5);
  const int64_t heads = c.sizes[kHeads];
  // A run always has all heads. If they are too many or too large, the run has no rows.
  const double longest = static_cast<double>(std::max(dim, value_dim)) * 5;
  if (heads > 256 || static_cast<double>(heads) * longest > kMostElements) args.batch = 0;
  if (repeated && heads * (dim + value_dim) > 512) args.kv_len = std::min<int64_t>(args.kv_len, 40);
  args.scale = 1 / std::sqrt(static_cast<double>(dim));
  args.causal_offset = args.kv_len - args.q_len;
  args.q_strides[2] = dim;
  args.k_strides[2] = repeated ? 0 : dim;
  args.v_strides[2] = repeated ? 0 : value_dim;
  args.out_strides[2] = value_dim;
  if (args.batch == 0) return args;
  args.out_strides[1] = args.q_len * value_dim;
  const auto place = [&](const Arena& arena, int64_t count) {
    return at_end ? arena.AtEnd(count * bytes) : arena.AtBegin();
  };
  const int64_t rows = repeated ? 1 : args.kv_len;
  uint8_t* q = place(operands.q, args.q_len * dim);
  uint8_t* k = place(operands.k, rows * dim);
  uint8_t* v = place(operands.v, rows * value_dim);
  uint8_t* out = place(operands.out, heads * args.q_len * value_dim);
  Fill(c.dtype, q, args.q_len * dim, 1);
  Fill(c.dtype, k, rows * dim, 2);
  Fill(c.dtype, v, rows * value_dim, 3);
  memset(out, 0xff, heads * args.q_len * value_dim * bytes);
  args.q = q;
  args.k = k;
  args.v = v;
  args.out = out;
  return args;
}

class Runner {
 public:
  Verdict Run(const Case& c, std::string* why) {
    return c.attention ? RunAttention(c, why) : RunSigmoidMul(c, why);
  }

 private:
  Verdict FromStatus(jitattn_status status, std::string* why) {
    *why = jitattn_last_error();
    switch (status) {
      case JITATTN_OK:
        return Verdict::kOk;
      case JITATTN_INVALID_ARGUMENT:
        return Verdict::kInvalid;
      case JITATTN_OUT_OF_MEMORY:
        return Verdict::kNoMemory;
      case JITATTN_UNAVAILABLE:
        return Verdict::kUnavailable;
      default:
        return Verdict::kBad;
    }
  }

  // The default configuration of such a problem with one field set.
  std::string Config(const Case& c) {
    std::string& config = configs_[c.dtype][c.way == Way::kDecode];
    if (!config.empty()) return config;
    jitattn_attention_problem problem;
    // Of a decoding call, whose algorithm is "rows".
    const bool decode = c.way == Way::kDecode;
    jitattn_attention_problem_init(&problem, 4, decode ? 1 : 64, 64);
    problem.kv_len = 4096;
    problem.dtype = c.dtype;
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.ignore_cache = 1;
    jitattn_plan* plan = nullptr;
    if (jitattn_attention_plan(&problem, &options, &plan) != JITATTN_OK) return "";
    jitattn_plan_info info = {.struct_size = sizeof info};
    jitattn_plan_get_info(plan, &info);
    for (const absl::string_view word : absl::StrSplit(info.config, ' ')) {
      const std::string field(word);
      absl::StrAppend(&config, config.empty() ? "" : " ",
                      !decode && field.starts_with("pack=")      ? "pack=1"
                      : decode && field.starts_with("kv_split=") ? "kv_split=1"
                                                                 : field);
    }
    jitattn_plan_free(plan);
    return config;
  }

  // Plans that keep kernels alive, since emitting kernels again would take most of the time.
  void Keep(jitattn_plan* plan) {
    jitattn_plan*& oldest = kept_[next_kept_++ % kKept];
    jitattn_plan_free(oldest);
    oldest = plan;
  }

  Verdict RunAttention(const Case& c, std::string* why) {
    jitattn_attention_problem problem = {.struct_size = sizeof problem};
    problem.dtype = c.dtype;
    problem.mask = c.mask;
    problem.batch = c.sizes[kBatch];
    problem.heads = c.sizes[kHeads];
    problem.kv_heads = c.sizes[kKvHeads];
    problem.q_len = c.sizes[kQueries];
    problem.kv_len = c.sizes[kKeys];
    problem.head_dim = c.sizes[kHeadDim];
    problem.value_dim = c.sizes[kValueDim];
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.ignore_cache = c.way != Way::kTune;
    options.tune = c.way == Way::kTune;
    options.tune_seconds = 0.05;
    std::string config;
    if (c.way == Way::kPack || c.way == Way::kDecode) {
      config = Config(c);
      options.config = config.c_str();
    }
    jitattn_plan* plan = nullptr;
    if (c.way != Way::kOneShot) {
      const jitattn_status status = jitattn_attention_plan(&problem, &options, &plan);
      if (status != JITATTN_OK) return FromStatus(status, why);
    }
    Verdict verdict = Verdict::kOk;
    for (const bool repeated : {false, true}) {
      jitattn_attention_args args = SmallRun(c, operands_, ++runs_ % 2, repeated);
      if (plan != nullptr && runs_ % 4 < 2) {
        const size_t scratch = (jitattn_plan_scratch_bytes(plan) + 63) / 64 * 64;
        if (scratch <= kArenaBytes) args.scratch = operands_.scratch.AtEnd(scratch);
      }
      const jitattn_status status =
          plan == nullptr ? jitattn_attention(&problem, &args) : jitattn_attention_run(plan, &args);
      if (status != JITATTN_OK) {
        verdict = FromStatus(status, why);
        // A planned size can be run. A one-shot call makes its plan as well.
        if (plan != nullptr) verdict = Verdict::kBad;
      } else if (args.batch != 0) {
        *why = Compare(c, args);
        if (!why->empty()) verdict = Verdict::kBad;
      }
      if (verdict != Verdict::kOk) break;
    }
    Keep(plan);
    return verdict;
  }

  Verdict RunSigmoidMul(const Case& c, std::string* why) {
    jitattn_sigmoid_mul_problem problem = {.struct_size = sizeof problem};
    problem.dtype = c.dtype;
    problem.rows = c.sizes[kRows];
    problem.cols = c.sizes[kCols];
    jitattn_sigmoid_mul_args args = {.struct_size = sizeof args};
    args.rows = std::min<int64_t>(problem.rows, 3);
    args.cols = std::min<int64_t>(problem.cols, 999);
    args.x_stride = args.out_stride = args.cols;
    const int64_t count = args.rows * args.cols;
    const bool at_end = ++runs_ % 2;
    uint8_t* x = at_end ? operands_.q.AtEnd(count * BytesOf(c.dtype)) : operands_.q.AtBegin();
    uint8_t* out = at_end ? operands_.out.AtEnd(count * BytesOf(c.dtype)) : operands_.out.AtBegin();
    Fill(c.dtype, x, count, 4);
    args.x = x;
    args.out = out;
    jitattn_status status;
    if (c.way == Way::kOneShot) {
      status = jitattn_sigmoid_mul(&problem, &args);
    } else {
      jitattn_plan_options options;
      jitattn_plan_options_init(&options);
      options.ignore_cache = c.way != Way::kTune;
      options.tune = c.way == Way::kTune;
      options.tune_seconds = 0.05;
      jitattn_plan* plan = nullptr;
      status = jitattn_sigmoid_mul_plan(&problem, &options, &plan);
      if (status != JITATTN_OK) return FromStatus(status, why);
      status = jitattn_sigmoid_mul_run(plan, &args);
      Keep(plan);
    }
    if (status != JITATTN_OK) return FromStatus(status, why);
    for (int64_t i = 0; i < count; ++i) {
      const double in = Load(c.dtype, x, i), right = in / (1 + std::exp(-in));
      if (std::abs(Load(c.dtype, out, i) - right) <= ToleranceOf(c.dtype, 0)) continue;
      *why = absl::StrFormat("element %d is %g, should be %g", i, Load(c.dtype, out, i), right);
      return Verdict::kBad;
    }
    return Verdict::kOk;
  }

  static constexpr int kKept = 24;

  Operands operands_;
  uint64_t runs_ = 0;
  std::string configs_[4][2];  // by type; of a decoding call
  jitattn_plan* kept_[kKept] = {};
  int next_kept_ = 0;
};

// ---- All cases, in processes that may die ------------------------------------------------------

struct Shared {
  std::atomic<int64_t> next;  // index of the current case among the chosen ones
  std::atomic<int64_t> verdicts[5];
  std::atomic<int64_t> died;
  std::atomic<int> reported;
};

[[noreturn]] void RunChild(const std::vector<Case>& cases, const std::vector<int64_t>& chosen,
                           bool tell, Shared* shared) {
  jitattn_set_allocator(AllocateGuarded, ReleaseGuarded, nullptr);
  jitattn_set_log([](int32_t, const char*, void*) {}, nullptr);
  Runner runner;
  for (; shared->next < static_cast<int64_t>(chosen.size()); ++shared->next) {
    alarm(kSecondsACase);
    const int64_t number = chosen[shared->next];
    std::string why;
    const Verdict verdict = runner.Run(cases[number], &why);
    ++shared->verdicts[static_cast<int>(verdict)];
    if (tell || (verdict == Verdict::kBad && shared->reported++ < 25)) {
      printf("%s %lld: %s: %s\n", verdict == Verdict::kBad ? "FAULT case" : "case",
             static_cast<long long>(number), cases[number].Name().c_str(), why.c_str());
      fflush(stdout);
    }
  }
  _exit(0);
}

std::vector<int64_t> Choose(int64_t all, int argc, char** argv) {
  std::vector<int64_t> chosen;
  if (argc > 1) {
    const int64_t first = atoll(argv[1]), count = argc > 2 ? atoll(argv[2]) : 1;
    for (int64_t i = first; i < std::min(first + count, all); ++i) chosen.push_back(i);
    return chosen;
  }
  const char* is_long = getenv("JITATTN_FAULTS_LONG");
  const int64_t count = is_long != nullptr && *is_long ? all : std::min<int64_t>(all, kSampled);
  for (int64_t i = 0; i < count; ++i) chosen.push_back(i * all / count);
  return chosen;
}

int Main(int argc, char** argv) {
  // A cache folder that holds nothing and cannot be written.
  setenv("JITATTN_CACHE_DIR", "/proc/self/none", 1);
  const std::vector<Case> cases = AllCases();
  const std::vector<int64_t> chosen = Choose(cases.size(), argc, argv);
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 77;
  Shared* shared = new (memory) Shared();
  while (shared->next < static_cast<int64_t>(chosen.size())) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) RunChild(cases, chosen, argc > 1, shared);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
    const int64_t number = chosen[shared->next];
    ++shared->died;
    if (shared->reported++ < 25) {
      printf("FAULT case %lld: %s: ended by %s\n", static_cast<long long>(number),
             cases[number].Name().c_str(),
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                 : absl::StrCat("exit code ", WEXITSTATUS(status)).c_str());
    }
    ++shared->next;
  }
  const auto count = [&](Verdict verdict) {
    return static_cast<long long>(shared->verdicts[static_cast<int>(verdict)]);
  };
  printf(
      "faults| %-38s %6zu of %6zu: %6lld ok, %5lld invalid, %5lld out of memory, %4lld "
      "unavailable, %3lld bad\n",
      "sizes, each with tiny guarded runs", chosen.size(), cases.size(), count(Verdict::kOk),
      count(Verdict::kInvalid), count(Verdict::kNoMemory), count(Verdict::kUnavailable),
      count(Verdict::kBad) + shared->died);
  return count(Verdict::kBad) + shared->died == 0 ? 0 : 1;
}

}  // namespace
}  // namespace jitattn::faults

int main(int argc, char** argv) { return jitattn::faults::Main(argc, argv); }
