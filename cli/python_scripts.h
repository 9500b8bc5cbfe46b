// Python programs that are part of the command, since an installed command has no source tree.

#ifndef JITATTN_CLI_PYTHON_SCRIPTS_H_
#define JITATTN_CLI_PYTHON_SCRIPTS_H_

namespace jitattn::cli {

extern const char kPythonPeers[];  // python_peers.py
extern const char kPlots[];        // plots.py

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PYTHON_SCRIPTS_H_
