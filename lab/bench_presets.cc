// Lists of problems by name.

#include "lab/bench_presets.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lab/bench_models.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::lab {
namespace {

using jit::Mask;
using ops::AttentionProblem;
using ops::SigmoidMulProblem;
using Sizes = std::vector<int64_t>;

constexpr std::string_view kTypes[] = {"f32", "f64", "bf16", "f16"};

class Builder {
 public:
  Builder(const Cpu& cpu, int threads) : cpu_(cpu), threads_(threads) {}

  void Line(std::string title, Metric metric, int cells) {
    preset_.lines.push_back({std::move(title), metric, cells});
  }
  // Problems added from here on belong to this cell of the last line.
  void Cell(int cell) { line_ = static_cast<int>(preset_.lines.size()) - 1, cell_ = cell; }
  // Problems added from here on belong to no line.
  void Rest() { line_ = -1, cell_ = 0; }

  void Isa(jitattn::Isa isa) { isa_ = isa; }
  void Threads(std::vector<int> threads) { counts_ = std::move(threads); }
  int most_threads() const { return threads_; }

  // Adds a problem if this build and machine support it. A problem of no line is not added twice.
  void Add(std::string_view dtype, ops::Problem problem) {
    const auto type = DTypeFromName(dtype);
    if (!type) return;
    problem.set_dtype(*type);
    if (isa_ == Isa::kAvx2 && cpu_.isa < Isa::kAvx2) return;
    if (*std::max_element(counts_.begin(), counts_.end()) > threads_) return;
    const bool alone = line_ >= 0 && preset_.lines[line_].metric == Metric::kOverhead;
    const BenchCase added{problem, std::min(isa_, cpu_.isa), counts_, {}, line_, cell_, alone};
    const bool known =
        std::any_of(preset_.cases.begin(), preset_.cases.end(), [&](const BenchCase& old) {
          return old.problem == problem && old.isa == added.isa && old.threads == counts_;
        });
    if (line_ >= 0 || !known) preset_.cases.push_back(added);
  }

  // Adds a problem of an odd size to this cell, and its neighbours to none.
  void Odd(std::string_view dtype, const AttentionProblem& problem,
           const std::vector<AttentionProblem>& beside);

  void Attention(std::string_view dtype, Mask mask, const Sizes& dims, const Sizes& lengths);
  void Square(const Sizes& sizes);

  const Cpu& cpu() const { return cpu_; }
  BenchPreset Take() { return std::move(preset_); }

