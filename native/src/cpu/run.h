// Executes a validated problem on the CPU.
#pragma once

#include "core/control.h"
#include "core/problem.h"
#include "cpu/plan.h"
#include "cpu/thread_pool.h"

namespace moba::cpu {

// `problem.sequences` are those carved from `workspace` by plan.CarveSequences, with batch and
// token ranges filled in and `dense` set where a given selection holds every visible block; the
// rest is filled in here. Returns false when cancelled.
bool Run(const Plan& plan, const core::Problem& problem, core::Sequence* sequences,
         ThreadPool& pool, void* workspace, const core::Control& control);

}  // namespace moba::cpu
