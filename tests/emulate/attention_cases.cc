// Attention in every type, mask and algorithm, in the forms that P·V, the exponentials and packing
// have; with heads that share keys, and keys that are taken apart.

#include <cmath>
#include <iterator>
#include <random>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/attention/rows_kernel.h"
#include "tests/emulate/cases.h"
#include "tests/emulate/rows.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/extreme_scores.h"
#include "tests/jit/problems.h"

namespace jitattn::emulate {
namespace {

using jit::AttentionArgs;
using jit::AttentionSpec;
using jit::PvForm;
using jit::RowsConfig;
using jit::TilesConfig;
using jit::testing::AttentionCase;

// Around the edges of vectors, register blocks and tiles. Small: an emulator is slow.
constexpr int kDims[] = {1, 2, 5, 8, 15, 16, 17, 31, 33, 48, 64};
constexpr int64_t kQueries[] = {1, 2, 7, 16, 17, 33, 70}, kFewQueries[] = {1, 2, 3, 9};
constexpr int64_t kKeys[] = {0, 1, 3, 15, 16, 33, 64, 100, 130};
constexpr int kGroups[] = {2, 3, 5};

// The fixed properties of a case. The rest of its configuration and its shape are random.
struct Form {
  std::string name;
  bool rows = false;  // of the "rows" algorithm, else of "tiles"
  bool pairs = false;
  // Of "tiles".
  PvForm pv = PvForm::kNatural;
  int fuse_exp = 0, pack = 0;
  // Of the problem.
  bool group = false, parts = false, specials = false;
  bool great = false;  // scores up to about 1e30, so that few keys have a weight
  jit::Bias bias = jit::Bias::kNone;
};

std::vector<Form> Forms(Isa isa, DType dtype) {
  std::vector<Form> forms;
  for (const PvForm pv : {PvForm::kNatural, PvForm::kTransposed}) {
    for (const int fuse_exp : {0, 1}) {
      for (const int pack : {0, 1}) {
        if (pack == 1 && SizeOf(dtype) == 2) continue;  // copied in any case
        const char* const word = pv == PvForm::kNatural ? "natural" : "transposed";
        forms.push_back(
            {.name = absl::StrCat("tiles.", word, fuse_exp ? ".fused" : "", pack ? ".packed" : ""),
             .pv = pv,
             .fuse_exp = fuse_exp,
             .pack = pack});
      }
    }
  }
  forms.push_back({.name = "tiles.group", .group = true});
  forms.push_back({.name = "tiles.specials", .specials = true});
  forms.push_back({.name = "rows.one", .rows = true});
  forms.push_back({.name = "rows.group", .rows = true, .group = true});
  forms.push_back({.name = "rows.parts", .rows = true, .group = true, .parts = true});
  for (const Form& form : std::vector<Form>(forms)) {
    if ((form.group && !form.parts) || form.specials) continue;
    forms.push_back(form);
    forms.back().name += ".great";
    forms.back().group = false;
    forms.back().great = true;
  }
  forms.push_back(
      {.name = "rows.specials", .rows = true, .group = true, .parts = true, .specials = true});
  const jit::Bias own = dtype == DType::kF32 ? jit::Bias::kF32 : jit::Bias::kOwn;
  for (const bool rows : {false, true}) {
    const std::string name = rows ? "rows.bias" : "tiles.bias";
    forms.push_back({.name = name, .rows = rows, .bias = own});
    forms.push_back({.name = name + ".f32",
                     .rows = rows,
                     .pv = PvForm::kTransposed,
                     .fuse_exp = 1,
                     .group = rows,
                     .parts = rows,
                     .bias = jit::Bias::kF32});
    forms.push_back({.name = name + ".seen",
                     .rows = rows,
                     .fuse_exp = 1,
                     .pack = SizeOf(dtype) == 2 ? 0 : 1,
                     .group = rows,
                     .bias = jit::Bias::kSeen});
  }
  if (dtype == DType::kBF16 && isa == Isa::kAvx512) {
    forms.push_back({.name = "tiles.pairs", .pairs = true, .pv = PvForm::kPairs});
    forms.push_back({.name = "rows.pairs", .rows = true, .pairs = true});
  }
  return forms;
}

// A point of the space that has this form.
ops::Config DrawForm(const Form& form, Isa isa, const AttentionSpec& spec, const Cpu& cpu,
                     std::mt19937_64& random) {
  if (form.rows) {
    return jit::testing::DrawConfig<RowsConfig>(
        isa, spec, cpu, random, [&](RowsConfig& config) { config.pairs = form.pairs; });
  }
  return jit::testing::DrawConfig<TilesConfig>(isa, spec, cpu, random, [&](TilesConfig& config) {
    config.pv = form.pv;
    config.fuse_exp = form.fuse_exp;
    config.pack = form.pack;
  });
}

// Heads that share keys and values. The queries of a head are contiguous.
template <typename T>
struct Group {
  std::vector<AttentionCase<T>> heads;
  std::vector<int64_t> cuts;  // of the keys, for a softmax that is taken apart
  Flush flush;
  bool great = false;

