// What this processor is and which CPU targets it can run.
#pragma once

#include <cstddef>

#include "cpu/kernels.h"

namespace moba::api {

cpu::Target BestTarget();
const char* TargetName(cpu::Target target);
// nullptr when the target can be used.
const char* WhyUnavailable(cpu::Target target);
// What the target stands on, in one line.
const char* TargetDetail(cpu::Target target);
// The vendor's name of the processor, cut to `size` bytes with its terminator.
void ProcessorName(char* name, size_t size);

}  // namespace moba::api
