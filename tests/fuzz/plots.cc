// Whatever a user gives to jitattn plot: refused, or drawn as far as gnuplot's script and the page.

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "cli/plot/gnuplot_script.h"
#include "cli/plot/html.h"
#include "cli/plot/pictures.h"
#include "cli/plot/source.h"
#include "fuzz.h"

namespace jitattn::fuzz {
namespace {

// The reader takes a path: a file in memory has one.
absl::StatusOr<cli::Source> Read(const uint8_t* data, size_t size) {
  static const int file = memfd_create("fuzz", MFD_CLOEXEC);
  Require(file >= 0 && ftruncate(file, 0) == 0 &&
              pwrite(file, data, size, 0) == static_cast<ssize_t>(size),
          "there is a file in memory");
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  return cli::ReadSource(path);
}

void Draw(const cli::Source& source) {
  const std::vector<cli::Picture> pictures = cli::MakePictures({&source, 1}, {});
  std::vector<std::string> svgs;
  for (const cli::Picture& picture : pictures) {
    const std::string script = cli::GnuplotScript(picture.figure, cli::Format::kSvg, "x.svg");
    Require(script.find('\0') == script.npos && script.find('\x1b') == script.npos,
            "no control character gets into a script");
    svgs.emplace_back("<svg></svg>");
  }
  const std::string page = cli::ReportPage("title", {&source, 1}, pictures, svgs);
  Require(page.find("<script") == page.npos, "no script gets into a page");
}

}  // namespace
}  // namespace jitattn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Bombs of gzip are the business of the text target, where they are bounded.
  if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b) return 0;
  const auto source = jitattn::fuzz::Read(data, size);
  if (source.ok()) jitattn::fuzz::Draw(*source);
  return 0;
}
