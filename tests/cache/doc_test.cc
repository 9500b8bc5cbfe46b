// docs/cache-format.md says what the code does: its example, and a line for every key.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "cache/record.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cache/cache_testing.h"

namespace jitattn::cache {
namespace {

using ::testing::HasSubstr;

std::string Document() { return ReadText(JITATTN_SOURCE_DIR "/docs/cache-format.md"); }

Record ExampleRecord() {
  Record record = TestRecord();
  record.kernel = ops::KernelName(record.problem, record.config);
  record.result.min_s = 1.125e-3;
  record.result.seed = 42;
  record.result.complete = true;
  record.fingerprint.microcode = "0xa101148";
  record.fingerprint.kernel = "6.1";
  return record;
}

TEST(CacheFormatDocument, ExampleIsWhatIsWritten) {
  constexpr std::string_view kOpen = "```toml\n", kClose = "```\n";
  const std::string document = Document();
  const size_t start = document.find(kOpen) + kOpen.size();
  const std::string example = document.substr(start, document.find(kClose, start) - start);
  const std::string written = SerializeRecord(ExampleRecord());
  EXPECT_TRUE(example == written)
      << "If a field is new, raise Record::kFormatMinor. The document's example should be:\n"
      << written;
  const auto record = ParseRecord(example, "example", TestCpu());
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(SerializeRecord(*record), example);
  EXPECT_THAT(document, HasSubstr(record->key.ToString() + ".toml"));
  EXPECT_THAT(document, HasSubstr(FolderName(record->fingerprint) + "/"));
}

TEST(CacheFormatDocument, NamesEveryKey) {
  const std::string document = Document();
  for (const Record& record : {TestRecord(), TestRecord(ops::SigmoidMulProblem())}) {
    std::istringstream text(SerializeRecord(record));
    std::string section;
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with('[')) {
        section = line;
        EXPECT_THAT(document, HasSubstr(absl::StrCat("**`", section, "`**")));
      }
      const size_t equals = line.find(" = ");
      if (equals == line.npos || section.ends_with("config]")) continue;  // tunables come and go
      EXPECT_THAT(document, HasSubstr(absl::StrCat("`", line.substr(0, equals), "`")));
    }
  }
}

}  // namespace
}  // namespace jitattn::cache
