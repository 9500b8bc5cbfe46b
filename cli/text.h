// Words and numbers as people read them: units, aligned tables, suggestions for misspelt words.

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

// How fast a problem runs: GFLOP/s for attention, GB/s for sigmoid-mul, whose bound is traffic.
std::string_view RateUnit(const ops::Problem& problem);             // "GFLOP/s" or "GB/s"
double Rate(const ops::Problem& problem, double seconds);           // in that unit
std::string RateText(const ops::Problem& problem, double seconds);  // "108.3 GFLOP/s"

// What the problem's results are held against: "float64", for f64 problems "long double".
std::string_view ReferenceName(const ops::Problem& problem);

// Columns on a terminal: continuation bytes of UTF-8 take none.
int Width(std::string_view text);
std::string PadTo(std::string_view text, int width);

// Table, Fields and Bold pass what they are given through Clean: it may come from a file.

// Rows in aligned columns two blanks apart. Columns whose first row begins with '>' (which is not
// printed) are right-aligned.
std::string Table(std::vector<std::vector<std::string>> rows);

// "label      value" lines: labels, our own words, padded to the longest.
std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields);

// The candidate nearest to `word` by edit distance if it is near enough to be meant; else empty.
std::string_view Closest(std::string_view word, std::span<const std::string_view> candidates);

// "unknown type 'f23': f32 or f64; did you mean f32?"
std::string Unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> candidates);

// True if `stream` is a terminal that can take control sequences; colour also asks NO_COLOR.
bool IsTerminal(std::FILE* stream);
std::string Bold(std::string_view text, std::FILE* stream);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TEXT_H_
