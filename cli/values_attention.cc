// The numbers, lists and files of attention's options that `jitattn run` takes.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/operands.h"
#include "cli/problem_flags.h"
#include "cli/run_values.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"

namespace jitattn::cli {
namespace {

constexpr double kLargest = std::numeric_limits<double>::max();

using Args = jitattn_attention_args;

// A list with a number for each sequence.
struct ListFlag {
  std::string_view flag;
  const int64_t* Args::*member;
  int64_t Args::*most = nullptr;  // the largest value; null: any
};
constexpr ListFlag kLists[] = {{"--q-lens", &Args::q_lens, &Args::q_len},
                               {"--kv-lens", &Args::kv_lens, &Args::kv_len},
                               {"--kv-begins", &Args::kv_begins},
                               {"--prefix-lens", &Args::prefix_lens}};

// The first element that is NaN or infinite, with the exception of −∞ where `may_hide`; −1 if there
// is none.
int64_t FirstBad(const NpyArray& array, bool may_hide) {
  return ops::CallWithType(array.dtype, [&]<typename T>() -> int64_t {
    const T* numbers = static_cast<const T*>(array.data.data());
    for (int64_t i = 0; i < array.count(); ++i) {
      const auto x = static_cast<double>(numbers[i]);
      if (!(x <= kLargest && (may_hide || x >= -kLargest))) return i;
    }
    return -1;
  });
}

absl::Status CheckNumbers(std::string_view flag, const std::string& path, const NpyArray& array,
                          bool may_hide) {
  if (array.element != NpyElement::kNumber) return absl::OkStatus();
  const int64_t at = FirstBad(array, may_hide);
  if (at < 0) return absl::OkStatus();
  const double bad = ops::CallWithType(array.dtype, [&]<typename T>() {
    return static_cast<double>(static_cast<const T*>(array.data.data())[at]);
  });
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s: element %d is %f; expected %s", flag,
                                                    path, at, bad,
                                                    may_hide ? "numbers, or -inf" : "numbers"));
}

// A file that a flag names.
struct File {
  std::string flag, path;
  NpyArray array;
};

absl::StatusOr<std::optional<File>> ReadFile(std::string_view flag, const ValueTexts& texts,
                                             NpyKind kind, bool may_hide) {
  auto array = FileOf(flag, texts, kind);
  if (!array.ok()) return array.status();
  if (!*array) return std::nullopt;
  File file{std::string(flag), texts.find(flag)->second, **std::move(array)};
  absl::Status status = CheckNumbers(flag, file.path, file.array, may_hide);
  if (!status.ok()) return status;
  return file;
}

absl::Status WrongShape(const File& file, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s: its shape is %s; expected %s",
                                                    file.flag, file.path,
                                                    ShapeText(file.array.shape), expected));
}

// The floats of a file that has one for each head.
absl::StatusOr<const float*> PerHead(const File& file, int64_t heads) {
  if (file.array.dtype != DType::kF32) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %s: its elements are %s; expected float32", file.flag, file.path,
                        ElementName(file.array)));
  }
  if (file.array.shape != std::vector<int64_t>{heads}) {
    return WrongShape(file, absl::StrFormat("%d, a number for each head", heads));
  }
  return static_cast<const float*>(file.array.data.data());
}

// The kind of bias that a file has for operands of this type.
absl::StatusOr<jit::Bias> BiasOf(const File& file, DType dtype) {
  if (file.array.element == NpyElement::kByte) return jit::Bias::kSeen;
  if (file.array.dtype == DType::kF32) return jit::Bias::kF32;
  if (file.array.dtype == dtype) return jit::Bias::kOwn;
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: %s: its elements are %s; expected float32, the operands' type (%s), or "
                      "bool",
                      file.flag, file.path, ElementName(file.array), Name(dtype)));
}

// The bias in a file is broadcast as NumPy does: missing axes in front, and those of length 1, have
// stride 0. The keys of a row lie side by side, so that their axis is not broadcast.
absl::Status BindBias(const File& file, const ops::AttentionProblem& p, Args* args) {
  const int64_t sizes[] = {args->batch, p.heads, args->q_len, args->kv_len};
  const std::vector<int64_t>& shape = file.array.shape;
  const auto wrong = [&] {
    return WrongShape(file, absl::StrFormat("%d × %d × %d × %d (batch, heads, queries, keys), of "
                                            "which all but the last may be 1 or missing",
                                            sizes[0], sizes[1], sizes[2], sizes[3]));
  };
  if (shape.empty() || shape.size() > std::size(sizes)) return wrong();
  if (shape.back() != sizes[3]) return wrong();
  int64_t strides[3] = {}, dense = shape.back();
  for (size_t axis = 3, left = shape.size() - 1; left > 0; --left) {
    --axis;
    const int64_t size = shape[left - 1];
    if (size != sizes[axis] && size != 1) return wrong();
    if (size != 1) strides[axis] = dense;
    dense *= size;
  }
  args->bias = file.array.data.data();
  std::ranges::copy(strides, args->bias_strides);
  return absl::OkStatus();
}