 private:
  const Cpu& cpu_;
  const int threads_;
  BenchPreset preset_;
  int line_ = -1, cell_ = 0;
  jitattn::Isa isa_ = Isa::kAvx512;
  std::vector<int> counts_ = {1};
};

void Builder::Odd(std::string_view dtype, const AttentionProblem& problem,
                  const std::vector<AttentionProblem>& beside) {
  const auto type = DTypeFromName(dtype);
  const size_t before = preset_.cases.size();
  const int line = line_;
  line_ = -1;
  for (const AttentionProblem& neighbour : beside) Add(dtype, neighbour);
  line_ = line;
  Add(dtype, problem);
  if (preset_.cases.size() == before || preset_.cases.back().line != line) return;
  for (AttentionProblem neighbour : beside) {
    neighbour.dtype = *type;
    preset_.cases.back().beside.emplace_back(neighbour);
  }
}

// Adds attention problems with 2 to 8 heads: more than one, as in layers of transformers, and few
// enough that a run with large S takes at most a few milliseconds.
void Builder::Attention(std::string_view dtype, Mask mask, const Sizes& dims,
                        const Sizes& lengths) {
  for (const int64_t dim : dims) {
    for (const int64_t length : lengths) {
      const int64_t heads = std::clamp<int64_t>(2048 / length, 2, 8);
      Add(dtype, AttentionProblem{.mask = mask,
                                  .heads = heads,
                                  .kv_heads = heads,
                                  .q_len = length,
                                  .kv_len = length,
                                  .head_dim = dim,
                                  .value_dim = dim});
    }
  }
}

void Builder::Square(const Sizes& sizes) {
  for (const int64_t n : sizes) {
    Add("f32", AttentionProblem{.q_len = n, .kv_len = n, .head_dim = n, .value_dim = n});
  }
}

void SquareLines(Builder& b) {
  b.Line("f32 square, N 64 / 128 / 256 / 400 … 1024", Metric::kFraction, 4);
  b.Cell(0), b.Square({64});
  b.Cell(1), b.Square({128});
  b.Cell(2), b.Square({256});
  b.Cell(3), b.Square({400, 512, 768, 1024});
}

void TransformerLines(Builder& b) {
  b.Line("f32, D 64, S 128 / 512 / ≥ 1024", Metric::kFraction, 3);
  b.Cell(0), b.Attention("f32", Mask::kNone, {64}, {128});
  b.Cell(1), b.Attention("f32", Mask::kNone, {64}, {512});
  b.Cell(2), b.Attention("f32", Mask::kNone, {64}, {1024, 2048});
  b.Line("f32, D 128, S 128 / 512 / ≥ 2048", Metric::kFraction, 3);
  b.Cell(0), b.Attention("f32", Mask::kNone, {128}, {128});
  b.Cell(1), b.Attention("f32", Mask::kNone, {128}, {512});
  b.Cell(2), b.Attention("f32", Mask::kNone, {128}, {2048});
  b.Line("f32 causal, D 64 and 128, S 128 / 512 / ≥ 2048", Metric::kFraction, 3);
  b.Cell(0), b.Attention("f32", Mask::kCausal, {64, 128}, {128});
  b.Cell(1), b.Attention("f32", Mask::kCausal, {64, 128}, {512});
  b.Cell(2), b.Attention("f32", Mask::kCausal, {64, 128}, {2048});
  b.Isa(Isa::kAvx2);
  b.Line("f32 on AVX2, D 64 / 128, S ≥ 512", Metric::kFraction, 2);
  b.Cell(0), b.Attention("f32", Mask::kNone, {64}, {512, 1024});
  b.Cell(1), b.Attention("f32", Mask::kNone, {128}, {512, 1024});
  b.Isa(Isa::kAvx512);
  b.Line("bf16, D 64 / 128, S ≥ 1024, of the bf16 peak", Metric::kFraction, 2);
  b.Cell(0), b.Attention("bf16", Mask::kNone, {64}, {1024, 2048});
  b.Cell(1), b.Attention("bf16", Mask::kNone, {128}, {1024, 2048});
  b.Line("f64, D 64 / 128, S ≥ 512, of the f64 peak", Metric::kFraction, 2);
  b.Cell(0), b.Attention("f64", Mask::kNone, {64}, {512, 1024});
  b.Cell(1), b.Attention("f64", Mask::kNone, {128}, {512, 1024});
  b.Line("f16 (F16C), D 64 / 128, S ≥ 1024, of the f32 peak", Metric::kFraction, 2);
  b.Cell(0), b.Attention("f16", Mask::kNone, {64}, {1024, 2048});
  b.Cell(1), b.Attention("f16", Mask::kNone, {128}, {1024, 2048});
}

// Long, medium and short calls: 2 G, 134 M and 13 M operations, or about 20, 1.2 and 0.12 ms on one
// core at 110 GFLOP/s.
void ThreadLines(Builder& b) {
  auto add = [&](int64_t heads, int64_t length) {
    b.Add("f32",
          AttentionProblem{.heads = heads, .kv_heads = heads, .q_len = length, .kv_len = length});
  };
  b.Threads({1, 2});
  b.Line("two threads against one, calls ≥ 5 ms / 1 ms / 0.1 ms", Metric::kSpeedup, 3);
  b.Cell(0), add(8, 1024);
  b.Cell(1), add(8, 256);
  b.Cell(2), add(12, 64);
  b.Threads({1});
}

// Small calls: their overhead outside the kernel, and whether more threads than they need slow them
// down. Some lengths fill tiles and some do not.
void SmallLines(Builder& b) {
  const auto add = [&](int cell, int64_t heads, const Sizes& lengths) {
    b.Cell(cell);
    for (const int64_t length : lengths) {
      b.Add("f32",
            AttentionProblem{.heads = heads, .kv_heads = heads, .q_len = length, .kv_len = length});
    }
  };
  const int most = b.most_threads();
  for (const int threads : {1, most}) {
    b.Threads({threads});
    b.Line(absl::StrCat("a call outside its kernel, 8 heads, D 64, S 16 / 32 / 64, ",
                        threads == 1 ? "1 thread" : "all threads"),
           Metric::kOverhead, 3);
    add(0, 8, {16}), add(1, 8, {32}), add(2, 8, {64});
    if (most == 1) break;
  }
  b.Line("all threads against one, 12 heads, D 64, S 16 … 56 / 64 … 128", Metric::kSpeedup, 2);
  if (most > 1) {
    b.Threads({1, most});
    add(0, 12, {16, 24, 32, 40, 48, 56}), add(1, 12, {64, 96, 128});
  }
  b.Threads({1});
}

// 8 kv heads of 128: 8192 keys and values of f32 take 64 MiB.
AttentionProblem Decode(int64_t q_len, int64_t group, int64_t kv_len) {
  return {.heads = 8 * group,
          .kv_heads = 8,
          .q_len = q_len,
          .kv_len = kv_len,
          .head_dim = 128,
          .value_dim = 128};
}

void DecodeLines(Builder& b) {
  for (const int threads : {2, 1}) {
    b.Threads({threads});
    b.Line(absl::StrCat("decode D 128, kv ≥ 64 MB, of read bandwidth, ", threads,
                        threads == 1 ? " thread" : " threads", ", 1:1 / 8:1"),
           Metric::kFraction, 2);
    b.Cell(0), b.Add("f32", Decode(1, 1, 8192));
    b.Cell(1), b.Add("f32", Decode(1, 8, 8192));
  }
}

SigmoidMulProblem Square(int64_t n) { return {.rows = n, .cols = n}; }

void SigmoidMulLines(Builder& b) {
  b.Line("sigmoid-mul f32 ≥ 64 MB, of a copy, 1 and 2 threads", Metric::kFraction, 1);
  for (const int threads : {1, 2}) {
    b.Threads({threads});
    b.Cell(0), b.Add("f32", Square(4096));
  }
  b.Threads({1});
  b.Line("sigmoid-mul f32 in L2, cycles for 16 floats", Metric::kCycles, 1);
  // Input and output together fill half of the cache.
  b.Cell(0), b.Add("f32", SigmoidMulProblem{.rows = 1, .cols = b.cpu().l2_bytes / 2 / 8});
}

// Compares sizes that fill neither vectors nor register blocks with the multiples of 16 below and
// above them.
void OddSizes(Builder& b, std::string_view dtype, const Sizes& lengths, const Sizes& dims) {
  const auto beside = [](int64_t size) { return Sizes{size / 16 * 16, size / 16 * 16 + 16}; };
  const auto heads = [](int64_t q_len, int64_t kv_len, int64_t dim) {
    return AttentionProblem{.heads = 2,
                            .kv_heads = 2,
                            .q_len = q_len,
                            .kv_len = kv_len,
                            .head_dim = dim,
                            .value_dim = dim};
  };
  const auto add = [&](int cell, const Sizes& sizes, auto problem) {
    b.Cell(cell);
    for (const int64_t size : sizes) {
      std::vector<AttentionProblem> neighbours;
      for (const int64_t whole : beside(size)) neighbours.push_back(problem(whole));
      b.Odd(dtype, problem(size), neighbours);
    }
  };
  add(0, lengths, [&](int64_t n) { return heads(n, n, 64); });
  add(1, lengths, [&](int64_t n) { return heads(64, n, 64); });
  add(2, dims, [&](int64_t n) { return heads(128, 128, n); });
}

void CliffLines(Builder& b, std::string_view dtype, Isa isa, const Sizes& lengths,
                const Sizes& dims) {
  std::string title(dtype);
  title += isa == Isa::kAvx2 ? " on AVX2" : "";
  b.Isa(isa);
  b.Line(title + ", odd lengths / keys / head sizes, time of neighbours", Metric::kCliff, 3);
  OddSizes(b, dtype, lengths, dims);
  b.Isa(Isa::kAvx512);
}

void FewCliffLines(Builder& b) {
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2}) {
    CliffLines(b, "f32", isa, {17, 33, 100, 257}, {17, 40, 100, 257});
  }
}

