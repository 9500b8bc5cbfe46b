// One page that holds pictures, their tables and where the numbers come from; it asks nothing of
// the network and runs no script.

#ifndef JITATTN_CLI_PLOT_HTML_H_
#define JITATTN_CLI_PLOT_HTML_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/plot/pictures.h"

namespace jitattn::cli {

// Text between tags and in quoted attributes.
std::string Escaped(std::string_view text);

// `svgs`: of each picture, as Draw gives it.
std::string ReportPage(std::string_view title, Sources sources, std::span<const Picture> pictures,
                       std::span<const std::string> svgs);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_HTML_H_
