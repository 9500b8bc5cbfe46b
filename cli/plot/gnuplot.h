// Running gnuplot, found in PATH at run time.

#ifndef JITATTN_CLI_PLOT_GNUPLOT_H_
#define JITATTN_CLI_PLOT_GNUPLOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/plot/figure.h"
#include "cli/plot/gnuplot_script.h"

namespace jitattn::cli {

// FailedPrecondition, naming the package, where PATH has no gnuplot.
absl::Status CheckGnuplot();

// The bytes of the picture. The script and the picture pass through files without a name, so that
// nothing is left behind whatever happens. Internal, with what gnuplot said, where it fails.
absl::StatusOr<std::string> Draw(const Figure& figure, Format format);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_GNUPLOT_H_
