// What stands behind the opaque handles of moba.h.
#pragma once

#include <memory>

#include "api/gate.h"
#include "cpu/plan.h"
#include "cpu/thread_pool.h"
#include "moba/moba.h"

namespace moba::api {

// Shared by the engine handle and the plans made from it; the threads end when the engine does.
struct Engine {
  Gate gate;
  const cpu::Kernels* kernels;
  cpu::Target target;
  std::unique_ptr<cpu::ThreadPool> pool;
};

}  // namespace moba::api

struct moba_engine {
  std::shared_ptr<moba::api::Engine> engine;
};

struct moba_plan {
  std::shared_ptr<moba::api::Engine> engine;
  moba::api::Gate gate;
  moba::cpu::Plan plan;
  int64_t workspace_bytes;
};
