#include "api/engine.h"

#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "api/cuda_library.h"
#include "api/processor.h"
#include "api/versioned.h"

namespace moba::api {
namespace {

constexpr int32_t kMostThreads = 1024;
constexpr size_t kDeviceText = sizeof moba_engine_info::device;

int UsableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

int32_t ChooseTarget(int32_t wanted, cpu::Target& target) {
  if (wanted == MOBA_CPU_AUTO) {
    target = BestTarget();
    return MOBA_OK;
  }
  if (wanted < MOBA_CPU_AUTO || wanted > MOBA_CPU_NEON) {
    return Fail(MOBA_INVALID_ARGUMENT, "options.cpu_target is %d, expected a moba_cpu_target",
                wanted);
  }
  target = static_cast<cpu::Target>(wanted);
  const char* missing = WhyUnavailable(target);
  if (missing != nullptr) {
    return Fail(MOBA_UNSUPPORTED, "options.cpu_target %s is not available: %s", TargetName(target),
                missing);
  }
  return MOBA_OK;
}

// Sums of pairs, where the processor has them and is faster by them, or MOBA_CPU_BF16_PAIRS says 1.
int32_t ChooseBf16Kernels(const cpu::Kernels& of_floats, const cpu::Kernels*& kernels) {
  const cpu::PairsOfBf16 processor = cpu::ProcessorPairsOfBf16();
  bool pairs = processor == cpu::PairsOfBf16::kFaster;
  if (const char* const wanted = std::getenv("MOBA_CPU_BF16_PAIRS")) {
    if (std::strcmp(wanted, "0") != 0 && std::strcmp(wanted, "1") != 0) {
      return Fail(MOBA_INVALID_ARGUMENT, "MOBA_CPU_BF16_PAIRS is %s, expected 0 or 1", wanted);
    }
    pairs = *wanted == '1' && processor != cpu::PairsOfBf16::kNone;
  }
  kernels = pairs && of_floats.of_bf16_pairs != nullptr ? of_floats.of_bf16_pairs : &of_floats;
  return MOBA_OK;
}

int32_t CreateOnDevice(const moba_engine_options& options, moba_engine** result) {
  const CudaLibrary& cuda = Cuda();
  if (cuda.backend == nullptr) {
    return Fail(MOBA_UNSUPPORTED, "options.backend is MOBA_BACKEND_CUDA: %s", cuda.absence.c_str());
  }
  if (options.cpu_target != MOBA_CPU_AUTO || options.num_threads != 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "options.cpu_target and options.num_threads are %d and %d, expected 0 for CUDA",
                options.cpu_target, options.num_threads);
  }
  char text[kDeviceText];
  if (!cuda.backend->describe(options.device_id, text, sizeof text)) {
    return Fail(MOBA_UNSUPPORTED, "options.device_id is %d: %s", options.device_id, text);
  }
  auto engine = std::make_shared<Engine>();
  engine->device = cuda.backend;
  engine->ordinal = options.device_id;
  engine->device_name = text;
  *result = new moba_engine{std::move(engine)};
  return MOBA_OK;
}

int32_t CreateEngine(const moba_engine_options* input, moba_engine** result) {
  moba_engine_options options;
  if (const int32_t status = ReadStruct("options", input, options)) return status;
  if (result == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "engine is NULL, expected where to put the handle");
  }
  if (options.backend == MOBA_BACKEND_CUDA) return CreateOnDevice(options, result);
  if (options.backend != MOBA_BACKEND_CPU) {
    return Fail(MOBA_INVALID_ARGUMENT, "options.backend is %d, expected a moba_backend",
                options.backend);
  }
  if (options.device_id != 0) {
    return Fail(MOBA_INVALID_ARGUMENT, "options.device_id is %d, expected 0 for the CPU",
                options.device_id);
  }
  if (options.num_threads < 0 || options.num_threads > kMostThreads) {
    return Fail(MOBA_INVALID_ARGUMENT, "options.num_threads is %d, expected 0 to %d",
                options.num_threads, kMostThreads);
  }
  auto engine = std::make_shared<Engine>();
  if (const int32_t status = ChooseTarget(options.cpu_target, engine->target)) return status;
  engine->kernels = cpu::CompiledKernels(engine->target);
  if (const int32_t status = ChooseBf16Kernels(*engine->kernels, engine->bf16_kernels)) {
    return status;
  }
  engine->pool = std::make_unique<cpu::ThreadPool>(options.num_threads > 0 ? options.num_threads
                                                                           : UsableProcessors());
  *result = new moba_engine{std::move(engine)};
  return MOBA_OK;
}

moba_engine_info Describe(const Engine& engine) {
  moba_engine_info info = {};
  if (engine.device != nullptr) {
    info.backend = MOBA_BACKEND_CUDA;
    info.device_id = engine.ordinal;
    std::strncpy(info.name, "cuda", sizeof info.name - 1);
    std::strncpy(info.device, engine.device_name.c_str(), sizeof info.device - 1);
    return info;
  }
  info.backend = MOBA_BACKEND_CPU;
  info.cpu_target = static_cast<int32_t>(engine.target);
  info.num_threads = engine.pool->num_threads();
  std::strncpy(info.name, engine.kernels->name, sizeof info.name - 1);
  ProcessorName(info.device, sizeof info.device);
  return info;
}

}  // namespace
}  // namespace moba::api

extern "C" {

int32_t moba_engine_create(const moba_engine_options* options, moba_engine** engine) {
  return moba::api::Guarded([&] { return moba::api::CreateEngine(options, engine); });
}

int32_t moba_engine_destroy(moba_engine* engine) {
  if (engine == nullptr) return MOBA_OK;
  if (!engine->engine->gate.Close()) {
    return moba::api::Fail(MOBA_BUSY, "engine is in use by a call, expected it to be idle");
  }
  engine->engine->pool.reset();
  delete engine;
  return MOBA_OK;
}

int32_t moba_engine_get_info(const moba_engine* engine, moba_engine_info* info) {
  return moba::api::InEngine(engine, [&](const moba::api::Engine& state) {
    return moba::api::WriteStruct("info", moba::api::Describe(state), info);
  });
}

}  // extern "C"