void AllCliffLines(Builder& b) {
  const Sizes lengths = {17, 20, 31, 33, 47, 65, 79, 100, 127, 129, 200, 257, 513, 1000, 1023};
  const Sizes dims = {17,  24,  33,  40,  50,  65,  72,   100, 127,
                      129, 200, 257, 300, 513, 777, 1000, 1023};
  for (const std::string_view dtype : kTypes) {
    for (const Isa isa : {Isa::kAvx512, Isa::kAvx2}) {
      CliffLines(b, dtype, isa, lengths, dims);
    }
  }
}

void TransformerRest(Builder& b) {
  b.Rest();
  for (const std::string_view dtype : kTypes) {
    for (const Mask mask : {Mask::kNone, Mask::kCausal}) {
      b.Attention(dtype, mask, {64, 128}, {128, 512, 1024, 2048});
    }
  }
}

// 1, 4 and 8 query heads per kv head, as in today's models; one query, and a few at once as in
// speculative decoding.
void DecodeRest(Builder& b) {
  b.Rest();
  for (const std::string_view dtype : kTypes) {
    for (const int threads : {1, 2}) {
      b.Threads({threads});
      for (const int64_t group : {1, 4, 8}) {
        for (const int64_t q_len : {1, 4, 16}) b.Add(dtype, Decode(q_len, group, 8192));
      }
    }
  }
  b.Threads({1});
}

