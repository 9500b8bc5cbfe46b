// Text for people: numbers with units, aligned tables, suggestions for misspelt words.

#ifndef JITATTN_CLI_TEXT_H_
#define JITATTN_CLI_TEXT_H_

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/problem.h"

namespace jitattn::cli {

std::string Seconds(double seconds);   // "39.7 ms", four digits at most
std::string Bytes(double bytes);       // "32 KiB"
std::string Percent(double fraction);  // "+6.1 %", signed

// The speed of a problem: in GFLOP/s for attention, in GB/s for sigmoid-mul, which memory bounds.
std::string_view RateUnit(const ops::Problem& problem);             // "GFLOP/s" or "GB/s"
double Rate(const ops::Problem& problem, double seconds);           // in RateUnit(problem)
std::string RateText(const ops::Problem& problem, double seconds);  // "108.3 GFLOP/s"

// The type of the reference for the problem's results: "float64", or "long double" for f64
// problems.
std::string_view ReferenceName(const ops::Problem& problem);

// The number of columns on a terminal: continuation bytes of UTF-8 take none.
int Width(std::string_view text);
std::string PadTo(std::string_view text, int width);

// Table, Fields and Bold pass their arguments through Clean, since these may come from a file.

// Rows in aligned columns, two blanks apart. A column whose first cell begins with '>', which is
// not printed, is right-aligned.
std::string Table(std::vector<std::vector<std::string>> rows);

// Lines of "label      value", with all labels padded to the longest.
std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields);

// The candidate nearest to `word` by edit distance, if it is near enough for a typing error; else
// empty.
std::string_view Closest(std::string_view word, std::span<const std::string_view> candidates);

// "unknown type 'f23'; expected one of f32, f64; did you mean f32?"
std::string Unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> candidates);

// True if `stream` is a terminal that understands control sequences. Bold also respects NO_COLOR.
bool IsTerminal(std::FILE* stream);
std::string Bold(std::string_view text, std::FILE* stream);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TEXT_H_
