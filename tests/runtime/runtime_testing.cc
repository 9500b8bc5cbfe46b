// What the tests of plans share.

#include "runtime_testing.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "ops/attention/problem.h"

#if defined(__SANITIZE_ADDRESS__)
#define JITATTN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JITATTN_SANITIZED 1
#endif
#endif

namespace {
std::atomic<int64_t> malloc_calls{0};
std::atomic<int64_t> wx_requests{0};
}  // namespace

#ifdef JITATTN_SANITIZED
// A test asks for more memory than there is, and expects null as from any other allocator.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
#else
// The program's own definitions come before the C library's, for shared libraries too if they can
// see them.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(size_t bytes);
void* malloc(size_t bytes) {
  malloc_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void* mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  if ((protection & PROT_WRITE) && (protection & PROT_EXEC)) wx_requests.fetch_add(1);
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, fd, offset));
}
int mprotect(void* at, size_t bytes, int protection) noexcept {
  if ((protection & PROT_WRITE) && (protection & PROT_EXEC)) wx_requests.fetch_add(1);
  return static_cast<int>(syscall(SYS_mprotect, at, bytes, protection));
}
}
#pragma GCC visibility pop
#endif

namespace jitattn::runtime {
namespace {

std::vector<char> Normal(DType dtype, int64_t count, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<char> bytes(count * SizeOf(dtype));
  for (int64_t i = 0; i < count; ++i) {
    const double x = normal(random);
    const float narrow = static_cast<float>(x);
    std::memcpy(&bytes[i * SizeOf(dtype)],
                dtype == DType::kF64 ? static_cast<const void*>(&x) : &narrow, SizeOf(dtype));
  }
  return bytes;
}

}  // namespace

AttentionData::AttentionData(const ops::AttentionProblem& p, uint64_t seed) : problem_(p) {
  std::mt19937_64 random(seed);
  q_ = Normal(p.dtype, p.batch * p.heads * p.q_len * p.head_dim, random);
  k_ = Normal(p.dtype, p.batch * p.kv_heads * p.kv_len * p.head_dim, random);
  v_ = Normal(p.dtype, p.batch * p.kv_heads * p.kv_len * p.value_dim, random);
  out_.resize(p.batch * p.heads * p.q_len * p.value_dim * SizeOf(p.dtype));
  SpoilOut();
}

void AttentionData::SpoilOut() { std::fill(out_.begin(), out_.end(), '\xff'); }  // NaN everywhere

jitattn_attention_args AttentionData::args() {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, problem_.heads, problem_.q_len, problem_.head_dim);
  problem.batch = problem_.batch;
  problem.kv_heads = problem_.kv_heads;
  problem.kv_len = problem_.kv_len;
  problem.value_dim = problem_.value_dim;
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = q_.data();
  args.k = k_.data();
  args.v = v_.data();
  args.out = out_.data();
  return args;
}

std::string AttentionData::out_bytes() const { return std::string(out_.data(), out_.size()); }

double AttentionData::Value(const std::vector<char>& bytes, int64_t index) const {
  if (problem_.dtype == DType::kF64) {
    double x;
    std::memcpy(&x, &bytes[index * 8], 8);
    return x;
  }
  float x;
  std::memcpy(&x, &bytes[index * 4], 4);
  return x;
}

double AttentionData::MaxError(const jitattn_attention_args& args) const {
  const ops::AttentionProblem& p = problem_;
  // Clamped first: i + INT64_MAX would overflow.
  const int64_t offset = std::clamp(args.causal_offset, -args.q_len, args.kv_len);
  double worst = 0;
  std::vector<double> weights(args.kv_len);
  for (int64_t row = 0; row < args.batch * p.heads * args.q_len; ++row) {
    const int64_t i = row % args.q_len, h = row / args.q_len % p.heads;
    const int64_t b = row / args.q_len / p.heads, g = h / (p.heads / p.kv_heads);
    const auto at = [b](const int64_t(&s)[3], int64_t head, int64_t r) {
      return b * s[0] + head * s[1] + r * s[2];
    };
    const int64_t seen = p.mask == jit::Mask::kCausal
                             ? std::clamp<int64_t>(i + offset + 1, 0, args.kv_len)
                             : args.kv_len;
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < seen; ++j) {
      double dot = 0;
      for (int64_t d = 0; d < p.head_dim; ++d) {
        dot += Value(q_, at(args.q_strides, h, i) + d) * Value(k_, at(args.k_strides, g, j) + d);
      }
      weights[j] = dot * args.scale;
      top = std::max(top, weights[j]);
    }
    for (int64_t j = 0; j < seen; ++j) sum += weights[j] = std::exp(weights[j] - top);
    for (int64_t d = 0; d < p.value_dim; ++d) {
      double expected = 0;
      for (int64_t j = 0; j < seen; ++j) {
        expected += weights[j] / sum * Value(v_, at(args.v_strides, g, j) + d);
      }
      const double error = std::abs(Value(out_, at(args.out_strides, h, i) + d) - expected);
      if (!(error <= worst)) worst = error;
      if (std::isnan(worst)) return worst;
    }
  }
  return worst;
}

std::string InChild(const std::function<std::string()>& body, int seconds) {
  int pipe_fds[2];
  if (pipe(pipe_fds) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    std::string said = body();
    if (said.empty()) said = "ok";
    if (write(pipe_fds[1], said.data(), said.size()) < 0) _exit(2);
    _exit(0);  // without the parent's destructors and buffers
  }
  close(pipe_fds[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;) said.append(buffer, n);
  close(pipe_fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return absl::StrCat("killed by signal ", WTERMSIG(status));
  return said == "ok" ? "" : said;
}

bool DenyExecutableMemory() {
#if defined(__x86_64__)
  // Refuses mmap and mprotect where PROT_EXEC is in their third argument.
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
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

bool RefuseNewThreads() {
#if defined(__x86_64__)
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(filter), .filter = const_cast<sock_filter*>(filter)};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
  return false;
#endif
}

int64_t MallocCalls() {
#ifdef JITATTN_SANITIZED
  return -1;
#else
  return malloc_calls.load();
#endif
}

std::string WritableExecutableMappings() {
  std::ifstream maps("/proc/self/maps");
  std::string found;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" rwx") != line.npos) found += line + "\n";
  }
  return found;
}

int64_t WritableExecutableRequests() { return wx_requests.load(); }

}  // namespace jitattn::runtime
