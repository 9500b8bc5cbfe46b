// The file format of records: one list of the fields, for reading and for writing.

#include "cache/record.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cache/record_reader.h"
#include "cache/record_writer.h"
#include "cache/toml.h"
#include "ops/operation.h"

namespace jitattn::cache {
namespace {

// Valid ranges. Times lie between a picosecond and 30 years; no machine has more threads. The other
// limits only keep later arithmetic from overflowing.
constexpr double kShortest = 1e-12, kLongest = 1e9;
constexpr double kSmallestGain = 1e-9, kLargestGain = 1e9;
constexpr double kLargestError = 1.7e308;
constexpr int kMostRecordedThreads = 1 << 16;
constexpr int kMaxCount = 1 << 30;

// The Describe functions list the fields in the order of the file. File is a RecordReader, which
// sets the values that it is passed, or a RecordWriter, which prints them. So writing cannot differ
// from reading, and a new field is one line.
//
// `op` is the first field since it determines the others.
template <typename File>
void DescribeProblem(File& file, ops::Problem& problem) {
  if (!file.Operation("op", problem)) return;
  const ops::Operation& operation = problem.operation();
  DType dtype = problem.dtype();
  file.Word("dtype", dtype, DTypeFromName);
  problem.set_dtype(dtype);
  for (const ops::Option& option : operation.options) {
    file.Since(option.since).Choice(option, problem);
  }
  for (const ops::Dim& dim : operation.dims) {
    int64_t size = dim.get(problem);
    file.Integer(dim.name, size, dim.least, dim.most);
    dim.set(problem, size);
  }
}

// The algorithm, and one key for each field of its table. A new tunable states the minor format
// that introduced it (Field::since, docs/cache-format.md); otherwise older records would be
// refused.
template <typename File>
void DescribeConfig(File& file, const ops::Problem& problem, ops::Config& config) {
  if (!file.Algorithm("algorithm", problem.operation(), config)) return;
  for (const ops::Field& field : config.algorithm().fields) file.Tunable(field, config);
}

// All fields are strings, numbers included, so that each can be "*".
template <typename File>
void DescribeFingerprint(File& file, Fingerprint& fingerprint) {
  file.Text("vendor", fingerprint.vendor);
  file.Text("family", fingerprint.family);
  file.Text("model", fingerprint.model);
  file.Text("stepping", fingerprint.stepping);
  file.Text("features", fingerprint.features);
  file.Text("microcode", fingerprint.microcode);
  file.Text("kernel", fingerprint.kernel);
  file.Text("cores", fingerprint.cores);
  file.Text("l1d_bytes", fingerprint.l1d_bytes);
  file.Text("l2_bytes", fingerprint.l2_bytes);
  file.Text("l3_bytes", fingerprint.l3_bytes);
}

template <typename File>
void DescribeResult(File& file, Record::Result& result, ops::Layout& layout) {
  file.Number("median_s", result.median_s, kShortest, kLongest);
  file.Number("mad_s", result.mad_s, 0, kLongest);
  file.Number("min_s", result.min_s, kShortest, kLongest);
  file.Integer("samples", result.samples, 1, kMaxCount);
  file.Number("default_median_s", result.default_median_s, kShortest, kLongest);
  file.Number("gain", result.gain, kSmallestGain, kLargestGain);
  file.Number("gain_low", result.gain_low, kSmallestGain, kLargestGain);
  file.Number("gain_high", result.gain_high, kSmallestGain, kLargestGain);
  file.Number("max_error", result.max_error, 0, kLargestError);
  file.Text("strategy", result.strategy);
  file.Seed("seed", result.seed);
  file.Integer("evaluations", result.evaluations, 0, kMaxCount);
  file.Integer("space_size", result.space_size, 0, kMaxCount);
  file.Number("tuning_s", result.tuning_s, 0, kLongest);
  file.Flag("complete", result.complete);
  file.Since(1).Word("layout", layout, ops::LayoutFromName);
  file.Texts("machine_flags", result.machine_flags);
}

// The whole file after its `format`. `key_text` is Key::ToString(), which the file contains for
// people and as a check.
template <typename File>
void Describe(File& file, Record& record, std::string& key_text) {
  file.Text("key", key_text);
  file.Text("kernel", record.kernel);
  file.Hash("code_hash", record.code_hash);
  file.Text("jitattn_version", record.jitattn_version);
  file.Text("xbyak_version", record.xbyak_version);
  file.Text("date", record.date);

  file.Section("problem");
  DescribeProblem(file, record.problem);
  if (!file.Good()) return;  // the other sections depend on the operation

  file.Section("conditions");
  file.Integer("threads", record.key.conditions.threads, 1, kMostRecordedThreads);
  file.Word("isa", record.key.conditions.isa, IsaFromName);
  file.Word("buffers", record.key.conditions.buffers, ops::BuffersFromName);

  file.Section("config");
  DescribeConfig(file, record.problem, record.config);
  file.Section("default_config");
  DescribeConfig(file, record.problem, record.result.default_config);

  file.Section("result");
  DescribeResult(file, record.result, record.key.conditions.layout);

  file.Section("fingerprint");
  DescribeFingerprint(file, record.fingerprint);
}

struct Format {
  int major = 0, minor = 0;
};

// "1.0"; nothing for other text.
std::optional<Format> FormatFromText(std::string_view text) {
  Format format;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, format.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, format.minor);
  if (minor.ec != std::errc() || minor.ptr != end) return std::nullopt;
  if (format.major < 1 || format.minor < 0) return std::nullopt;
  return format;
}

// Reads the format before any other field, since another major format may give the fields another
// meaning.
absl::StatusOr<Format> FormatOf(TomlTable& table, std::string_view source) {
  const TomlEntry* entry = FindEntry(table, "format");
  const auto* text = entry != nullptr ? std::get_if<std::string>(&entry->value.data) : nullptr;
  const auto format = text != nullptr ? FormatFromText(*text) : std::nullopt;
  const std::string place =
      absl::StrCat(std::string(source), ":", entry != nullptr ? entry->value.line : 1, ": format ");
  if (!format) {
    return absl::InvalidArgumentError(absl::StrCat(
        place, entry == nullptr ? "is missing" : "is " + TomlText(entry->value),
        ", must be a string like \"", Record::kFormatMajor, ".", Record::kFormatMinor, "\""));
  }
  if (format->major > Record::kFormatMajor) {
    return absl::FailedPreconditionError(
        absl::StrCat(place, *text, " is newer than this jitattn, which reads ",
                     Record::kFormatMajor, ".x: the record needs a newer jitattn"));
  }
  return *format;
}

// Checks the rules that involve several fields.
absl::Status CheckTogether(const Record& record, const std::string& key_text, const Cpu& cpu) {
  // The key is redundant: a mismatch reveals a length that was damaged or edited by hand.
  if (key_text != record.key.ToString()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "key is ", TomlString(key_text), ", but the fields give ", record.key.ToString()));
  }
  // A configuration must respect the conditions of its key: otherwise the record would make
  // `--threads 1` use more threads.
  if (record.config.threads() > record.key.conditions.threads) {
    return absl::InvalidArgumentError(absl::StrCat("config.threads is ", record.config.threads(),
                                                   ", above conditions.threads ",
                                                   record.key.conditions.threads));
  }
  if (record.config.isa() > record.key.conditions.isa) {
    return absl::InvalidArgumentError(absl::StrCat("config.isa is above conditions.isa ",
                                                   std::string(Name(record.key.conditions.isa))));
  }
  // A hash of 0 means that no code was emitted: this configuration was not measured.
  if (record.code_hash == 0 && record.config.isa() != Isa::kPortable) {
    return absl::InvalidArgumentError(
        absl::StrCat("code_hash is 0: tuning emitted no code, but the configuration is for ",
                     std::string(Name(record.config.isa()))));
  }
  if (record.result.gain_low > record.result.gain_high) {
    return absl::InvalidArgumentError(absl::StrCat("result.gain_low ", record.result.gain_low,
                                                   " is above gain_high ",
                                                   record.result.gain_high));
  }
  return ops::Validate(record.config, record.problem, cpu);
}

