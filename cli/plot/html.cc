// Inline SVG and CSS. Ink, grid and paper of the pictures take the page's colours, light or dark.

#include "cli/plot/html.h"

#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/clean.h"
#include "cli/plot/words.h"
#include "jitattn/jitattn.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root { --paper: #fff; --ink: #1a1a1a; --faint: #6b6b6b; --grid: #dcdcdc; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e8e8e8; --faint: #a6a6a6; --grid: #3a3d42; }
}
@media print { :root { --paper: #fff; --ink: #000; --faint: #444; --grid: #ccc; } }
body { margin: 0 auto; padding: 1.2rem; max-width: 68rem; background: var(--paper);
  color: var(--ink); font: 16px/1.45 Helvetica, Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
p, figcaption { color: var(--faint); } a { color: inherit; }
figure { margin: 1rem 0 2.5rem; break-inside: avoid; }
.picture, .table { overflow-x: auto; }
.picture svg { width: 100%; height: auto; display: block; }
.table { max-height: 24rem; overflow-y: auto; border-top: 1px solid var(--grid); }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; border-bottom: 1px solid var(--grid);
  vertical-align: top; }
th { position: sticky; top: 0; background: var(--paper); } .n { text-align: right; }
@media (max-width: 45rem) { .picture svg { min-width: 36rem; } }
@media print { .table { max-height: none; overflow: visible; } body { max-width: none; } }
)";

std::string TableHtml(const FigureTable& table) {
  std::string html = "<div class=\"table\"><table><thead><tr>";
  std::vector<const char*> classes;
  for (std::string_view column : table.columns) {
    const bool number = column.starts_with('>');
    if (number) column.remove_prefix(1);
    classes.push_back(number ? " class=\"n\"" : "");
    absl::StrAppend(&html, "<th", classes.back(), ">", Escaped(column), "</th>");
  }
  absl::StrAppend(&html, "</tr></thead><tbody>\n");
  for (const auto& row : table.rows) {
    absl::StrAppend(&html, "<tr>");
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&html, "<td", i < classes.size() ? classes[i] : "", ">", Escaped(row[i]),
                      "</td>");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody></table></div>\n");
}

// Without its prologue, names of its own, the page's colours.
std::string Inline(const std::string& svg, const Picture& picture, size_t number) {
  const size_t start = svg.find("<svg");
  const std::string id = absl::StrCat("f", number, "-");
  std::string inlined = absl::StrReplaceAll(svg.substr(start == svg.npos ? 0 : start),
                                            {{"id='", absl::StrCat("id='", id)},
                                             {"id=\"", absl::StrCat("id=\"", id)},
                                             {"href='#", absl::StrCat("href='#", id)},
                                             {"url(#", absl::StrCat("url(#", id)},
                                             {"fill=\"#ffffff\"", "fill=\"var(--paper)\""},
                                             {"rgb(26,26,26)", "var(--ink)"},
                                             {"rgb( 26,  26,  26)", "var(--ink)"},
                                             {"rgb(107,107,107)", "var(--faint)"},
                                             {"rgb(107, 107, 107)", "var(--faint)"},
                                             {"rgb(220, 220, 220)", "var(--grid)"}});
  return absl::StrReplaceAll(inlined,
                             {{"<svg ", absl::StrCat("<svg role=\"img\" aria-label=\"",
                                                     Escaped(picture.figure.title), "\" ")}});
}

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

}  // namespace

std::string Escaped(std::string_view text) {
  return absl::StrReplaceAll(
      Clean(text),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string ReportPage(std::string_view title, Sources sources, std::span<const Picture> pictures,
                       std::span<const std::string> svgs) {
  std::string html = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
      Escaped(title), "</title>\n<style>", std::string(kStyle), "</style>\n</head>\n<body>\n<h1>",
      Escaped(title), "</h1>\n<p>Made by jitattn ", jitattn_version(), ", ", Now(),
      ".</p>\n<h2>Files</h2>\n");
  FigureTable files{.columns = {"file", "made by", "what it says of itself"}};
  for (const Source& source : sources) {
    std::string facts;
    for (const auto& [name, value] : source.facts) {
      absl::StrAppend(&facts, facts.empty() ? "" : "; ", name, ": ", value);
    }
    files.rows.push_back({source.path, source.what, facts});
  }
  absl::StrAppend(&html, TableHtml(files));
  for (size_t i = 0; i < pictures.size(); ++i) {
    const Figure& figure = pictures[i].figure;
    absl::StrAppend(&html, "<h2 id=\"", Slug(figure.name), "\">", Escaped(figure.title),
                    "</h2>\n<figure>\n<div class=\"picture\">", Inline(svgs[i], pictures[i], i),
                    "</div>\n<figcaption>", Escaped(figure.caption), "</figcaption>\n");
    if (!figure.table.rows.empty()) absl::StrAppend(&html, TableHtml(figure.table));
    absl::StrAppend(&html, "</figure>\n");
  }
  absl::StrAppend(&html, "</body>\n</html>\n");
  return html;
}

}  // namespace jitattn::cli
