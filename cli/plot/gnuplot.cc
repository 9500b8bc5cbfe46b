// One process a picture: script on its standard input, picture on its standard output.

#include "cli/plot/gnuplot.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/clean.h"
#include "cli/plot/words.h"

extern char** environ;

namespace jitattn::cli {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Nameless = std::unique_ptr<std::FILE, Close>;

// Its path, "" if there is none.
std::string FindGnuplot() {
  const char* path = std::getenv("PATH");
  for (const auto part : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    const std::string folder(part.data(), part.size());
    const std::string file = absl::StrCat(folder.empty() ? "." : folder, "/gnuplot");
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

std::string Content(std::FILE* file) {
  std::string content;
  std::rewind(file);
  char buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) content.append(buffer, n);
  return content;
}

// `title` is what a screen reader says. gnuplot gives each series its plot command as one more,
// which browsers show under the pointer: these go.
std::string WithTitle(std::string_view svg, std::string_view title) {
  constexpr std::string_view kOpen = "<title>", kClose = "</title>";
  const std::string text =
      absl::StrReplaceAll(Clean(title), {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
  std::string titled;
  for (bool first = true;; first = false) {
    const size_t open = svg.find(kOpen), close = svg.find(kClose, std::min(open, svg.size()));
    titled.append(svg.substr(0, close == svg.npos ? svg.npos : open));
    if (close == svg.npos) return titled;
    if (first) absl::StrAppend(&titled, "<title>", text, "</title>");
    svg.remove_prefix(close + kClose.size());
  }
}

// Faces in the order in which they are looked for.
std::string Finished(const std::string& svg, const Figure& figure) {
  constexpr const char* kFaces = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif";
  return absl::StrReplaceAll(
      WithTitle(svg, figure.title),
      {{"font-family=\"sans:Bold\"",
        absl::StrCat("font-family=\"", kFaces, "\" font-weight=\"bold\"")},
       {"font-family=\"sans\"", absl::StrCat("font-family=\"", kFaces, "\"")}});
}

}  // namespace

absl::Status CheckGnuplot() {
  if (!FindGnuplot().empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "gnuplot is not in PATH, and it draws the pictures; Debian has it in the package "
      "gnuplot-nox");
}

absl::StatusOr<std::string> Draw(const Figure& figure, Format format) {
  const std::string program = FindGnuplot();
  if (program.empty()) return CheckGnuplot();
  const Nameless in(std::tmpfile()), out(std::tmpfile()), error(std::tmpfile());
  if (!in || !out || !error) {
    return absl::InternalError(
        absl::StrCat("cannot make a temporary file: ", std::strerror(errno)));
  }
  const std::string script = GnuplotScript(figure, format);
  if (std::fwrite(script.data(), 1, script.size(), in.get()) != script.size() ||
      std::fflush(in.get()) != 0) {
    return absl::InternalError(
        absl::StrCat("cannot write a temporary file: ", std::strerror(errno)));
  }
  std::rewind(in.get());
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, fileno(in.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, fileno(out.get()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, fileno(error.get()), STDERR_FILENO);
  // -d: nobody's start-up file changes how pictures look.
  std::string name = "gnuplot", defaults = "-d";
  char* arguments[] = {name.data(), defaults.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, program.c_str(), &files, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    return absl::InternalError(absl::StrCat("cannot run ", program, ": ", std::strerror(failed)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string picture = Content(out.get());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || picture.empty()) {
    return absl::InternalError(
        absl::StrFormat("%s could not draw %s: %s", program, figure.name, Content(error.get())));
  }
  return format == Format::kSvg ? Finished(picture, figure) : picture;
}

}  // namespace jitattn::cli