class AttentionValues : public RunValues {
 public:
  absl::Status Read(const ValueTexts& texts);
  absl::Status AddOptions(ProblemFlags* flags) const override;
  absl::Status Fill(RunOperands* operands) const override;

 private:
  absl::Status ReadFiles(const ValueTexts& texts);
  absl::Status AddBias(ProblemFlags* flags) const;
  absl::Status FillLists(RunOperands* operands) const;
  absl::Status FillFiles(const ops::AttentionProblem& p, Args* args) const;
  absl::Status AddLse(RunOperands* operands) const;

  std::optional<double> softcap_, scale_;
  std::optional<int64_t> causal_offset_;
  std::optional<File> slopes_, sinks_, bias_;
  std::optional<std::string> lse_out_;
  std::optional<std::vector<int64_t>> lists_[std::size(kLists)];
};

absl::Status AttentionValues::Read(const ValueTexts& texts) {
  const auto softcap = NumberOf("--softcap", texts, std::numeric_limits<double>::denorm_min(),
                                kLargest, "a number above 0");
  const auto scale = NumberOf("--scale", texts, -kLargest, kLargest, "a finite number");
  const auto offset = WholeOf("--causal-offset", texts);
  if (!softcap.ok()) return softcap.status();
  if (!scale.ok()) return scale.status();
  if (!offset.ok()) return offset.status();
  softcap_ = *softcap, scale_ = *scale, causal_offset_ = *offset;
  for (size_t i = 0; i < std::size(kLists); ++i) {
    auto list = ListOf(kLists[i].flag, texts);
    if (!list.ok()) return list.status();
    lists_[i] = *std::move(list);
  }
  return ReadFiles(texts);
}

absl::Status AttentionValues::ReadFiles(const ValueTexts& texts) {
  auto slopes = ReadFile("--alibi-file", texts, NpyKind::kNumbers, /*may_hide=*/false);
  auto sinks = ReadFile("--sinks-file", texts, NpyKind::kNumbers, /*may_hide=*/true);
  auto bias = ReadFile("--bias-file", texts, NpyKind::kNumbersOrBytes, /*may_hide=*/true);
  for (const auto* file : {&slopes, &sinks, &bias}) {
    if (!file->ok()) return file->status();
  }
  slopes_ = *std::move(slopes), sinks_ = *std::move(sinks), bias_ = *std::move(bias);
  const auto lse = texts.find("--lse-out");
  if (lse == texts.end()) return absl::OkStatus();
  lse_out_ = lse->second;
  return CheckNpyTarget("--lse-out", *lse_out_);
}

absl::Status AttentionValues::AddOptions(ProblemFlags* flags) const {
  const bool has_prefix = lists_[std::size(kLists) - 1].has_value();
  if (causal_offset_ || has_prefix) flags->chosen.insert("--causal");
  if (softcap_) flags->chosen.insert("--softcap");
  if (slopes_) flags->chosen.insert("--alibi");
  if (sinks_) flags->chosen.insert("--sinks");
  if (lse_out_) flags->chosen.insert("--lse");
  return bias_ ? AddBias(flags) : absl::OkStatus();
}

absl::Status AttentionValues::AddBias(ProblemFlags* flags) const {
  const auto bias = BiasOf(*bias_, flags->dtype_or_default());
  if (!bias.ok()) return bias.status();
  const auto stated = flags->words.find("--bias");
  // Floats of f32 operands have both names.
  const auto meant = [&](int word) {
    const bool own = word == static_cast<int>(jit::Bias::kOwn);
    return own && flags->dtype_or_default() == DType::kF32 ? static_cast<int>(jit::Bias::kF32)
                                                           : word;
  };
  if (stated != flags->words.end() && meant(stated->second) != static_cast<int>(*bias)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %s: its elements are %s, which contradicts --bias", bias_->flag,
                        bias_->path, ElementName(bias_->array)));
  }
  flags->words["--bias"] = static_cast<int>(*bias);
  return absl::OkStatus();
}