absl::Status At(std::string_view source, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(std::string(source), ": ", status.message()));
}

}  // namespace

std::string Key::ToString() const {
  std::string sizes;
  for (const ops::Dim& dim : bucket.operation().dims) {
    if (!dim.tag.empty()) absl::StrAppend(&sizes, std::string(dim.tag), dim.get(bucket));
  }
  return absl::StrCat(bucket.operation().code_name(bucket), ".", sizes, ".t", conditions.threads,
                      ".", std::string(Name(conditions.isa)), ".",
                      std::string(ops::Name(conditions.buffers)));
}

Key MakeKey(const ops::Problem& problem, const ops::Conditions& conditions) {
  Key key = {ops::Bucket(problem), conditions};
  key.conditions.layout = ops::Effective(conditions.layout, problem);
  return key;
}

absl::StatusOr<Record> ParseRecord(std::string_view toml, std::string_view source, const Cpu& cpu) {
  if (toml.size() > kMaxRecordBytes) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(source), ": ", toml.size(),
                                                   " bytes; the limit is ", kMaxRecordBytes));
  }
  absl::StatusOr<TomlTable> table = ParseToml(toml, source);
  if (!table.ok()) return table.status();
  const absl::StatusOr<Format> format = FormatOf(*table, source);
  if (!format.ok()) return format.status();

  RecordReader reader(*std::move(table), source, format->minor);
  Record record;
  std::string ignored, key_text;
  reader.Text("format", ignored);
  Describe(reader, record, key_text);
  if (!reader.status().ok()) return reader.status();
  // Validated before ops::Bucket, whose arithmetic could overflow for invalid sizes.
  if (absl::Status s = ops::Validate(record.problem); !s.ok()) return At(source, s);
  record.key.bucket = ops::Bucket(record.problem);
  if (absl::Status s = CheckTogether(record, key_text, cpu); !s.ok()) return At(source, s);

  // A writer that is passed no known field writes only the unknown ones.
  RecordWriter unknown(reader.TakeRest());
  record.unknown_toml = unknown.TakeText();
  return record;
}

std::string SerializeRecord(const Record& record) {
  // Text from ParseRecord is valid TOML. Invalid text from another caller is dropped, since it
  // would damage the record.
  absl::StatusOr<TomlTable> unknown = ParseToml(record.unknown_toml, "unknown keys");
  RecordWriter writer(unknown.ok() ? *std::move(unknown) : TomlTable());
  writer.Text("format", absl::StrCat(Record::kFormatMajor, ".", Record::kFormatMinor));
  Record copy = record;  // Describe also serves the reader, so it takes a non-const record
  std::string key_text = record.key.ToString();
  Describe(writer, copy, key_text);
  return absl::StrCat("# A tuned configuration of jitattn. The fields: docs/cache-format.md\n",
                      writer.TakeText());
}

}  // namespace jitattn::cache