  const AttentionCase<T>& first() const { return heads[0]; }
  int64_t count() const { return static_cast<int64_t>(heads.size()); }
  int64_t rows() const { return count() * first().q_rows; }
};

// Sets scores of −∞ in the first keys, one score far above all others, and NaN and ∞ in keys that
// no row sees.
template <typename T>
void MakeSpecial(AttentionCase<T>* in) {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  const int64_t head_dim = in->spec.head_dim, value_dim = in->spec.value_dim;
  for (int64_t row = 0; row < in->q_rows; ++row) in->q[row * head_dim] = 1;
  for (int64_t key = 0; key < in->kv_len / 4; ++key) in->k[key * head_dim] = -kInf;
  in->k[in->kv_len / 2 * head_dim] = 300;
  for (int64_t key = in->SeenBy(in->q_rows - 1); key < in->kv_len; ++key) {
    std::fill_n(&in->k[key * head_dim], head_dim, kNan);
    std::fill_n(&in->v[key * value_dim], value_dim, kInf);
  }
}

// Sets a bias that hides runs of keys from all rows and single keys from some. K and V of the
// former are NaN.
template <typename T>
void SetBias(AttentionCase<T>* in, std::mt19937_64& random) {
  constexpr double kHidden = -std::numeric_limits<double>::infinity();
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  jit::testing::BiasRows& bias = in->bias;
  bias = {.rows = in->q_rows, .keys = in->kv_len, .gap = in->gap};
  std::vector<bool> hidden(in->kv_len);
  for (int64_t key = 0; key < in->kv_len; ++key)
    hidden[key] = key > 0 && random() % 8 != 0 ? hidden[key - 1] : random() % 3 == 0;
  for (int64_t row = 0; row < in->q_rows; ++row) {
    for (int64_t key = 0; key < in->kv_len; ++key) {
      const double x = static_cast<double>(random() % 64) / 16 - 2;
      const bool hide = hidden[key] || random() % 8 == 0;
      bias.values.push_back(hide ? kHidden : jit::testing::RoundedToBias(in->spec, x));
    }
  }
  for (int64_t key = 0; key < in->kv_len; ++key) {
    if (!hidden[key]) continue;
    std::fill_n(&in->k[key * in->spec.head_dim], in->spec.head_dim, kNan);
    std::fill_n(&in->v[key * in->spec.value_dim], in->spec.value_dim, kNan);
  }
}

template <typename T>
Group<T> DrawGroup(const Form& form, const AttentionSpec& spec, std::mt19937_64& random) {
  const auto pick = [&](const auto& from) { return from[random() % std::size(from)]; };
  const bool has_bias = form.bias != jit::Bias::kNone;
  const bool needs_keys = form.parts || form.specials || form.pairs || has_bias;
  AttentionCase<T> in{.spec = spec, .kv_len = needs_keys ? 130 : pick(kKeys)};
  in.q_rows = form.rows ? pick(kFewQueries) : pick(kQueries);
  in.gap = random() % 2 * 3;
  in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
  in.offset = random() % 2 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 60) - 20;
  if (form.pairs) in.offset = std::max<int64_t>(in.offset, 0);  // without a key, no pair is run
  in.Fill(random());
  if (has_bias) SetBias(&in, random);
  if (form.great) {
    constexpr double kSizes[] = {1e9, 3e9, 1e15, 1e30};
    const double size = pick(kSizes);
    AttentionCase<T> great =
        jit::testing::RandomScores<T>(spec, std::max<int64_t>(in.q_rows, 2), 130, size, random());
    great.gap = in.gap;
    return {.heads = {great},
            .cuts = form.parts ? std::vector<int64_t>{20, 70} : std::vector<int64_t>{},
            .flush = random() % 2 ? Flush::kFront : Flush::kBack,
            .great = true};
  }
  Group<T> group{.flush = random() % 2 ? Flush::kFront : Flush::kBack};
  group.heads.assign(form.group ? pick(kGroups) : 1, in);
  for (AttentionCase<T>& head : group.heads) {
    AttentionCase<T> other = in;
    other.Fill(random());
    head.q = other.q;
    if (form.specials) MakeSpecial(&head);
  }
  for (int64_t cut = 0; form.parts && (cut += 1 + random() % 60) < in.kv_len;)
    group.cuts.push_back(cut);
  return group;
}

// A group in the memory of a machine.
template <typename T>
class GroupInImage {
 public:
  GroupInImage(Image* image, uint32_t number, Group<T> group, const ops::Config& config,
               std::shared_ptr<const jit::Kernel> kernel)
      : number_(number), group_(std::move(group)), kernel_(image, number, std::move(kernel)) {
    Place(image, config.isa());
    const auto* rows = config.If<RowsConfig>();
    if (rows == nullptr) {
      RunHeads();
    } else if (group_.cuts.empty()) {
      kernel_.Run(args_);
    } else {
      RunParts(image, *rows);
    }
    SendRows(image, number, out_);
  }

