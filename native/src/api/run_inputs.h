// What a run is given, and its validation up to the sequences: the part that all entry points
// share.
#pragma once

#include "api/sequences.h"
#include "api/tensors.h"
#include "core/plan_shape.h"

namespace moba::api {

// Arguments of a run, the ones a function does not have left null.
struct Arguments {
  core::Operation operation;
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  const void* cu_seqlens_q = nullptr;
  const void* cu_seqlens_k = nullptr;
  const int32_t* selected_in = nullptr;
  void* o = nullptr;
  float* lse = nullptr;
  int32_t* selected_out = nullptr;
};

// Tensors of a run after validation.
struct Tensors {
  Tensor q, k, v, o, lse, selected;
};

// All tensors of the operation, on the device (cu_seqlens on the CPU), apart from each other, the
// workspace and progress; the sizes against the plan's maxima.
int32_t ReadRun(const core::PlanShape& shape, const Device& device, const moba_run_shapes& shapes,
                const Arguments& arguments, const Tensor& workspace, const Tensor& progress,
                Tensors& tensors, Sequences& sequences);

// The same for the shapes of q and k alone; no data but cu_seqlens is looked at.
int32_t ReadRunShapes(const core::PlanShape& shape, const Device& device,
                      const moba_run_shapes& shapes, const Arguments& arguments,
                      Sequences& sequences);

}  // namespace moba::api
