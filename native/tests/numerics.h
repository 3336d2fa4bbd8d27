// The checks of section 6 of the specification, as expectations about an Outcome.
#ifndef MOBA_TESTS_NUMERICS_H_
#define MOBA_TESTS_NUMERICS_H_

#include <gtest/gtest.h>

#include "moba/moba.h"
#include "oracle.h"
#include "run.h"

namespace moba_test {

// Whether what one row selected is the oracle's choice, or differs only inside the margin;
// ascending and padded.
testing::AssertionResult IsRightRow(const Problem& problem, const Router& router,
                                    const Selection& selection, size_t sequence, int64_t query,
                                    int64_t head);

// The selection is the oracle's, or differs only inside the margin; rows are ascending and padded.
void ExpectRightSelection(const Problem& problem, const Selection& selection);

// The oracle's attention to `selection` (null: to everything) with the bounds around it.
class AttentionReference {
 public:
  AttentionReference(const Problem& problem, const Selection* selection);
  // o and lse (where given) are within the bounds. Elements that should be NaN or infinite are.
  void ExpectMatches(const Outcome& outcome) const;

 private:
  Attention expected_;
  double bound_;
};

void ExpectRightAttention(const Problem& problem, const Selection* selection,
                          const Outcome& outcome);

// A run of moba_attend in all its parts: selection and attention against the oracle, moba_route and
// moba_attend_selected against the exported selection.
void ExpectRightForward(const moba_engine* engine, const Problem& problem,
                        const RunOptions& options);

}  // namespace moba_test

#endif  // MOBA_TESTS_NUMERICS_H_
