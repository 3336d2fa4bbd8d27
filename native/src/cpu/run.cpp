#include "cpu/run.h"

#include <algorithm>

#include "cpu/decode.h"
#include "cpu/window.h"

namespace moba::cpu {
namespace {

using core::CeilDiv;
using core::Operation;
using core::RoundUp;
using core::Sequence;

struct Totals {
  int64_t mean_tasks = 0;  // each of some kv heads
  int64_t pack_tasks = 0;  // per kv head
  int64_t windows = 0;     // per head
  int64_t parts = 0;       // of sequences that decode, each of some kv heads
  bool decodes = false;    // some do
};

// Blocks of one task of packing or of means: as many as make up a chunk.
int64_t BlocksPerPackTask(const Sequence& sequence) {
  return std::max<int64_t>(1, kChunkKeys / std::max<int64_t>(1, sequence.block_size));
}

int64_t BlockTasks(const Sequence& sequence) {
  return CeilDiv(sequence.num_blocks, BlocksPerPackTask(sequence));
}

// Kv heads whose means one task makes.
int64_t MeanHeads(const Plan& plan, const core::Problem& problem, const Sequence& sequence) {
  const bool side_by_side =
      problem.k.head_stride == problem.head_dim && problem.head_dim % kMostLanes == 0;
  if (!side_by_side) return 1;
  const int64_t tasks = BlockTasks(sequence) * problem.num_kv_heads;
  return core::EvenShare(problem.num_kv_heads,
                         std::min(Plan::TasksTogether(tasks, plan.num_threads), kMostSideHeads));
}

// Gives sequences that decode their places among the tasks of all, and returns how many these are.
int64_t PlaceParts(const Plan& plan, const core::Problem& problem, Sequence* sequences) {
  int64_t most_tasks = 0;
  for (int64_t s = 0; s < problem.num_sequences; ++s) {
    if (sequences[s].decodes) most_tasks += Decoder::NumParts(sequences[s]) * problem.num_kv_heads;
  }
  int64_t tasks = 0;
  for (int64_t s = 0; s < problem.num_sequences; ++s) {
    Sequence& sequence = sequences[s];
    sequence.part_offset = tasks;
    if (!sequence.decodes) continue;
    sequence.side_heads = Decoder::SideHeads(problem, sequence, most_tasks, plan.num_threads);
    tasks += Decoder::NumTasks(problem, sequence);
  }
  return tasks;
}

// Decides how each sequence is attended to and gives it its places in the packed buffers.
Totals PlaceSequences(const Plan& plan, const core::Problem& problem, Sequence* sequences) {
  Totals totals;
  Sequence next = {};
  const int64_t block_size = plan.shape.block_size;
  for (int64_t s = 0; s < problem.num_sequences; ++s) {
    Sequence& sequence = sequences[s];
    const int64_t blocks = block_size == 0 ? 1 : CeilDiv(sequence.k_len, block_size);
    if (problem.operation == Operation::kAttend) {
      sequence.dense = block_size == 0 || problem.options.top_k >= blocks;
    } else if (problem.operation == Operation::kRoute) {
      sequence.dense = false;
    }
    if (problem.operation != Operation::kAttendSelected) {
      sequence.most_selected = std::min(problem.options.top_k, blocks);
    }
    sequence.block_size = sequence.dense ? std::max<int64_t>(sequence.k_len, 1) : block_size;
    sequence.num_blocks = CeilDiv(sequence.k_len, sequence.block_size);
    sequence.key_offset = next.key_offset;
    sequence.value_offset = next.value_offset;
    sequence.centroid_offset = next.centroid_offset;
    sequence.step_offset = next.step_offset;
    sequence.mean_offset = next.mean_offset;
    sequence.pack_offset = next.pack_offset;
    sequence.window_offset = next.window_offset;
    sequence.choice_offset = next.choice_offset;
    sequence.state_offset = next.state_offset;
    sequence.decodes = Decoder::Takes(problem, sequence);
    totals.decodes |= sequence.decodes;

    const int64_t lanes = plan.kernels->lanes;
    const bool has_centroids = !sequence.dense && problem.operation != Operation::kAttendSelected;
    const bool packs = !sequence.decodes && problem.operation != Operation::kRoute;
    if (has_centroids) next.centroid_offset += sequence.num_blocks;
    if (sequence.decodes) {
      const int64_t rows = sequence.q_len * problem.num_heads;
      next.state_offset += Decoder::NumParts(sequence) * rows;
      next.choice_offset += rows * problem.SelectionWidth(sequence);
    } else if (sequence.num_blocks > 0) {
      const int64_t full_blocks = sequence.num_blocks - 1;
      const int64_t tail = sequence.BlockLength(full_blocks);
      next.key_offset += full_blocks * RoundUp(sequence.block_size, lanes) + RoundUp(tail, lanes);
      next.step_offset +=
          full_blocks * CeilDiv(sequence.block_size, kStepKeys) + CeilDiv(tail, kStepKeys);
      next.value_offset += sequence.k_len;
    }
    if (packs) {
      next.pack_offset +=
          sequence.dense ? CeilDiv(sequence.k_len, kChunkKeys) : BlockTasks(sequence);
    } else if (has_centroids) {
      next.mean_offset +=
          BlockTasks(sequence) * CeilDiv(problem.num_kv_heads, MeanHeads(plan, problem, sequence));
    }
    // What decodes and is attended to in full has nothing to select.
    if (!sequence.decodes || !sequence.dense || problem.selected_out) {
      next.window_offset += CeilDiv(sequence.q_len, plan.window_rows);
    }
  }
  totals.mean_tasks = next.mean_offset;
  totals.pack_tasks = next.pack_offset;
  totals.windows = next.window_offset;
  totals.parts = PlaceParts(plan, problem, sequences);
  return totals;
}

// The last sequence whose `offset` is not beyond `index`: the one that holds this task.
const Sequence& FindSequence(const core::Problem& problem, int64_t Sequence::*offset,
                             int64_t index) {
  const Sequence* end = problem.sequences + problem.num_sequences;
  return *(std::upper_bound(problem.sequences, end, index,
                            [offset](int64_t i, const Sequence& s) { return i < s.*offset; }) -
           1);
}

// Whether heads of a group are routed as the queries of one head are, as many as fill the lanes by
// the first one's task: by itself a single query leaves most of them empty.
bool RoutesHeadsSideBySide(const core::Problem& problem, const Sequence& sequence) {
  return sequence.decodes && sequence.q_len == 1 && !sequence.dense &&
         problem.operation == Operation::kAttend && !problem.options.per_group;
}

class Packer {
 public:
  Packer(const Plan& plan, const core::Problem& problem, const PackedBuffers& packed)
      : plan_(plan), problem_(problem), packed_(packed) {}

