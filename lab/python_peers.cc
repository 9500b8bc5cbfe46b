// A child process with a socket for questions and a file in memory for the operands.

#include "lab/python_peers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/io.h"
#include "lab/python_scripts.h"

extern char** environ;

namespace jitattn::lab {
namespace {

// Importing torch from a cold disk and compiling with Numba take many seconds.
constexpr double kPatienceSeconds = 120;
constexpr size_t kMaxLine = 1 << 20;

class Peer final : public Contender {
 public:
  Peer(PythonPeers& python, std::string method, const runtime::Operands& operands)
      : python_(python), method_(std::move(method)), operands_(operands) {}

  absl::StatusOr<double> Time(int threads, int64_t calls, bool warm, double limit_s) override {
    const auto answer = python_.Ask({{"do", "time"},
                                     {"method", method_},
                                     {"threads", threads},
                                     {"calls", calls},
                                     {"warm", warm}},
                                    limit_s);
    if (!answer.ok()) return answer.status();
    const double seconds = answer->value("seconds", 0.0);
    if (!(seconds > 0)) return absl::InternalError("Python returned no time");
    return seconds;
  }
  absl::StatusOr<std::vector<double>> TimeEach(int threads, int64_t calls,
                                               double limit_s) override {
    const auto answer = python_.Ask(
        {{"do", "time_each"}, {"method", method_}, {"threads", threads}, {"calls", calls}},
        limit_s);
    if (!answer.ok()) return answer.status();
    const auto each = answer->find("each");
    if (each == answer->end() || !each->is_array() || std::ssize(*each) != calls) {
      return absl::InternalError("Python did not return a time for each call");
    }
    return each->get<std::vector<double>>();
  }
  absl::Status Poison() override {
    return python_.Ask({{"do", "poison"}, {"method", method_}}, kPatienceSeconds).status();
  }
  absl::Status Fetch() override { return python_.Fetch(method_, operands_); }

 private:
  PythonPeers& python_;
  const std::string method_;
  const runtime::Operands& operands_;
};

// Name, type, place and shape ([batch, heads, rows, columns]) of each operand, inputs first.
cli::Json ArraysJson(const ops::Problem& problem, const std::vector<int64_t>& offsets) {
  const ops::Arrays arrays = problem.operation().arrays(problem);
  cli::Json json = cli::Json::array();
  for (int i = 0; i < arrays.count; ++i) {
    const ops::Array& array = arrays[i];
    json.push_back({{"name", array.name},
                    {"dtype", Name(array.TypeIn(problem))},
                    {"offset", offsets[static_cast<size_t>(i)]},
                    {"shape", {array.batch, array.heads, array.rows, array.cols}}});
  }
  return json;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PythonPeers>> PythonPeers::Start(
    const std::string& python, const std::vector<std::string>& methods) {
  std::unique_ptr<PythonPeers> peers(new PythonPeers);
  absl::Status status = peers->Spawn(python, absl::StrJoin(methods, ","));
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> line = peers->ReadLine(kPatienceSeconds);
  const cli::Json hello = line.ok() ? cli::Json::parse(*line, nullptr, false) : cli::Json();
  if (!hello.is_object() || !hello.contains("methods")) {
    return absl::NotFoundError(absl::StrFormat("%s does not behave like Python", python));
  }
  peers->version_ = hello.value("python", "");
  for (const std::string& name : methods) {
    const cli::Json of = hello["methods"].value(name, cli::Json::object());
    peers->methods_.push_back({.name = name,
                               .version = of.value("version", ""),
                               .error = of.value("error", ""),
                               .has_threads = of.value("has_threads", true)});
  }
  return peers;
}

absl::Status PythonPeers::Spawn(const std::string& python, const std::string& methods) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a socket: ", std::strerror(errno)));
  }
  socket_ = sockets[0];
  memory_ = memfd_create("jitattn operands", 0);  // inherited by the child
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], 0);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  const std::string file = std::to_string(memory_), script = kPythonPeers;
  const char* arguments[] = {python.c_str(),  "-c",   script.c_str(), file.c_str(),
                             methods.c_str(), nullptr};
  const int error = posix_spawnp(&pid_, python.c_str(), &actions, nullptr,
                                 const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(sockets[1]);
  if (error != 0) {
    pid_ = -1;
    return absl::NotFoundError(
        absl::StrFormat("cannot start %s: %s", python, std::strerror(error)));
  }
  alive_ = true;
  return absl::OkStatus();
}

