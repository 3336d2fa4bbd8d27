// What stands behind the opaque handles of moba.h.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/error.h"
#include "api/gate.h"
#include "core/device_backend.h"
#include "cpu/plan.h"
#include "cpu/thread_pool.h"
#include "moba/moba.h"

namespace moba::api {

// Shared by the engine handle and the plans made from it; the threads end when the engine does. Has
// either a device, or kernels, target and pool of the CPU.
struct Engine {
  Gate gate;
  const core::DeviceBackend* device = nullptr;
  int32_t ordinal = 0;
  std::string device_name;
  const cpu::Kernels* kernels = nullptr;
  const cpu::Kernels* bf16_kernels = nullptr;  // for tensors of that type
  cpu::Target target = cpu::Target::kAuto;
  std::unique_ptr<cpu::ThreadPool> pool;
};

}  // namespace moba::api

struct moba_engine {
  std::shared_ptr<moba::api::Engine> engine;
};

namespace moba::api {

// Calls body(engine) inside a live engine.
template <typename Body>
int32_t InEngine(const moba_engine* handle, const Body& body) {
  if (handle == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "engine is NULL, expected a live engine");
  }
  Engine& engine = *handle->engine;
  const GatePass in_engine(engine.gate);
  if (!in_engine) return Fail(MOBA_CLOSED, "engine was destroyed, expected a live one");
  return body(engine);
}

}  // namespace moba::api

namespace moba::api {

struct DestroyDevicePlan {
  const core::DeviceBackend* device = nullptr;
  int32_t ordinal = 0;

  void operator()(void* plan) const { device->plan_destroy(ordinal, plan); }
};
using DevicePlan = std::unique_ptr<void, DestroyDevicePlan>;

}  // namespace moba::api

struct moba_plan {
  std::shared_ptr<moba::api::Engine> engine;
  moba::api::Gate gate;
  moba::core::PlanShape shape;
  std::optional<moba::cpu::Plan> cpu_plan;  // none on a device
  moba::api::DevicePlan device_plan;        // none on the CPU
  int64_t workspace_bytes;
  moba_plan_info info;
};

namespace moba::api {

// Calls body(plan) inside a live plan, whether its engine lives or not.
template <typename Body>
int32_t InPlan(const moba_plan* plan, const Body& body) {
  if (plan == nullptr) return Fail(MOBA_INVALID_ARGUMENT, "plan is NULL, expected a live plan");
  const GatePass in_plan(const_cast<moba_plan*>(plan)->gate);
  if (!in_plan) return Fail(MOBA_CLOSED, "plan was destroyed, expected a live one");
  return body(*plan);
}

}  // namespace moba::api