  // Packs one task's blocks (or one chunk of a dense sequence) of a kv head.
  void Pack(const PackedBuffers& head, int64_t kv_head, int64_t task, const ThreadScratch& scratch,
            const core::Control& control) const {
    const Sequence& sequence = FindSequence(problem_, &Sequence::pack_offset, task);
    const int64_t index = task - sequence.pack_offset;
    if (sequence.dense) {
      const int64_t first = index * kChunkKeys;
      PackRange(head, kv_head, sequence, 0, first, std::min(kChunkKeys, sequence.k_len - first),
                scratch);
      return;
    }
    ForEachBlock(sequence, index, control, [&](int64_t block) {
      const int64_t length = sequence.BlockLength(block);
      for (int64_t first = 0; first < length && !control.Cancelled(); first += kChunkKeys) {
        PackRange(head, kv_head, sequence, block, first, std::min(kChunkKeys, length - first),
                  scratch);
      }
      if (problem_.operation != Operation::kAttendSelected && !control.Cancelled()) {
        PackCentroids(sequence, kv_head, 1, block, scratch);
      }
    });
  }

  // The means of one task's blocks, whose keys are not packed.
  void PackMeans(int64_t task, const ThreadScratch& scratch, const core::Control& control) const {
    const Sequence& sequence = FindSequence(problem_, &Sequence::mean_offset, task);
    const int64_t heads = MeanHeads(plan_, problem_, sequence);
    const int64_t tasks_per_range = CeilDiv(problem_.num_kv_heads, heads);
    const int64_t index = task - sequence.mean_offset;
    const int64_t kv_head = index % tasks_per_range * heads;
    ForEachBlock(sequence, index / tasks_per_range, control, [&](int64_t block) {
      PackCentroids(sequence, kv_head, std::min(heads, problem_.num_kv_heads - kv_head), block,
                    scratch);
    });
  }

