// The file of problems without a record.

#include "cache/misses.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cache/files.h"
#include "ops/operation.h"

namespace jitattn::cache {
namespace {

// More than a line of all flags has. Longer ones would make messages of any length.
constexpr size_t kMaxLine = 2000;
constexpr int kMaxThreads = 4096;

std::string Quoted(std::string_view word) { return absl::StrCat("'", std::string(word), "'"); }

absl::Status Bad(std::string_view flag, std::string_view word, std::string_view rule) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(flag), " ", Quoted(word), ": expected ", std::string(rule)));
}

// The words of one line, taken one after the other.
class LineReader {
 public:
  explicit LineReader(std::string_view line)
      : words_(absl::StrSplit(absl::string_view(line.data(), line.size()), absl::ByAnyChar(" \t\r"),
                              absl::SkipEmpty())) {}

  absl::StatusOr<Miss> Read();

 private:
  absl::StatusOr<std::string_view> Value(std::string_view flag);
  absl::StatusOr<int64_t> Number(std::string_view flag, int64_t least, int64_t most);
  absl::Status ReadOperation();
  absl::Status ReadFlag(std::string_view flag);
  absl::Status ReadCondition(std::string_view flag, bool* known);
  absl::Status ReadDim(const ops::Dim& dim, size_t index);
  absl::Status ReadOption(const ops::Option& option);

  std::vector<std::string> words_;
  size_t next_ = 0;
  std::set<std::string_view> seen_;
  ops::Problem stated_;
  std::vector<char> given_;  // of the operation's sizes
  std::optional<int64_t> dim_;
  Miss miss_;
};

absl::StatusOr<std::string_view> LineReader::Value(std::string_view flag) {
  if (next_ == words_.size() || words_[next_].starts_with("--")) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(flag), ": its value is missing"));
  }
  return words_[next_++];
}

absl::StatusOr<int64_t> LineReader::Number(std::string_view flag, int64_t least, int64_t most) {
  const auto word = Value(flag);
  if (!word.ok()) return word.status();
  int64_t number = 0;
  if (!absl::SimpleAtoi(absl::string_view(word->data(), word->size()), &number) || number < least ||
      number > most) {
    return Bad(flag, *word, absl::StrCat("a whole number from ", least, " to ", most));
  }
  return number;
}

// The operation decides what the other flags mean, wherever it stands.
absl::Status LineReader::ReadOperation() {
  const auto flag = std::find(words_.begin(), words_.end(), "--op");
  if (flag == words_.end()) return absl::InvalidArgumentError("--op is missing");
  next_ = static_cast<size_t>(flag - words_.begin()) + 1;
  const auto name = Value("--op");
  if (!name.ok()) return name.status();
  const ops::Operation* operation = ops::FindOperation(*name);
  if (operation == nullptr) return Bad("--op", *name, "the name of an operation");
  stated_ = operation->blank();
  given_.assign(operation->dims.size(), 0);
  next_ = 0;
  return absl::OkStatus();
}

absl::Status LineReader::ReadCondition(std::string_view flag, bool* known) {
  *known = true;
  if (flag == "--threads") {
    const auto threads = Number(flag, 1, kMaxThreads);
    if (threads.ok()) miss_.conditions.threads = static_cast<int>(*threads);
    return threads.status();
  }
  if (flag == "--dim") {
    const auto dim = Number(flag, 1, INT64_MAX);
    if (dim.ok()) dim_ = *dim;
    return dim.status();
  }
  if (flag != "--op" && flag != "--dtype" && flag != "--isa" && flag != "--buffers" &&
      flag != "--layout") {
    *known = false;
    return absl::OkStatus();
  }
  const auto word = Value(flag);
  if (!word.ok() || flag == "--op") return word.status();
  if (flag == "--dtype") {
    const auto dtype = DTypeFromName(*word);
    if (!dtype) return Bad(flag, *word, "f32, f64, bf16 or f16");
    stated_.set_dtype(*dtype);
  } else if (flag == "--isa") {
    miss_.isa = IsaFromName(*word);
    if (!miss_.isa) return Bad(flag, *word, "none, avx2 or avx512");
  } else if (flag == "--buffers") {
    const auto buffers = ops::BuffersFromName(*word);
    if (!buffers) return Bad(flag, *word, "hot or cold");
    miss_.conditions.buffers = *buffers;
  } else {
    const auto layout = ops::LayoutFromName(*word);
    if (!layout) return Bad(flag, *word, "heads or columns");
    miss_.conditions.layout = *layout;
  }
  return absl::OkStatus();
}

absl::Status LineReader::ReadDim(const ops::Dim& dim, size_t index) {
  const int64_t least = dim.is_extra ? dim.least : std::max<int64_t>(1, dim.least);
  const auto number = Number(dim.flag, least, dim.most);
  if (!number.ok()) return number.status();
  dim.set(stated_, *number);
  given_[index] = 1;
  return absl::OkStatus();
}

