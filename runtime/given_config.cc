// A configuration that somebody writes down.

#include "runtime/given_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/heuristic.h"

namespace jitattn::runtime {
namespace {

// Words between blanks, as jit::ConfigFromString takes them.
std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) words.push_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return words;
}

std::string_view FieldOf(std::string_view word) { return word.substr(0, word.find('=')); }

}  // namespace

absl::StatusOr<jit::Config> GivenConfig(std::string_view text, const jit::Problem& problem,
                                        const jit::Cpu& cpu, int threads) {
  const jit::Op op = jit::OpOf(problem);
  const absl::StatusOr<jit::Config> given = jit::ConfigFromString(op, text);
  if (!given.ok()) return given.status();
  const std::vector<std::string_view> words = Words(text);
  const auto names = [&](std::string_view field) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return FieldOf(word) == field; });
  };
  jit::Cpu base = cpu;
  if (names("isa")) {
    base = jit::Capped(cpu, static_cast<jit::Isa>(jit::FindField(op, "isa")->get(*given)));
  }
  jit::Config config = DefaultConfig(problem, base, threads);
  for (const jit::Field& field : jit::Fields(op)) {
    if (names(field.name)) field.set(config, field.get(*given));
  }
  return config;
}

bool NamesFieldsOf(jit::Op op, std::string_view text) {
  const std::vector<std::string_view> words = Words(text);
  return std::all_of(words.begin(), words.end(), [&](std::string_view word) {
    return jit::FindField(op, FieldOf(word)) != nullptr;
  });
}

}  // namespace jitattn::runtime