  // Of a kv head, which is the `index`-th of its wave.
  PackedBuffers Head(int64_t index, int64_t kv_head) const {
    PackedBuffers head = packed_;
    head.keys += index * plan_.packed_keys * problem_.head_dim;
    head.values += index * plan_.shape.max_tokens_k * plan_.value_stride;
    head.centroids += kv_head * HeadCentroids();
    head.values_finite += index * plan_.key_steps;
    return head;
  }

 private:
  SourceRows Rows(const core::InputRows& view, int64_t kv_head, const Sequence& sequence,
                  int64_t first_key, int64_t num_keys, int64_t channels) const {
    return {view.Row(sequence.batch, sequence.k_begin + first_key, kv_head),
            view.token_stride * view.element_size, problem_.dtype, num_keys, channels};
  }

  // Floats from the centroids of one kv head to those of the next.
  int64_t HeadCentroids() const { return plan_.packed_centroids * plan_.centroid_stride; }

  template <class Visit>
  void ForEachBlock(const Sequence& sequence, int64_t range, const core::Control& control,
                    const Visit& visit) const {
    const int64_t per_range = BlocksPerPackTask(sequence);
    const int64_t end = std::min((range + 1) * per_range, sequence.num_blocks);
    for (int64_t block = range * per_range; block < end && !control.Cancelled(); ++block) {
      visit(block);
    }
  }

  void PackCentroids(const Sequence& sequence, int64_t kv_head, int64_t num_heads, int64_t block,
                     const ThreadScratch& scratch) const {
    plan_.pack_centroids(Rows(problem_.k, kv_head, sequence, block * sequence.block_size,
                              sequence.BlockLength(block), problem_.head_dim),
                         num_heads, scratch.sums,
                         packed_.centroids + kv_head * HeadCentroids() +
                             (sequence.centroid_offset + block) * plan_.centroid_stride,
                         HeadCentroids());
  }

  // Keys [first, first + count) of a block; first is a multiple of the step.
  void PackRange(const PackedBuffers& head, int64_t kv_head, const Sequence& sequence,
                 int64_t block, int64_t first, int64_t count, const ThreadScratch& scratch) const {
    const PackedBlock at(plan_, head, sequence, block, first);
    const int64_t key = block * sequence.block_size + first;
    plan_.kernels->pack_keys(Rows(problem_.k, kv_head, sequence, key, count, problem_.head_dim),
                             scratch.panel.widened, at.keys);
    plan_.kernels->pack_values(Rows(problem_.v, kv_head, sequence, key, count, problem_.head_dim_v),
                               scratch.panel.widened, at.values, at.values_finite);
  }

