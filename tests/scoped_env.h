// An environment variable for the length of a test.

#ifndef JITATTN_TESTS_SCOPED_ENV_H_
#define JITATTN_TESTS_SCOPED_ENV_H_

#include <cstdlib>
#include <optional>
#include <string>

namespace jitattn {

// Set, or unset, until the end of the scope.
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    Put(value);
  }
  ~ScopedEnv() { Put(old_); }
  ScopedEnv(const ScopedEnv&) = delete;

 private:
  void Put(const std::optional<std::string>& value) const {
    value ? setenv(name_.c_str(), value->c_str(), 1) : unsetenv(name_.c_str());
  }

  const std::string name_;
  std::optional<std::string> old_;
};

}  // namespace jitattn

#endif  // JITATTN_TESTS_SCOPED_ENV_H_
