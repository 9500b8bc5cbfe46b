// jitattn plot and jitattn report: pictures of what the other commands wrote.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/plot/gnuplot.h"
#include "cli/plot/html.h"
#include "cli/plot/pictures.h"
#include "cli/plot/source.h"
#include "cli/text.h"
#include "cli/text_file.h"

namespace jitattn::cli {
namespace {

namespace fs = std::filesystem;

struct PlotFlags {
  std::vector<std::string> files, kinds;
  std::string output, gnuplot, title = "jitattn report";
  bool list = false, json = false;
};

absl::StatusOr<std::vector<Source>> ReadSources(const std::vector<std::string>& files) {
  std::vector<Source> sources;
  for (const std::string& file : files) {
    absl::StatusOr<Source> source = ReadSource(file);
    if (!source.ok()) return source.status();
    sources.push_back(*std::move(source));
  }
  return sources;
}

absl::Status CheckKinds(const std::vector<std::string>& kinds) {
  std::vector<std::string_view> names;
  for (const PictureKind& kind : PictureKinds()) names.push_back(kind.name);
  for (const std::string& kind : kinds) {
    if (std::find(names.begin(), names.end(), kind) == names.end()) {
      return absl::InvalidArgumentError(Unknown("kind of picture", kind, names));
    }
  }
  return absl::OkStatus();
}

// The pictures asked for; a file that gives none is an error only where nothing else does.
absl::StatusOr<std::vector<Picture>> Make(const PlotFlags& flags,
                                          const std::vector<Source>& sources) {
  std::vector<Picture> pictures = MakePictures(sources, flags.kinds);
  if (!pictures.empty()) return pictures;
  std::vector<std::string> can;
  for (const Picture& picture : MakePictures(sources, {})) {
    const std::string kind(picture.kind);
    if (std::find(can.begin(), can.end(), kind) == can.end()) can.push_back(kind);
  }
  return absl::FailedPreconditionError(
      absl::StrFormat("these files give no picture%s; they give %s",
                      flags.kinds.empty() ? "" : " of kind " + absl::StrJoin(flags.kinds, ", "),
                      can.empty() ? "none at all: too few numbers" : absl::StrJoin(can, ", ")));
}

// Readable by whom the user's umask allows, as a file from a redirection is.
absl::Status Write(const std::string& path, std::string_view content) {
  return WriteTextFile(path, content, 0666);
}

Json ToJson(const Picture& picture) {
  return {{"kind", picture.kind},
          {"name", picture.figure.name},
          {"title", picture.figure.title},
          {"panels", picture.figure.panels.size()}};
}

int List(const std::vector<Picture>& pictures, bool as_json) {
  if (as_json) {
    Json json = JsonHead("plot");
    json["pictures"] = Json::array();
    for (const Picture& picture : pictures) json["pictures"].push_back(ToJson(picture));
    PrintJson(json);
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {{"KIND", "PICTURE", ">PANELS", "TITLE"}};
  for (const Picture& picture : pictures) {
    rows.push_back({std::string(picture.kind), picture.figure.name,
                    absl::StrCat(picture.figure.panels.size()), picture.figure.title});
  }
  std::fputs(Table(rows).c_str(), stdout);
  return kDone;
}

struct Target {
  std::string path;
  const Picture* picture;
  Format format;
};

// What -o means: a file's extension says its format; anything else is a folder.
absl::StatusOr<std::vector<Target>> Targets(const std::string& output,
                                            const std::vector<Picture>& pictures) {
  const std::string extension = fs::path(output).extension();
  std::vector<Target> targets;
  if (extension == ".png" || extension == ".svg") {
    if (pictures.size() > 1) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "-o %s: these files give %d pictures (--list tells them); choose one with "
          "--kind, or name a folder",
          output, pictures.size()));
    }
    if (absl::Status status = CheckTextFile("-o", output); !status.ok()) return status;
    targets.push_back({output, &pictures[0], extension == ".png" ? Format::kPng : Format::kSvg});
    return targets;
  }
  const std::string folder = output.empty() ? "." : output;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrFormat("-o %s: cannot make the folder: %s", output, error.message()));
  }
  for (const Picture& picture : pictures) {
    for (const auto& [format, end] : {std::pair{Format::kSvg, ".svg"}, {Format::kPng, ".png"}}) {
      const std::string path = fs::path(folder) / absl::StrCat(picture.figure.name, end);
      if (absl::Status status = CheckTextFile("-o", path); !status.ok()) return status;
      targets.push_back({path, &picture, format});
    }
  }
  return targets;
}

