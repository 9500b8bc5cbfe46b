// Pages of keys and values as the C API describes them: what is refused, and what is not read.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

// Two sequences of 8 keys in pages of 4. Their pages are 3 and 5, 0 and 1.
class PagedRun {
 public:
  PagedRun() {
    jitattn_attention_problem_init(&problem, 1, 8, 2);
    problem.batch = 2;
    problem.page_size = 4;
    jitattn_attention_args_init(&args, &problem);
    args.q = &memory[0], args.out = &memory[32];
    args.k = &memory[64], args.v = &memory[64 + 6 * 8];
    args.block_table = table;
  }
  std::string Error() {
    const jitattn_status status = jitattn_attention(&problem, &args);
    return absl::StrCat(status, ": ", status == JITATTN_OK ? "" : jitattn_last_error());
  }

  std::vector<float> memory = std::vector<float>(64 + 2 * 6 * 8, 0);
  int32_t table[4] = {3, 5, 0, 1};
  jitattn_attention_problem problem;
  jitattn_attention_args args;
};

TEST(PagedArguments, BadOnesAreNamed) {
  EXPECT_EQ(PagedRun().Error(), "0: ");
  const auto error = [](auto change) {
    PagedRun run;
    change(run);
    return run.Error();
  };
  EXPECT_THAT(error([](PagedRun& r) { r.problem.page_size = -1; }),
              Mentions({"1", "page_size", "-1"}));
  EXPECT_THAT(error([](PagedRun& r) { r.args.block_table = nullptr; }),
              Mentions({"1", "block_table", "null"}));
  EXPECT_THAT(error([](PagedRun& r) { r.args.block_table_stride = 1; }),
              Mentions({"1", "block_table_stride 1", "8 keys", "2 pages"}));
  EXPECT_THAT(error([](PagedRun& r) { r.table[2] = -3; }), Mentions({"1", "block_table[1][0] -3"}));
  EXPECT_THAT(error([](PagedRun& r) { r.args.k = nullptr; }), Mentions({"1", "k is a null"}));
  static const int64_t kOffsets[] = {0, 8, 16};
  EXPECT_THAT(error([](PagedRun& r) { r.args.kv_offsets = kOffsets; }),
              Mentions({"1", "kv_offsets", "pages"}));
  // A page that is read, one that is not, and the table.
  EXPECT_THAT(error([](PagedRun& r) { r.args.out = &r.memory[64 + 4 * 8]; }),
              Mentions({"1", "out overlaps page 5 of k"}));
  EXPECT_EQ(error([](PagedRun& r) {
              r.args.batch = 1;
              r.args.q_len = 2;
              r.args.out = &r.memory[64 + 4 * 8];
            }),
            "0: ");
  EXPECT_THAT(error([](PagedRun& r) { r.args.out = r.table; }),
              Mentions({"1", "out overlaps block_table"}));
}

// Of a table only those entries are read whose pages hold a key that a query sees.
TEST(PagedArguments, EntriesOfUnseenPagesAreNotRead) {
  PagedRun run;
  static const int64_t kLens[] = {4, 8}, kBegins[] = {0, 5};
  run.args.kv_lens = kLens;
  run.args.kv_begins = kBegins;
  run.table[1] = run.table[2] = -1;
  EXPECT_EQ(run.Error(), "0: ");
  run.args.kv_begins = nullptr;
  EXPECT_THAT(run.Error(), Mentions({"block_table[1][0]"}));
}

}  // namespace
}  // namespace jitattn::runtime