  std::string Check(const CaseAnswers& answers) const {
    std::string wrong = kernel_.CheckRuns(answers);
    if (!wrong.empty()) return wrong;
    const std::vector<T> all = ReadRows(answers, out_, out_shape_, &wrong);
    if (!wrong.empty()) return wrong;
    if (group_.great) {
      const auto result = jit::testing::AmongTheGreatest(group_.first(), all);
      return result ? "" : result.message();
    }
    jit::testing::Wider<T> plain_error = 0;
    std::vector<jit::testing::Expected<T>> expected;
    for (const auto& head : group_.heads) {
      expected.push_back(jit::testing::Expect(head));
      plain_error = std::max(plain_error, expected.back().plain_error);
    }
    const int64_t head_size = group_.first().q_rows * group_.first().spec.value_dim;
    for (int64_t head = 0; head < group_.count(); ++head) {
      const auto at = all.begin() + head * head_size;
      expected[head].plain_error = plain_error;
      const auto result =
          jit::testing::AsExactAsAPlainLoop(expected[head], std::vector<T>(at, at + head_size));
      if (!result) return absl::StrCat("head ", head, ": ", result.message());
    }
    return "";
  }

  std::string Describe() const {
    return absl::StrCat(kernel_.kernel().name(), "\n    ", group_.first().Describe(), ", ",
                        group_.count(), " heads, ", group_.cuts.size() + 1, " parts");
  }

 private:
  // Scratch is aligned; its contents are arbitrary.
  Memory AddScratch(Image* image, int64_t bytes) {
    return AddUnwritten(image, number_, (bytes + 63) / 64 * 64, group_.flush);
  }