absl::Status AttentionValues::Fill(RunOperands* operands) const {
  const auto* problem = operands->problem.If<ops::AttentionProblem>();
  if (problem == nullptr) return absl::OkStatus();
  auto& args = operands->args.As<Args>();
  args.softcap = softcap_.value_or(args.softcap);
  args.scale = scale_.value_or(args.scale);
  args.causal_offset = causal_offset_.value_or(args.causal_offset);
  if (absl::Status status = FillLists(operands); !status.ok()) return status;
  if (absl::Status status = FillFiles(*problem, &args); !status.ok()) return status;
  return lse_out_ ? AddLse(operands) : absl::OkStatus();
}

absl::Status AttentionValues::FillLists(RunOperands* operands) const {
  const auto batch = static_cast<size_t>(operands->problem.As<ops::AttentionProblem>().batch);
  auto& args = operands->args.As<Args>();
  for (size_t i = 0; i < std::size(kLists); ++i) {
    if (!lists_[i]) continue;
    const ListFlag& list = kLists[i];
    std::vector<int64_t> numbers = *lists_[i];
    if (numbers.size() == 1) numbers.resize(batch, numbers.front());
    if (numbers.size() != batch) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: there are %d numbers; expected one for each of the %d sequences, or "
                          "one for all",
                          list.flag, numbers.size(), batch));
    }
    const int64_t most = list.most == nullptr ? jit::Band::kFar : args.*list.most;
    for (const int64_t number : numbers) {
      if (number >= 0 && number <= most) continue;
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: %d: must be in 0 … %d", list.flag, number, most));
    }
    args.*list.member = numbers.data();
    operands->lists.push_back(std::move(numbers));
  }
  return absl::OkStatus();
}

absl::Status AttentionValues::FillFiles(const ops::AttentionProblem& p, Args* args) const {
  if (slopes_) {
    const auto slopes = PerHead(*slopes_, p.heads);
    if (!slopes.ok()) return slopes.status();
    args->alibi_slopes = *slopes;
  }
  if (sinks_) {
    const auto sinks = PerHead(*sinks_, p.heads);
    if (!sinks.ok()) return sinks.status();
    args->sinks = *sinks;
  }
  return bias_ ? BindBias(*bias_, p, args) : absl::OkStatus();
}

// The log-sum-exps in an array of their own, whose axes are those of the file.
absl::Status AttentionValues::AddLse(RunOperands* operands) const {
  const auto& p = operands->problem.As<ops::AttentionProblem>();
  auto& args = operands->args.As<Args>();
  auto made = Zeros(ComputeType(p.dtype), {args.batch, p.heads, args.q_len});
  if (!made.ok()) return made.status();
  args.lse = made->data.data();
  const int64_t strides[] = {p.heads * args.q_len, args.q_len, 1};
  std::ranges::copy(strides, args.lse_strides);
  operands->results.push_back({"--lse-out", *lse_out_, *std::move(made)});
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RunValues>> ReadValues(const ValueTexts& texts) {
  auto values = std::make_unique<AttentionValues>();
  if (absl::Status status = values->Read(texts); !status.ok()) return status;
  return values;
}

using Kind = ValueFlag::Kind;
constexpr ValueFlag kFlags[] = {
    {"--softcap", "X is the cap (50)", Kind::kNumber, /*is_option=*/true},
    {"--scale", "factor of q.k (1/sqrt(head size))", Kind::kNumber},
    {"--causal-offset", "query i sees the keys up to i + N (keys - queries); implies --causal",
     Kind::kWhole},
    {"--alibi-file", "float32 slopes (.npy), one for each head; implies --alibi", Kind::kFile},
    {"--sinks-file", "float32 sinks (.npy), one for each head; implies --sinks", Kind::kFile},
    {"--bias-file",
     "bias (.npy) of float32, the operands' type or bool, batch x heads x queries x keys; axes of "
     "1 and missing ones in front are the same for all; implies --bias",
     Kind::kFile},
    {"--q-lens", "queries of each sequence, or of all (--seq)", Kind::kList},
    {"--kv-lens", "keys of each sequence, or of all (--kv-seq)", Kind::kList},
    {"--kv-begins", "first key of each sequence, or of all, that is no padding (0)", Kind::kList},
    {"--prefix-lens",
     "keys of each sequence, or of all, that every query sees; implies --causal (0)", Kind::kList},
    {"--lse-out", "write the log-sum-exps to FILE (.npy), batch x heads x queries; implies --lse",
     Kind::kResult},
};

}  // namespace

const ValuesOfOperation kAttentionValues = {&ops::kAttention, kFlags, ReadValues};

}  // namespace jitattn::cli
