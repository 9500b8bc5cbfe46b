// Running the built command as a user does: as a process, with its own cache folder.

#ifndef JITATTN_TESTS_CLI_PROCESS_H_
#define JITATTN_TESTS_CLI_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace jitattn::cli {

// A folder of the test's own, removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct ProcessOptions {
  std::map<std::string, std::string> env;    // beside what the test itself has
  std::optional<uint64_t> file_limit_bytes;  // larger files cannot be written: a full disk
  std::vector<int> ignored_signals;   // as a script does for what it starts in the background
  bool no_executable_memory = false;  // as under systemd's MemoryDenyWriteExecute
  bool terminal = false;  // stdin, stdout and stderr are a terminal; all output is in `err`
  std::string folder;     // where it runs; empty: here
};

inline constexpr int kCannotDeny = 125;  // exit code: the system has no means to deny it

struct ProcessResult {
  int exit_code = -1;  // −1 if a signal ended it
  int signal = 0;
  std::string out, err;
};

class Process {
 public:
  Process(std::vector<std::string> command, const ProcessOptions& options);
  ~Process();  // kills what is still running

  // True once stderr holds `text`; false where the process ends without it.
  bool WaitForError(const std::string& text);
  void Signal(int signal);
  ProcessResult Finish();

 private:
  bool Pump();  // reads what is there; false once both streams are closed

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  ProcessResult result_;
};

// The command with these arguments and JITATTN_CACHE_DIR = cache.
ProcessResult RunJitattn(const TempDir& cache, std::vector<std::string> arguments,
                         ProcessOptions options = {});
std::vector<std::string> JitattnCommand(std::vector<std::string> arguments);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& text);
// Every regular file below, sorted.
std::vector<std::string> FilesUnder(const std::string& folder);

}  // namespace jitattn::cli

#endif  // JITATTN_TESTS_CLI_PROCESS_H_