  void Place(Image* image, Isa isa) {
    const AttentionCase<T>& in = group_.first();
    std::vector<T> all_q;
    for (const auto& head : group_.heads) all_q.insert(all_q.end(), head.q.begin(), head.q.end());
    const RowShape<T> q_shape = {group_.rows(), in.spec.head_dim, in.gap};
    const RowShape<T> k_shape = {in.kv_len, in.spec.head_dim, in.gap};
    const RowShape<T> v_shape = {in.kv_len, in.spec.value_dim, in.gap};
    out_shape_ = {group_.rows(), in.spec.value_dim, in.gap};
    out_ = AddUnwritten(image, number_, out_shape_.bytes(), group_.flush);
    const Memory q = AddRows(image, isa, q_shape, all_q, group_.flush);
    const Memory k = AddRows(image, isa, k_shape, in.k, group_.flush);
    const Memory v = AddRows(image, isa, v_shape, in.v, group_.flush);
    const Memory scratch =
        AddScratch(image, kernel_.kernel().scratch_bytes(in.kv_len, group_.rows()));
    const auto pointer = [](uint64_t address) { return reinterpret_cast<void*>(address); };
    args_ = {.q = pointer(q.address),
             .k = pointer(k.address),
             .v = pointer(v.address),
             .out = pointer(out_.address),
             .q_stride = q_shape.stride_bytes(),
             .k_stride = k_shape.stride_bytes(),
             .v_stride = v_shape.stride_bytes(),
             .out_stride = out_shape_.stride_bytes(),
             .q_rows = in.q_rows,
             .kv_len = in.kv_len,
             .right = in.offset,
             .scale = in.scale,
             .scratch = pointer(scratch.address),
             .group = group_.count(),
             .q_head_stride = q_shape.stride_bytes() * in.q_rows,
             .out_head_stride = out_shape_.stride_bytes() * in.q_rows};
    if (in.spec.bias != jit::Bias::kNone) PlaceBias(image, isa);
  }

  // All heads have the same.
  void PlaceBias(Image* image, Isa isa) {
    const AttentionCase<T>& in = group_.first();
    const int bytes = jit::BiasBytes(in.spec);
    const RowShape<uint8_t> shape = {in.q_rows, in.kv_len * bytes, in.bias.gap * bytes};
    std::vector<uint8_t> elements(in.bias.values.size() * bytes);
    for (size_t i = 0; i < in.bias.values.size(); ++i)
      jit::testing::WriteBias(in.spec, &elements[i * bytes], in.bias.values[i]);
    const Memory bias = AddRows(image, isa, shape, elements, group_.flush);
    args_.bias = reinterpret_cast<void*>(bias.address);
    args_.bias_stride = shape.stride_bytes();
  }

  // A run of a "tiles" kernel is of one head.
  void RunHeads() {
    for (int64_t head = 0; head < group_.count(); ++head) {
      AttentionArgs args = args_;
      args.q = static_cast<const char*>(args_.q) + head * args_.q_head_stride;
      args.out = static_cast<char*>(args_.out) + head * args_.out_head_stride;
      args.group = 1;
      kernel_.Run(args);
    }
  }

  void RunParts(Image* image, const RowsConfig& config) {
    const AttentionCase<T>& in = group_.first();
    const int64_t part_bytes = jit::RowsPartBytes(in.spec, config, group_.rows());
    const auto parts = static_cast<int64_t>(group_.cuts.size()) + 1;
    const Memory memory = AddScratch(image, parts * part_bytes);
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = part == 0 ? 0 : group_.cuts[part - 1];
      AttentionArgs args = args_;
      args.k = static_cast<const char*>(args_.k) + first * args_.k_stride;
      args.v = static_cast<const char*>(args_.v) + first * args_.v_stride;
      args.kv_len = (part + 1 == parts ? in.kv_len : group_.cuts[part]) - first;
      args.right = in.offset - first;
      if (in.spec.bias != jit::Bias::kNone) {
        args.bias = static_cast<const char*>(args_.bias) + first * jit::BiasBytes(in.spec);
      }
      args.parts = AttentionArgs::kPart;
      args.part = reinterpret_cast<void*>(memory.address + part * part_bytes);
      args.out = nullptr;
      kernel_.Run(args);
    }
    AttentionArgs merge = args_;
    merge.parts = parts;
    merge.part = reinterpret_cast<void*>(memory.address);
    merge.part_stride = part_bytes;
    merge.k = merge.v = nullptr;  // not read
    kernel_.Run(merge);
  }

