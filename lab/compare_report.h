// Tables of `jitattn compare`, for people and for machines.

#ifndef JITATTN_LAB_COMPARE_REPORT_H_
#define JITATTN_LAB_COMPARE_REPORT_H_

#include <span>
#include <string>
#include <vector>

#include "cli/json.h"
#include "lab/compare_methods.h"

namespace jitattn::lab {

// Of one problem: a line a method.
std::string CompareText(std::span<const CompareRow> rows);
// What the marks in it mean; empty where there are none.
std::string MarksText(std::span<const CompareRow> rows);
// Of several problems: how many times as fast as each method "jitattn" is, a line a problem.
std::string SummaryText(std::span<const CompareRow> rows);

std::string CompareCsv(std::span<const CompareRow> rows);
cli::Json CompareJson(std::span<const CompareRow> rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_REPORT_H_
