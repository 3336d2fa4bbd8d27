// Validation of a selection given by the caller.
#pragma once

#include "api/error.h"
#include "core/control.h"
#include "core/problem.h"
#include "cpu/thread_pool.h"

namespace moba::api {

// Checks every row of `problem.selected_in` (specification, section 2): ascending, unique, in
// range, none after the own block when causal, -1 only at the end. `batched`: indices in messages
// begin with the batch entry. Sets `dense` of each sequence whose rows all hold every visible
// block, and `most_selected`. Leaves off when cancelled.
int32_t CheckSelection(const core::Problem& problem, bool batched, int64_t block_size,
                       core::Sequence* sequences, cpu::ThreadPool& pool,
                       const core::Control& control);

}  // namespace moba::api
