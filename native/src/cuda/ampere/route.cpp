// Routing of 64 queries at a time, with 64 centroids (tensor_cores/route-kernel.h).
//
// Four warps have 16 rows each. All threads load the next panel of centroids while the warps
// multiply the present one; they meet once for each panel.
//
// Budget: shared memory 99 KiB; a block of 128 threads, 32 scores a thread.
// Not yet run on a GPU.
#include "cuda/ampere/route.h"

#include "cuda/ampere/operand.h"
#include "cuda/ampere/tile.h"
#include "cuda/device/thread_copy.h"
#include "cuda/device/warp_mma.h"
#include "cuda/tensor_cores/route-kernel.h"

namespace moba::cuda::ampere {
namespace {

struct Sizes {
  static constexpr int kTileRows = 64;
  static constexpr int kTileBlocks = 64;
  static constexpr int64_t kSharedMemory = kMostSharedBytes;
  static constexpr int kLeastStages = 2;
  static constexpr int kMostStages = 2;
  static constexpr int64_t kBarrierBytes = 0;
};

template <class Element>
struct Route : RouteTile<Element, Sizes> {
  using Base = RouteTile<Element, Sizes>;
  using Base::layout;
  static constexpr int kThreads = Sizes::kTileRows / 16 * kWarpSize;

  MOBA_THREAD void operator()(char* shared) const {
    const Task task = Base::FindTask();
    if (task.tile.count == 0) return;
    const Blocks blocks = Base::BlocksOf(task);
    char* const ring = shared + layout.terms * layout.panels * kQueryPanelBytes;
    auto* const best = reinterpret_cast<uint64_t*>(ring + Sizes::kMostStages * kPanelBytes);
    if (blocks.count() > 0) Load(ring, task, blocks, 0, 0);
    int stage = 0;
    Base::Select(
        shared, best, task, blocks, [] { SyncWarp(); },
        [&](int t, typename Base::Scores& scores) {
#pragma unroll
          for (float& score : scores) score = 0;
          for (int panel = 0; panel < layout.panels; ++panel, stage ^= 1) {
            CopiesDone();
            SyncThreads();  // of all threads; and the other stage is free
            const bool last = panel + 1 == layout.panels;
            Load(ring + (stage ^ 1) * kPanelBytes, task, blocks, last ? t + 1 : t,
                 last ? 0 : panel + 1);
            Multiply(shared + panel * kQueryPanelBytes, ring + stage * kPanelBytes, scores);
          }
        });
  }

 private:
  using Task = typename Base::Task;
  using Blocks = typename Base::Blocks;
  static constexpr int64_t kPanelBytes = Base::Layout::kPanelBytes;
  static constexpr int64_t kQueryPanelBytes = Base::Layout::kQueryPanelBytes;

  // Starts the copies of a panel, if there is one.
  MOBA_THREAD void Load(char* target, const Task& task, const Blocks& blocks, int t,
                        int panel) const {
    if (t >= blocks.count()) return;
    const char* const source = Base::Centroids(task, blocks, t, panel);
    const int bytes = Base::CentroidBytes(blocks, t);
    for (int at = ThreadIndex() * 16; at < bytes; at += kThreads * 16) {
      Copy16(source + at, target + at);
    }
  }

  MOBA_THREAD void Multiply(const char* q, const char* centroids,
                            typename Base::Scores& scores) const {
    const int lane = ThreadIndex() % kWarpSize;
    const int first = WarpUniform(ThreadIndex() / kWarpSize) * 16;
    for (int term = 0; term < layout.terms; ++term, q += layout.panels * kQueryPanelBytes) {
#pragma unroll
      for (int step = 0; step < kPanelChannels / 16; ++step) {
        uint32_t queries[4];
        LoadA(q + OffsetOfRows(lane, first, step), queries);
        MultiplyAdd<Element, Matrices::kColumns>(
            queries, centroids, [&](int i) { return OffsetOfColumns(lane, 16 * i, step); }, scores);
      }
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

}  // namespace moba::cuda::ampere
