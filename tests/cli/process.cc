// Processes, pipes and terminals for tests.

#include "tests/cli/process.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace jitattn::cli {
namespace {

// Memory that was writable becomes no executable one: mprotect to PROT_EXEC fails. Programs and
// libraries are mapped executable at once, and are not concerned.
bool DenyExecutableMemory() {
#if defined(__x86_64__)
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(filter), .filter = const_cast<sock_filter*>(filter)};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
  return false;
#endif
}

[[noreturn]] void Exec(std::vector<std::string> command, const ProcessOptions& options) {
  for (const auto& [name, value] : options.env) setenv(name.c_str(), value.c_str(), 1);
  if (options.file_limit_bytes) {
    const rlimit limit = {*options.file_limit_bytes, *options.file_limit_bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  for (const int ignored : options.ignored_signals) signal(ignored, SIG_IGN);
  if (options.no_executable_memory && !DenyExecutableMemory()) _exit(kCannotDeny);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

void Drain(int* fd, std::string* to) {
  char buffer[4096];
  const ssize_t n = read(*fd, buffer, sizeof buffer);
  if (n > 0) {
    to->append(buffer, n);
    return;
  }
  close(*fd);  // the end; a terminal says EIO
  *fd = -1;
}

}  // namespace

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "jitattn-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(std::vector<std::string> command, const ProcessOptions& options) {
  if (options.terminal) {
    winsize size = {.ws_row = 24, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = forkpty(&err_, nullptr, nullptr, &size);
    if (pid_ == 0) Exec(std::move(command), options);
    return;
  }
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  pid_ = fork();
  if (pid_ == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    Exec(std::move(command), options);
  }
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  Finish();
}

bool Process::Pump() {
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};  // poll skips negative ones
  if (out_ < 0 && err_ < 0) return false;
  poll(fds, 2, -1);
  if (fds[0].revents != 0) Drain(&out_, &result_.out);
  if (fds[1].revents != 0) Drain(&err_, &result_.err);
  return true;
}

bool Process::WaitForError(const std::string& text) {
  while (result_.err.find(text) == std::string::npos) {
    if (!Pump()) return false;
  }
  return true;
}

void Process::Signal(int signal) { kill(pid_, signal); }

ProcessResult Process::Finish() {
  while (Pump()) {
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  return result_;
}

std::vector<std::string> JitattnCommand(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), JITATTN_BINARY_DIR "/jitattn");
  return arguments;
}

ProcessResult RunJitattn(const TempDir& cache, std::vector<std::string> arguments,
                         ProcessOptions options) {
  options.env.try_emplace("JITATTN_CACHE_DIR", cache.path());
  return Process(JitattnCommand(std::move(arguments)), options).Finish();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<std::string> FilesUnder(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace jitattn::cli
