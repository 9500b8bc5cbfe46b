// A common interface to other libraries that solve jitattn's problems, to time them in turn.

#ifndef JITATTN_BENCH_PEERS_PEER_H_
#define JITATTN_BENCH_PEERS_PEER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/operands.h"
#include "ops/problem.h"

namespace jitattn::bench {

// Contiguous operands in memory. Every run writes the output.
struct PeerTask {
  ops::Problem problem;
  ops::Args args;
  int threads = 1;
};

// Runs the task once. Everything besides the operands was prepared before.
using PeerRun = std::function<void()>;

struct Peer {
  std::string name, version;
  // Prepares a run of `task`, which must outlive it. Unimplemented, with the reason, if the peer
  // cannot solve the problem.
  std::function<absl::StatusOr<PeerRun>(const PeerTask& task)> make;
};

// The peers that this build was linked with; empty if none was found.
std::vector<Peer> OpenBlasPeers();
std::vector<Peer> OneDnnPeers();

}  // namespace jitattn::bench

#endif  // JITATTN_BENCH_PEERS_PEER_H_
