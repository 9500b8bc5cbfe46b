// Shared by the tests of the cache: a CPU, a record, temporary folders and child processes.

#ifndef JITATTN_TESTS_CACHE_CACHE_TESTING_H_
#define JITATTN_TESTS_CACHE_CACHE_TESTING_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store.h"
#include "ops/attention/problem.h"
#include "tests/scoped_env.h"

namespace jitattn::cache {

// A CPU with AVX-512 that does not depend on the one we run on, and its fingerprint.
Cpu TestCpu();
Fingerprint TestHost();

ops::AttentionProblem Attention(int64_t q_len, int64_t kv_len);

// Sound on TestCpu(); no field has its default value but those of the configurations.
Record TestRecord();
Record TestRecord(const ops::Problem& problem);

// Every field of a record, for EXPECT_EQ: does not compile when a field is added and not named
// here.
std::vector<std::string> AllFields(const Record& record);

// Returns the record `text` with section.key set to `value`, or without the key if there is no
// value. Section "" is the part above all sections.
std::string Edited(const std::string& text, std::string_view section, std::string_view key,
                   std::optional<std::string> value);

// A new folder, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

void WriteText(const std::string& path, std::string_view text);
std::string ReadText(const std::string& path);
// Every name below a folder, those with a dot included.
std::vector<std::string> AllNames(const std::string& folder);

bool IsRoot();

// Runs `body` in a forked process. What it returns, or exits with; −n if signal n ended it.
int InChild(const std::function<int()>& body);

}  // namespace jitattn::cache

#endif  // JITATTN_TESTS_CACHE_CACHE_TESTING_H_
