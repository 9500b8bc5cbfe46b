// Resources that the system may deny to a process.

#include "hardships.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <iterator>
#include <string>

namespace jitattn::faults {
namespace {

constexpr uid_t kNobody = 65534;
constexpr int kSetMdwe = 65;  // PR_SET_MDWE of Linux 6.3; PR_MDWE_REFUSE_EXEC_GAIN is 1

bool SetSoftLimit(__rlimit_resource resource, rlim_t value) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0) return false;
  limit.rlim_cur = value;
  return setrlimit(resource, &limit) == 0;
}

// Without the C++ library, which might allocate: from here on memory is short.
rlim_t AddressSpace() {
  char text[64] = "";
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0 || read(file, text, sizeof text - 1) <= 0) return 0;
  close(file);
  return strtoull(text, nullptr, 10) * sysconf(_SC_PAGESIZE);
}

bool Install(const sock_filter* filter, size_t length) {
  const sock_fprog program = {.len = static_cast<unsigned short>(length),
                              .filter = const_cast<sock_filter*>(filter)};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool DenyThreads() {
#if defined(__x86_64__)
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return Install(filter, std::size(filter));
#else
  return false;
#endif
}

bool DenyExecutable() {
#if defined(__x86_64__)
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return Install(filter, std::size(filter));
#else
  return false;
#endif
}

// Root is exempt from the limit.
bool UseUpProcesses() {
  if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return false;
  return SetSoftLimit(RLIMIT_NPROC, 1);
}

}  // namespace

bool Suffer(std::string_view words) {
  constexpr std::string_view kMemory = "memory=";
  if (words.starts_with(kMemory)) {
    const rlim_t more = strtoull(words.data() + kMemory.size(), nullptr, 10);
    const rlim_t now = AddressSpace();
    return now != 0 && SetSoftLimit(RLIMIT_AS, now + more);
  }
  if (words == "files") return SetSoftLimit(RLIMIT_NOFILE, 0);
  if (words == "processes") return UseUpProcesses();
  if (words == "threads") return DenyThreads();
  if (words == "executable") return DenyExecutable();
  if (words == "write-execute") return prctl(kSetMdwe, 1, 0, 0, 0) == 0;
  return false;
}

void Relieve() {
  for (const __rlimit_resource resource : {RLIMIT_AS, RLIMIT_NOFILE}) {
    rlimit limit;
    if (getrlimit(resource, &limit) == 0) SetSoftLimit(resource, limit.rlim_max);
  }
}

}  // namespace jitattn::faults
