// Routing of 128 queries at a time, with 128 centroids (tensor_cores/route-kernel.h).
//
// Two warpgroups have 64 rows each. A third one only starts copies; while one multiplies the other
// selects.
//
// Budget: shared memory 227 KiB at most; 232 registers a thread, 64 of them scores; the warpgroup
// that copies gives its own away.
// Not yet run on a GPU.
#include "cuda/hopper/route.h"

#include "cuda/device/copy.h"
#include "cuda/device/mma.h"
#include "cuda/tensor_cores/route-kernel.h"

namespace moba::cuda::hopper {
namespace {

struct Sizes {
  static constexpr int kTileRows = 128;
  static constexpr int kTileBlocks = 128;
  static constexpr int64_t kSharedMemory = 227 * 1024;
  static constexpr int kLeastStages = 1;
  static constexpr int kMostStages = 8;
  static constexpr int64_t kBarrierBytes = 2 * kMostStages * int64_t{sizeof(Barrier)};
};

template <class Element>
struct Route : RouteTile<Element, Sizes> {
  using Base = RouteTile<Element, Sizes>;
  using Products = Mma<Element, Sizes::kTileBlocks>;
  using Base::layout;
  static constexpr int kThreads = 3 * kWarpgroupSize;

  MOBA_THREAD void operator()(char* shared) const {
    Memory memory;
    memory.q = shared;
    memory.ring = memory.q + layout.terms * layout.panels * Base::Layout::kQueryPanelBytes;
    memory.best = reinterpret_cast<uint64_t*>(memory.ring + layout.stages * kPanelBytes);
    memory.full = reinterpret_cast<Barrier*>(memory.best + layout.slots * Sizes::kTileRows);
    memory.empty = memory.full + Sizes::kMostStages;
    const Task task = Base::FindTask();
    if (task.tile.count == 0) return;
    const Blocks blocks = Base::BlocksOf(task);

    if (ThreadIndex() == 0) {
      for (int i = 0; i < layout.stages; ++i) {
        memory.full[i].Init(1);
        memory.empty[i].Init(Sizes::kTileRows / 16);
      }
      FenceBarriers();
    }
    SyncThreads();
    const int group = WarpUniform(ThreadIndex() / kWarpgroupSize);
    if (group == 2) {
      GiveRegisters<40>();
      if (ThreadIndex() == 2 * kWarpgroupSize) Produce(memory, task, blocks);
      return;
    }
    TakeRegisters<232>();
    Ring at = {layout.stages};
    const auto come = [&] {
      FenceForAsync();
      SyncThreads(1 + group, kWarpgroupSize);
    };
    Base::Select(
        memory.q, memory.best, task, blocks, come,
        [&](int /*tile*/, typename Base::Scores& scores) { Multiply(memory, group, at, scores); });
  }

 private:
  using Task = typename Base::Task;
  using Blocks = typename Base::Blocks;
  static constexpr int64_t kPanelBytes = Base::Layout::kPanelBytes;

  struct Memory {
    char* q;
    char* ring;
    uint64_t* best;
    Barrier* full;
    Barrier* empty;
  };

  // A place in the ring of panels.
  struct Ring {
    int32_t stages;
    int32_t stage = 0;
    uint32_t phase = 0;

    MOBA_THREAD void Next() {
      if (++stage < stages) return;
      stage = 0;
      phase ^= 1;
    }
  };

  MOBA_THREAD void Produce(const Memory& memory, const Task& task, const Blocks& blocks) const {
    Ring at = {layout.stages};
    for (int t = 0; t < blocks.count(); ++t) {
      const auto bytes = static_cast<uint32_t>(Base::CentroidBytes(blocks, t));
      for (int panel = 0; panel < layout.panels; ++panel, at.Next()) {
        memory.empty[at.stage].Wait(at.phase ^ 1);
        memory.full[at.stage].ArriveExpecting(bytes);
        CopyBytes(Base::Centroids(task, blocks, t, panel), memory.full[at.stage],
                  memory.ring + at.stage * kPanelBytes, bytes);
      }
    }
  }

  MOBA_THREAD void Multiply(const Memory& memory, int group, Ring& at,
                            typename Base::Scores& scores) const {
    const char* const own = memory.q + group * kWarpgroupSize / 2 * kPanelRowBytes;
    for (int panel = 0; panel < layout.panels; ++panel, at.Next()) {
      const char* const centroids = memory.ring + at.stage * kPanelBytes;
      memory.full[at.stage].Wait(at.phase);
      for (int term = 0; term < layout.terms; ++term) {
        const char* const q = own + (term * layout.panels + panel) * Base::Layout::kQueryPanelBytes;
        Products::Fence(scores);
        MmaBegin();
#pragma unroll
        for (int step = 0; step < kPanelChannels / 16; ++step) {
          Products::SharedShared(SumOverChannels(q, step), SumOverChannels(centroids, step), scores,
                                 panel + term + step > 0);
        }
        MmaCommit();
        MmaWait<0>();
        Products::Fence(scores);
      }
      if (ThreadIndex() % kWarpSize == 0) memory.empty[at.stage].Arrive();
    }
  }
};

}  // namespace

bool FitsRoute(int64_t head_dim, const core::Options& options) {
  return RouteLayout<Sizes>(head_dim, options).fits;
}

Status LaunchRoute(const Queue& queue, const TileRouteArguments& arguments) {
  return LaunchRouteKernel<Route>(queue, arguments);
}

}  // namespace moba::cuda::hopper