  uint32_t number_;
  Group<T> group_;
  KernelInImage kernel_;
  AttentionArgs args_;
  RowShape<T> out_shape_;
  Memory out_;
};

// Of a kernel with instructions that the CPU has not.
std::string CheckRefused(const CaseAnswers& answers) {
  if (answers.fault && answers.fault->vector == kUndefinedInstruction) return "";
  return answers.fault ? Describe(*answers.fault) : "a CPU without AVX-512 BF16 ran its pairs";
}

template <typename T>
Check Prepare(Image& image, uint32_t number, const Form& form, const AttentionSpec& spec,
              const ops::Config& config, std::shared_ptr<const jit::Kernel> kernel, bool refused,
              std::mt19937_64& random) {
  const auto run = std::make_shared<GroupInImage<T>>(
      &image, number, DrawGroup<T>(form, spec, random), config, std::move(kernel));
  return [run, refused](const CaseAnswers& answers) {
    const std::string wrong = refused ? CheckRefused(answers) : run->Check(answers);
    return wrong.empty() ? "" : absl::StrCat(wrong, "\n    ", run->Describe());
  };
}

std::shared_ptr<const jit::Kernel> MustCompileFor(const AttentionSpec& spec,
                                                  const ops::Config& config, const Cpu& cpu) {
  auto kernel = jit::testing::CompileFor(spec, config, cpu);
  if (!kernel.ok()) throw std::runtime_error(kernel.status().ToString());
  return *std::move(kernel);
}

Case MakeCase(const Form& form, Isa isa, DType dtype, jit::Mask mask, const Cpu& cpu) {
  const std::string name =
      absl::StrCat("attention.", std::string(Name(isa)), ".", std::string(Name(dtype)), ".",
                   jit::testing::NameOf(mask), ".", form.name);
  return {name, [=](Image& image, uint32_t number) {
            std::mt19937_64 random(SeedOf(name));
            const auto dim = [&] { return kDims[random() % std::size(kDims)]; };
            const AttentionSpec spec = {dtype, mask, dim(), dim(), form.bias};
            Cpu described = cpu;
            if (form.pairs) described.avx512_bf16 = true;
            const ops::Config config = DrawForm(form, isa, spec, described, random);
            const auto prepare = [&](auto zero) {
              const auto kernel = MustCompileFor(spec, config, described);
              const bool refused = form.pairs && !cpu.avx512_bf16;
              return Prepare<decltype(zero)>(image, number, form, spec, config, kernel, refused,
                                             random);
            };
            switch (dtype) {
              case DType::kF32:
                return prepare(float());
              case DType::kF64:
                return prepare(double());
              case DType::kBF16:
                return prepare(BFloat16());
              case DType::kF16:
                break;
            }
            return prepare(Float16());
          }};
}

}  // namespace

std::vector<Case> AttentionCases(const Cpu& cpu) {
  std::vector<Case> cases;
  for (const Isa isa : EmittedIsas(cpu)) {
    for (const auto dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      for (const jit::Mask mask : {jit::Mask::kNone, jit::Mask::kCausal}) {
        for (const Form& form : Forms(isa, dtype))
          cases.push_back(MakeCase(form, isa, dtype, mask, cpu));
      }
    }
  }
  return cases;
}

}  // namespace jitattn::emulate
