// The list of operations, and what it refuses to take.

#include "ops/operation.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::ops {
namespace {

using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

template <size_t number>
std::string CodeOfCopy(const Problem&) {
  return absl::StrCat("copy_", number);
}

// Sigmoid-mul by other names.
template <size_t number = kMostOperations>
Operation Copy(std::string_view name = "copy") {
  Operation copy = kSigmoidMul;
  copy.name = name;
  copy.code_name = CodeOfCopy<number>;
  return copy;
}

void ExpectRefused(const Operation& operation, absl::StatusCode code, const char* value) {
  const size_t before = Operations().size();
  const absl::Status status = RegisterOperation(operation);
  EXPECT_EQ(status.code(), code);
  EXPECT_THAT(std::string(status.message()), HasSubstr(value));
  EXPECT_EQ(Operations().size(), before);
}

TEST(RegisterOperationTest, RefusesNamesThatAreTaken) {
  ExpectRefused(kAttention, absl::StatusCode::kAlreadyExists, "attention");
  Operation same_code = kSigmoidMul;
  same_code.name = "copy";
  ExpectRefused(same_code, absl::StatusCode::kAlreadyExists, "silu_f32");
}

TEST(RegisterOperationTest, RefusesWhatNobodyCouldAskFor) {
  Operation nameless = Copy();
  nameless.name = "";
  ExpectRefused(nameless, absl::StatusCode::kInvalidArgument, "name");
  Operation without = Copy();
  without.algorithms = {};
  ExpectRefused(without, absl::StatusCode::kInvalidArgument, "copy");
  Algorithm other = kVectors;  // another one of that name
  const Algorithm* const two[] = {&kVectors, &other};
  Operation twice = Copy();
  twice.algorithms = two;
  ExpectRefused(twice, absl::StatusCode::kInvalidArgument, "vectors");
}

template <size_t... numbers>
bool RegisterCopies(std::index_sequence<numbers...>) {
  static const std::string names[] = {absl::StrCat("copy-", numbers)...};
  static const Operation copies[] = {Copy<numbers>(names[numbers])...};
  return std::all_of(std::begin(copies), std::end(copies),
                     [](const Operation& copy) { return RegisterOperation(copy).ok(); });
}

// In a process of its own: nothing takes an operation out again.
TEST(RegisterOperationDeathTest, TakesAsManyAsItSaysAndRefusesMore) {
  const auto fill = [] {
    const bool taken = RegisterCopies(std::make_index_sequence<kMostOperations - 2>());
    const Operation more = Copy();
    const absl::Status status = RegisterOperation(more);
    const bool refused = status.code() == absl::StatusCode::kResourceExhausted;
    _exit(taken && refused && Operations().size() == kMostOperations ? 0 : 1);
  };
  EXPECT_EXIT(fill(), ExitedWithCode(0), "");
}

}  // namespace
}  // namespace jitattn::ops
