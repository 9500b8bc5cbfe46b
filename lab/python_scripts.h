// Python programs that are built into the command, since an installed command has no source tree.

#ifndef JITATTN_LAB_PYTHON_SCRIPTS_H_
#define JITATTN_LAB_PYTHON_SCRIPTS_H_

namespace jitattn::lab {

extern const char kPythonPeers[];  // python_peers.py
extern const char kPlots[];        // plots.py

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_PYTHON_SCRIPTS_H_
