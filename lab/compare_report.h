// Tables of `jitattn compare`, for people and for machines.

#ifndef JITATTN_LAB_COMPARE_REPORT_H_
#define JITATTN_LAB_COMPARE_REPORT_H_

#include <span>
#include <string>
#include <vector>

#include "cli/json.h"
#include "lab/compare_methods.h"

namespace jitattn::lab {

// Returns the table of one problem, with a line for each method.
std::string CompareText(std::span<const CompareRow> rows);
// Explains the marks in the tables; empty if there are none.
std::string MarksText(std::span<const CompareRow> rows);
// Returns the speed-ups of "jitattn" over each method, with a line for each problem; empty for a
// single problem.
std::string SummaryText(std::span<const CompareRow> rows);

std::string CompareCsv(std::span<const CompareRow> rows);
cli::Json CompareJson(std::span<const CompareRow> rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_REPORT_H_
