// Reads the commands' CSV by the rules of RFC 4180, without the writer's code.

#ifndef JITATTN_TESTS_CLI_CSV_TESTING_H_
#define JITATTN_TESTS_CLI_CSV_TESTING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace jitattn::cli {

using CsvRow = std::map<std::string, std::string>;  // by column

inline std::vector<std::vector<std::string>> CsvCells(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  bool quoted = false, begins_row = true;
  for (size_t i = 0; i < text.size(); ++i) {
    if (begins_row) rows.push_back({""});
    begins_row = false;
    std::string& cell = rows.back().back();
    if (text[i] == '"' && quoted && text[i + 1] == '"') {
      cell += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      rows.back().emplace_back();
    } else if (text[i] == '\n' && !quoted) {
      begins_row = true;
    } else {
      cell += text[i];
    }
  }
  EXPECT_TRUE(begins_row && !quoted) << "the last line is cut off";
  return rows;
}

// Every row must have as many cells as the header.
inline std::vector<CsvRow> ParseCsv(const std::string& text) {
  const std::vector<std::vector<std::string>> cells = CsvCells(text);
  std::vector<CsvRow> rows;
  for (size_t r = 1; r < cells.size(); ++r) {
    EXPECT_EQ(cells[r].size(), cells[0].size()) << "row " << r;
    CsvRow& row = rows.emplace_back();
    for (size_t c = 0; c < std::min(cells[r].size(), cells[0].size()); ++c) {
      row[cells[0][c]] = cells[r][c];
    }
    EXPECT_EQ(row.size(), cells[0].size()) << "a column twice";
  }
  return rows;
}

}  // namespace jitattn::cli

#endif  // JITATTN_TESTS_CLI_CSV_TESTING_H_