// Working sets for L1 to L3 and memory: input and output take 16 KiB, 512 KiB, 8 MiB and 128 MiB of
// f32.
void SigmoidMulRest(Builder& b) {
  b.Rest();
  for (const std::string_view dtype : kTypes) {
    for (const int64_t n : {45, 256, 1024, 4096}) {
      for (const int threads : {1, 2}) {
        b.Threads({threads});
        b.Add(dtype, Square(n));
      }
    }
  }
  b.Threads({1});
}

// A line for each layer, on all threads.
void ModelLines(Builder& b) {
  b.Threads({b.most_threads()});
  const auto add = [&](const auto& model) {
    const std::vector<ops::Problem> problems = ProblemsOf(model);
    b.Line(TitleOf(model), Metric::kFraction, static_cast<int>(problems.size()));
    for (size_t cell = 0; cell < problems.size(); ++cell) {
      b.Cell(static_cast<int>(cell)), b.Add(model.dtype, problems[cell]);
    }
  };
  for (const ModelAttention& model : AttentionOfModels()) add(model);
  for (const ModelActivation& model : ActivationsOfModels()) add(model);
  b.Threads({1});
}

struct Preset {
  std::string_view name;
  void (*const build)(Builder&);
};

constexpr Preset kPresets[] = {
    {"square",
     [](Builder& b) {
       SquareLines(b), b.Rest(), b.Square({96, 192, 384, 640, 2048});
     }},
    {"transformer", [](Builder& b) { TransformerLines(b), TransformerRest(b); }},
    {"decode", [](Builder& b) { DecodeLines(b), DecodeRest(b); }},
    {"sigmoid-mul", [](Builder& b) { SigmoidMulLines(b), SigmoidMulRest(b); }},
    {"cliffs", AllCliffLines},
    {"small", SmallLines},
    {"models", ModelLines},
    {"all",
     [](Builder& b) {
       TransformerLines(b), SquareLines(b), ThreadLines(b), DecodeLines(b), SigmoidMulLines(b);
       SmallLines(b), FewCliffLines(b);
     }},
};

}  // namespace

BenchPreset MakePreset(std::string_view name, const Cpu& cpu, int threads) {
  Builder builder(cpu, threads);
  const auto* preset = std::find_if(std::begin(kPresets), std::end(kPresets),
                                    [&](const Preset& p) { return p.name == name; });
  preset->build(builder);
  return builder.Take();
}

}  // namespace jitattn::lab