int RunPlot(const PlotFlags& flags) {
  if (absl::Status status = CheckKinds(flags.kinds); !status.ok()) return Fail(status);
  const auto sources = ReadSources(flags.files);
  if (!sources.ok()) return Fail(sources.status());
  const auto pictures = Make(flags, *sources);
  if (!pictures.ok()) return Fail(pictures.status());
  if (flags.list) return List(*pictures, flags.json);
  const auto targets = Targets(flags.output, *pictures);
  if (!targets.ok()) return Fail(targets.status());
  if (!flags.gnuplot.empty()) {
    std::string script = "# For gnuplot 5.4 or newer: writes an SVG file for each picture.\n";
    for (const Picture& picture : *pictures) {
      absl::StrAppend(&script, "\nreset session\n",
                      GnuplotScript(picture.figure, Format::kSvg, picture.figure.name + ".svg"));
    }
    if (absl::Status status = CheckTextFile("--gnuplot", flags.gnuplot); !status.ok()) {
      return Fail(status);
    }
    if (absl::Status status = Write(flags.gnuplot, script); !status.ok()) return Fail(status);
  }
  if (absl::Status status = CheckGnuplot(); !status.ok()) return Fail(status);
  Json json = JsonHead("plot");
  json["pictures"] = Json::array();
  for (const Target& target : *targets) {
    const auto drawn = Draw(target.picture->figure, target.format);
    if (!drawn.ok()) return Fail(drawn.status());
    if (absl::Status status = Write(target.path, *drawn); !status.ok()) return Fail(status);
    if (!flags.json) std::printf("%s\n", target.path.c_str());
    if (json["pictures"].empty() ||
        json["pictures"].back()["name"] != target.picture->figure.name) {
      json["pictures"].push_back(ToJson(*target.picture));
    }
    json["pictures"].back()["written"].push_back(target.path);
  }
  if (flags.json) PrintJson(json);
  return kDone;
}

int RunReport(const PlotFlags& flags) {
  if (absl::Status status = CheckKinds(flags.kinds); !status.ok()) return Fail(status);
  if (absl::Status status = CheckTextFile("-o", flags.output); !status.ok()) return Fail(status);
  const auto sources = ReadSources(flags.files);
  if (!sources.ok()) return Fail(sources.status());
  const auto pictures = Make(flags, *sources);
  if (!pictures.ok()) return Fail(pictures.status());
  if (absl::Status status = CheckGnuplot(); !status.ok()) return Fail(status);
  std::vector<std::string> svgs;
  for (const Picture& picture : *pictures) {
    auto svg = Draw(picture.figure, Format::kSvg);
    if (!svg.ok()) return Fail(svg.status());
    svgs.push_back(*std::move(svg));
  }
  const std::string page = ReportPage(flags.title, *sources, *pictures, svgs);
  if (absl::Status status = Write(flags.output, page); !status.ok()) return Fail(status);
  if (flags.json) {
    Json json = JsonHead("report");
    json["written"] = flags.output;
    json["files"] = flags.files;
    json["pictures"] = Json::array();
    for (const Picture& picture : *pictures) json["pictures"].push_back(ToJson(picture));
    PrintJson(json);
    return kDone;
  }
  std::printf("%s: %d %s of %d %s\n", flags.output.c_str(), static_cast<int>(pictures->size()),
              pictures->size() == 1 ? "picture" : "pictures", static_cast<int>(sources->size()),
              sources->size() == 1 ? "file" : "files");
  return kDone;
}

constexpr const char* kFiles =
    "of tune --csv or --record, bench --json, roofline --json, compare --csv, replay";

void AddCommon(CLI::App* app, PlotFlags* flags) {
  app->add_option("FILE", flags->files, kFiles)->required()->type_name("");
  std::vector<std::string> names;
  for (const PictureKind& kind : PictureKinds()) names.emplace_back(kind.name);
  app->add_option("--kind", flags->kinds, "only these: " + absl::StrJoin(names, ", "))
      ->delimiter(',')
      ->type_name("KIND,...");
  app->add_flag("--json", flags->json, "what was made as JSON (docs/json.md)");
}

}  // namespace

Command AddPlot(CLI::App* app) {
  auto flags = std::make_shared<PlotFlags>();
  CLI::App* plot = app->add_subcommand(
      "plot", "Pictures, SVG and PNG, of what the other commands wrote (docs/plots.md)");
  AddCommon(plot, flags.get());
  plot->add_option("-o,--output", flags->output,
                   "FILE.svg or FILE.png for one picture, else a folder for all in both (.)")
      ->type_name("OUT");
  plot->add_option("--gnuplot", flags->gnuplot, "also keep the script, to be adapted")
      ->type_name("FILE");
  plot->add_flag("--list", flags->list, "say which pictures the files give; draw none");
  return {plot, [flags] { return RunPlot(*flags); }};
}

Command AddReport(CLI::App* app) {
  auto flags = std::make_shared<PlotFlags>();
  CLI::App* report = app->add_subcommand(
      "report", "One HTML page with all pictures and their numbers (docs/plots.md)");
  AddCommon(report, flags.get());
  report->add_option("-o,--output", flags->output, "the page")->required()->type_name("FILE.html");
  report->add_option("--title", flags->title, "of the page (jitattn report)")->type_name("TEXT");
  return {report, [flags] { return RunReport(*flags); }};
}

}  // namespace jitattn::cli
