// Small texts from anywhere: TOML, configurations, misses, gzip, words for a terminal. The first
// byte says which.

#include <string>

#include "cache/misses.h"
#include "cache/toml.h"
#include "cli/clean.h"
#include "fuzz.h"
#include "lab/gzip.h"
#include "ops/attention/problem.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/given_config.h"

namespace jitattn::fuzz {
namespace {

void Toml(std::string_view text) {
  const auto table = cache::ParseToml(text, "fuzz");
  if (!table.ok()) return;
  std::string written;
  for (const cache::TomlEntry& entry : *table) {
    written += cache::TomlKey(entry.key) + " = " + cache::TomlText(entry.value) + "\n";
  }
  const auto again = cache::ParseToml(written, "again");
  Require(again.ok(), "TOML that was read can be written and read again");
  Require(again->size() == table->size(), "with the same keys");
}

// Of the same CPU on every machine, and more threads than one.
absl::StatusOr<ops::Config> Given(const ops::Operation& operation, std::string_view text) {
  static const Cpu cpu = [] {
    Cpu some;
    some.isa = some.detected_isa = Isa::kAvx512;
    some.f16c = some.avx512_bf16 = true;
    return some;
  }();
  constexpr int kThreads = 4;
  return runtime::GivenConfig(text, operation.blank(), cpu, kThreads);
}

void Config(const ops::Operation& operation, std::string_view text) {
  const auto config = Given(operation, text);
  if (!config.ok()) {
    Require(absl::IsInvalidArgument(config.status()), "a refusal is InvalidArgument");
    return;
  }
  const auto again = Given(operation, ops::ToString(*config));
  Require(again.ok() && *again == *config, "a configuration's text gives it back");
}

void Misses(std::string_view text) {
  constexpr ops::Conditions kSome = {.threads = 2};
  const cache::Misses misses = cache::ParseMisses(text);
  for (const cache::Misses::Line& line : misses.lines) {
    Require(ops::Validate(line.miss.problem).ok(), "a line describes a valid problem");
    const std::string written = cache::MissLine(line.miss.problem, kSome);
    const auto again = cache::ParseMiss(written);
    Require(again.ok(), "a problem that was read has a line");
    Require(cache::MissLine(again->problem, kSome) == written, "which gives it back");
  }
}

void Words(std::string_view text) {
  const std::string clean = cli::Clean(text);
  Require(cli::Clean(clean) == clean, "clean words stay as they are");
  for (const char c : clean) {
    Require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control character is left");
  }
}

void Gzip(std::string_view bytes) {
  // A thousand bytes hold a megabyte at most.
  if (bytes.size() <= 1000 && lab::IsGzip(bytes)) (void)lab::Gunzip(bytes);
}

}  // namespace
}  // namespace jitattn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jitattn;
  if (size == 0) return 0;
  const std::string_view text = fuzz::Text(data + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
    case 1:
      fuzz::Toml(text);
      break;
    case 2:
      fuzz::Config(ops::kAttention, text);
      break;
    case 3:
      fuzz::Config(ops::kSigmoidMul, text);
      break;
    case 4:
    case 5:
      fuzz::Words(text);
      break;
    case 6:
      fuzz::Misses(text);
      break;
    default:
      fuzz::Gzip(text);
  }
  return 0;
}