PythonPeers::~PythonPeers() {
  End();
  if (socket_ >= 0) close(socket_);
  if (memory_ >= 0) close(memory_);
}

void PythonPeers::End() {
  alive_ = false;
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

absl::StatusOr<std::string> PythonPeers::ReadLine(double limit_s) {
  const double deadline = SteadyNow() + limit_s;
  for (;;) {
    if (const size_t end = buffer_.find('\n'); end != buffer_.npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const double left = deadline - SteadyNow();
    pollfd wanted = {.fd = socket_, .events = POLLIN, .revents = 0};
    const int ready =
        left > 0 ? poll(&wanted, 1, static_cast<int>(std::min(left, 1e5) * 1e3) + 1) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      End();
      return absl::DeadlineExceededError("Python did not answer in time");
    }
    char bytes[4096];
    const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || buffer_.size() > kMaxLine) {
      End();
      return absl::UnavailableError("Python has ended");
    }
    buffer_.append(bytes, static_cast<size_t>(count));
  }
}

absl::StatusOr<cli::Json> PythonPeers::Ask(const cli::Json& question, double limit_s) {
  if (!alive_) return absl::UnavailableError("Python has ended");
  const std::string line = question.dump() + "\n";
  // A question is smaller than the socket's buffer, so one send() takes it whole. MSG_NOSIGNAL: no
  // SIGPIPE if the process is gone.
  if (send(socket_, line.data(), line.size(), MSG_NOSIGNAL) != std::ssize(line)) {
    End();
    return absl::UnavailableError("Python has ended");
  }
  const absl::StatusOr<std::string> text = ReadLine(limit_s);
  if (!text.ok()) return text.status();
  cli::Json answer = cli::Json::parse(*text, nullptr, false);
  if (!answer.is_object()) {
    End();
    return absl::UnavailableError("Python gave an invalid answer");
  }
  if (answer.contains("error")) {
    return absl::InternalError(answer["error"].is_string() ? answer["error"].get<std::string>()
                                                           : answer["error"].dump());
  }
  return answer;
}

absl::Status PythonPeers::SetProblem(const ops::Problem& problem,
                                     const runtime::Operands& operands) {
  offsets_.clear();
  int64_t bytes = 0;
  for (int i = 0; i < operands.operands(); ++i) {
    offsets_.push_back(bytes);
    bytes += (std::ssize(operands.Bytes(0, i)) + 63) / 64 * 64;
  }
  if (ftruncate(memory_, bytes) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("no %d bytes to share: %s", bytes, std::strerror(errno)));
  }
  for (int i = 0; i + 1 < operands.operands(); ++i) {
    const std::span<const char> data = operands.Bytes(0, i);
    if (!WriteFully(memory_, data.data(), std::ssize(data), offsets_[static_cast<size_t>(i)])) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("no %d bytes to share: %s", bytes, std::strerror(errno)));
    }
  }
  const cli::Json question = {{"do", "problem"},
                              {"problem", cli::ToJson(problem)},
                              {"arrays", ArraysJson(problem, offsets_)},
                              {"bytes", bytes},
                              {"sets", operands.sets()}};
  return Ask(question, kPatienceSeconds).status();
}

absl::StatusOr<std::unique_ptr<Contender>> PythonPeers::Prepare(const std::string& method,
                                                                const runtime::Operands& operands) {
  const auto ready = Ask({{"do", "prepare"}, {"method", method}}, kPatienceSeconds);
  if (!ready.ok()) return ready.status();
  return std::make_unique<Peer>(*this, method, operands);
}

absl::Status PythonPeers::Fetch(const std::string& method, const runtime::Operands& operands) {
  const auto answer = Ask({{"do", "result"}, {"method", method}}, kPatienceSeconds);
  if (!answer.ok()) return answer.status();
  const std::span<char> out = operands.Bytes(0, operands.operands() - 1);
  if (ReadFully(memory_, out.data(), std::ssize(out), offsets_.back()) != std::ssize(out)) {
    return absl::InternalError(absl::StrCat("cannot read Python's result: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace jitattn::lab