absl::Status LineReader::ReadOption(const ops::Option& option) {
  if (!option.takes_word) {
    option.set(stated_, 1);
    return absl::OkStatus();
  }
  const auto word = Value(option.flag);
  if (!word.ok()) return word.status();
  const auto found = std::find(option.words.begin(), option.words.end(), *word);
  if (found == option.words.end()) {
    std::string all;
    for (const std::string_view each : option.words) {
      absl::StrAppend(&all, all.empty() ? "" : ", ", std::string(each));
    }
    return Bad(option.flag, *word, absl::StrCat("one of ", all));
  }
  option.set(stated_, static_cast<int>(found - option.words.begin()));
  return absl::OkStatus();
}

absl::Status LineReader::ReadFlag(std::string_view flag) {
  if (!seen_.insert(flag).second) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(flag), " is given twice"));
  }
  bool known = false;
  if (absl::Status status = ReadCondition(flag, &known); known || !status.ok()) return status;
  const ops::Operation& operation = stated_.operation();
  for (size_t i = 0; i < operation.dims.size(); ++i) {
    if (operation.dims[i].flag == flag) return ReadDim(operation.dims[i], i);
  }
  for (const ops::Option& option : operation.options) {
    if (option.flag == flag) return ReadOption(option);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(flag), " is no flag of a problem of ", std::string(operation.name)));
}

absl::StatusOr<Miss> LineReader::Read() {
  if (absl::Status status = ReadOperation(); !status.ok()) return status;
  while (next_ < words_.size()) {
    if (absl::Status status = ReadFlag(words_[next_++]); !status.ok()) return status;
  }
  auto problem = stated_.operation().from_flags(stated_, given_, dim_);
  if (!problem.ok()) return problem.status();
  if (absl::Status status = ops::Validate(*problem); !status.ok()) return status;
  miss_.problem = *problem;
  return miss_;
}

// The flags of a problem. Sizes and options that are 0 unless stated are left out if they are 0.
std::string Flags(const ops::Problem& problem, bool leave_out) {
  const ops::Operation& operation = problem.operation();
  std::string flags = absl::StrCat("--op ", std::string(operation.name), " --dtype ",
                                   std::string(Name(problem.dtype())));
  for (const ops::Option& option : operation.options) {
    const int value = option.get(problem);
    if (option.takes_word) {
      if (option.is_extra && value == 0) continue;
      absl::StrAppend(&flags, " ", std::string(option.flag), " ",
                      std::string(option.words[static_cast<size_t>(value)]));
    } else if (value == 1) {
      absl::StrAppend(&flags, " ", std::string(option.flag));
    }
  }
  for (const ops::Dim& dim : operation.dims) {
    const int64_t value = dim.get(problem);
    if (dim.is_extra && value == 0 && leave_out) continue;
    absl::StrAppend(&flags, " ", std::string(dim.flag), " ", value);
  }
  return flags;
}

// The line of exactly this problem; "" if there is none. Some sizes of 0 have a meaning if they are
// stated, as a window's width does.
std::string LineOf(const ops::Problem& problem, const ops::Conditions& conditions) {
  for (const bool leave_out : {true, false}) {
    std::string line = absl::StrCat(Flags(problem, leave_out), " --threads ", conditions.threads,
                                    " --isa ", std::string(Name(conditions.isa)), " --buffers ",
                                    std::string(ops::Name(conditions.buffers)));
    const auto again = ParseMiss(line);
    if (again.ok() && again->problem == problem) return line;
  }
  return "";
}

}  // namespace

std::string MissLine(const ops::Problem& problem, const ops::Conditions& conditions) {
  const std::string line = LineOf(ops::OfRecord(problem), conditions);
  return line.empty() ? LineOf(problem, conditions) : line;  // the largest problems are not rounded
}

absl::StatusOr<Miss> ParseMiss(std::string_view line) {
  if (line.size() > kMaxLine) {
    return absl::InvalidArgumentError(
        absl::StrCat("the line has ", line.size(), " bytes; the limit is ", kMaxLine));
  }
  return LineReader(line).Read();
}

Misses ParseMisses(std::string_view text) {
  Misses misses;
  std::set<std::string> known;
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == line.npos || line[first] == '#') continue;
    if (!known.insert(std::string(line)).second) continue;
    auto miss = ParseMiss(line);
    if (miss.ok()) {
      misses.lines.push_back({number, *std::move(miss)});
    } else {
      misses.bad.push_back({number, std::string(miss.status().message())});
    }
  }
  return misses;
}

absl::Status AppendMiss(const std::string& path, std::string_view line) {
  return AppendLineOnce(path, line, kMaxMissBytes);
}

}  // namespace jitattn::cache
