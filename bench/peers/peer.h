// Other people's ways of solving our problems, made alike so that they can be timed in turn.

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

// Contiguous operands in memory; the output is written by every run.
struct PeerTask {
  ops::Problem problem;
  ops::Args args;
  int threads = 1;
};

// Runs the task once. What it needs beside the operands it has made before.
using PeerRun = std::function<void()>;

struct Peer {
  std::string name, version;
  // Unimplemented, with the reason, where the peer cannot do the problem. `task` outlives the run.
  std::function<absl::StatusOr<PeerRun>(const PeerTask& task)> make;
};

// Peers that this build was linked with: none, where none was found.
std::vector<Peer> OpenBlasPeers();
std::vector<Peer> OneDnnPeers();

}  // namespace jitattn::bench

#endif  // JITATTN_BENCH_PEERS_PEER_H_
