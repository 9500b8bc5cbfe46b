// The pages of keys and values of a run of attention.

#ifndef JITATTN_OPS_ATTENTION_CHECK_PAGES_H_
#define JITATTN_OPS_ATTENTION_CHECK_PAGES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/check_operand.h"

namespace jitattn::ops {

// Knows the pages that a run reads, from those entries of the table that it reads. How many pages
// there are nobody says, so an entry cannot be too high. With a bias it is not known which entries
// are read: then neither they nor the places of pages are checked.
class CheckedPages {
 public:
  // REQUIRES: problem.paged(), args.kv_len > 0, and the lengths of the sequences are right.
  CheckedPages(const AttentionProblem& problem, const jitattn_attention_args& args)
      : problem_(problem), args_(args) {}

  // InvalidArgument if the table is missing or too narrow, an entry is negative, or k, v or
  // their scales are null or misaligned.
  absl::Status Check();
  // InvalidArgument if `out` overlaps the table or a page that is read. REQUIRES: Check() is OK.
  absl::Status CheckApart(const Operand& out) const;

 private:
  absl::Status CheckTable();
  absl::Status CheckEntries();
  // An operand whose rows lie in pages.
  struct Paged {
    const char* name;
    const void* base;
    const int64_t (*strides)[3];
    int bytes, alignment;  // of an element
    int64_t cols;
    Operand all = {"", {}};  // the pages from lowest_ to highest_
  };
  absl::Status CheckApartFrom(const Operand& out, const Paged& operand) const;
  Operand PagesOfOperand(const Paged& operand, int64_t first, int64_t count) const;

  const AttentionProblem& problem_;
  const jitattn_attention_args& args_;
  int64_t lowest_ = 0, highest_ = -1;  // pages that are read
  Operand table_ = {"block_table", {}};
  std::vector<Paged> operands_;  // k, v, and their scales
};

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_CHECK_PAGES_H_
