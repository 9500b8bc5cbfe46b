// Tables of `jitattn compare`, for people and for machines.

#ifndef JITATTN_CLI_COMPARE_REPORT_H_
#define JITATTN_CLI_COMPARE_REPORT_H_

#include <span>
#include <string>
#include <vector>

#include "cli/compare_methods.h"
#include "cli/json.h"

namespace jitattn::cli {

// Of one problem: a line a method.
std::string CompareText(std::span<const CompareRow> rows);
// What the marks in it mean; empty where there are none.
std::string MarksText(std::span<const CompareRow> rows);
// Of several problems: how many times as fast as each method "jitattn" is, a line a problem.
std::string SummaryText(std::span<const CompareRow> rows);

std::string CompareCsv(std::span<const CompareRow> rows);
Json CompareJson(std::span<const CompareRow> rows);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_COMPARE_REPORT_H_