  const Plan& plan_;
  const core::Problem& problem_;
  const PackedBuffers packed_;
};

}  // namespace

bool Run(const Plan& plan, const core::Problem& problem, Sequence* sequences, ThreadPool& pool,
         void* workspace, const core::Control& control) {
  core::Carver carver(workspace);
  plan.CarveSequences(carver);
  const Packer packer(plan, problem, plan.CarvePacked(carver));
  const Decoder decoder(plan, problem, plan.CarveDecode(carver));
  core::Carver measure(nullptr);
  plan.CarveThread(measure);
  char* const threads_begin = carver.Take<char>(0);
  const auto scratch_of = [&](int thread) {
    core::Carver own(threads_begin + thread * measure.used());
    return plan.CarveThread(own);
  };

  const Totals totals = PlaceSequences(plan, problem, sequences);
  // A group that routes together is one task, otherwise each head is one, but those whose single
  // query is routed with others.
  const bool together =
      problem.options.per_group && problem.operation != Operation::kAttendSelected;
  const int64_t task_heads = together ? problem.GroupSize() : 1;
  const int64_t tasks_per_kv_head = problem.GroupSize() / task_heads;
  control.Begin(totals.mean_tasks +
                problem.num_kv_heads * (totals.pack_tasks + totals.windows * tasks_per_kv_head) +
                totals.parts);

  pool.Run(totals.mean_tasks, [&](int64_t task, int thread) {
    if (control.Cancelled()) return;
    packer.PackMeans(task, scratch_of(thread), control);
    control.Advance(1);
  });
  // Where nothing is packed, all heads are one wave.
  const int64_t wave = totals.pack_tasks > 0 ? plan.wave_kv_heads : problem.num_kv_heads;
  for (int64_t kv0 = 0; kv0 < problem.num_kv_heads; kv0 += wave) {
    const int64_t kv_heads = std::min(wave, problem.num_kv_heads - kv0);
    pool.Run(kv_heads * totals.pack_tasks, [&](int64_t task, int thread) {
      if (control.Cancelled()) return;
      const int64_t kv = task / totals.pack_tasks;
      packer.Pack(packer.Head(kv, kv0 + kv), kv0 + kv, task % totals.pack_tasks, scratch_of(thread),
                  control);
      control.Advance(1);
    });
    // Late windows see most keys: the largest tasks go first.
    const int64_t wave_tasks = kv_heads * tasks_per_kv_head;
    pool.Run(wave_tasks * totals.windows, [&](int64_t task, int thread) {
      if (control.Cancelled()) return;
      const int64_t index = totals.windows - 1 - task / wave_tasks;
      const int64_t kv = task % wave_tasks / tasks_per_kv_head;
      const int64_t first_head =
          (kv0 + kv) * problem.GroupSize() + task % tasks_per_kv_head * task_heads;
      const Sequence& sequence = FindSequence(problem, &Sequence::window_offset, index);
      const int64_t first_row = (index - sequence.window_offset) * plan.window_rows;
      ThreadScratch scratch = scratch_of(thread);
      if (sequence.decodes) scratch.selected = decoder.Selection(sequence, first_head);
      const Window window(plan, problem, sequence, packer.Head(kv, kv0 + kv), scratch, first_row);
      if (!sequence.decodes) {
        window.Run(first_head, task_heads, control);
      } else if (!RoutesHeadsSideBySide(problem, sequence)) {
        window.Select(first_head, task_heads, control);
      } else if (const int64_t place = first_head % problem.GroupSize();
                 place % plan.kernels->lanes == 0) {
        const int64_t heads = std::min(plan.kernels->lanes, problem.GroupSize() - place);
        window.SelectForEach(first_head, heads, control);
      }
      control.Advance(1);
    });
  }
  if (!totals.decodes) return !control.Cancelled();
  pool.Run(totals.parts, [&](int64_t task, int thread) {
    if (control.Cancelled()) return;
    const Sequence& sequence = FindSequence(problem, &Sequence::part_offset, task);
    decoder.Attend(sequence, task - sequence.part_offset, scratch_of(thread));
    control.Advance(1);
  });
  pool.Run(problem.num_sequences * problem.num_kv_heads, [&](int64_t task, int thread) {
    const Sequence& sequence = problem.sequences[task / problem.num_kv_heads];
    if (!sequence.decodes || control.Cancelled()) return;
    decoder.Finish(sequence, task % problem.num_kv_heads, scratch_of(thread));
  });
  return !control.Cancelled();
}

}  // namespace moba::cpu
