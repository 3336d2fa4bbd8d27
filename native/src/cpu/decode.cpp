#include "cpu/decode.h"

#include <algorithm>

namespace moba::cpu {

using core::CeilDiv;
using core::RoundUp;
using core::Sequence;

namespace {

int64_t StepsPerBlock(const Sequence& sequence) {
  return CeilDiv(sequence.block_size, kDecodeStepKeys);
}

int64_t NumSteps(const Sequence& sequence) {
  if (sequence.num_blocks == 0) return 0;
  const int64_t last = sequence.num_blocks - 1;
  return last * StepsPerBlock(sequence) + CeilDiv(sequence.BlockLength(last), kDecodeStepKeys);
}

SourceRows Keys(const core::InputRows& view, const Sequence& sequence, int64_t kv_head,
                int64_t begin, int64_t end, core::DType dtype, int64_t channels) {
  return {view.Row(sequence.batch, sequence.k_begin + begin, kv_head),
          view.token_stride * view.element_size, dtype, end - begin, channels};
}

// Blocks that a row selected, while blocks pass by in ascending order.
class Chosen {
 public:
  Chosen() = default;
  Chosen(const int32_t* begin, int64_t width, int64_t first_block) : end_(begin + width) {
    next_ = std::lower_bound(begin, end_, first_block, [](int32_t selected, int64_t block) {
      return selected >= 0 && selected < block;
    });
  }

  bool Holds(int64_t block) {
    while (next_ != end_ && *next_ >= 0 && *next_ < block) ++next_;
    return next_ != end_ && *next_ == block;
  }

 private:
  const int32_t* next_ = nullptr;
  const int32_t* end_ = nullptr;
};

// Visits one behind the other, each when the next one is known.
class Visits {
 public:
  Visits(const Kernels& kernels, int64_t head_rows) : kernels_(kernels), head_rows_(head_rows) {}

  // Rows are those of the first head.
  void Add(const DecodeVisit& next) {
    if (visit_.num_rows > 0) {
      visit_.next_keys = next.keys;
      kernels_.decode(visit_);
    }
    visit_ = next;
    visit_.rows = rows_;
    for (int64_t i = 0; i < next.num_heads * next.num_rows; ++i) {
      rows_[i] =
          static_cast<int32_t>(i / next.num_rows * head_rows_) + next.rows[i % next.num_rows];
    }
  }
  void End() { Add({}); }

 private:
  const Kernels& kernels_;
  const int64_t head_rows_;
  DecodeVisit visit_ = {};
  int32_t rows_[kMostDecodeRows];
};

}  // namespace

bool Decoder::Takes(const core::Problem& problem, const Sequence& sequence) {
  return problem.operation != core::Operation::kRoute &&
         sequence.q_len <= std::min(kMostDecodeQueries, kMostDecodeRows / problem.GroupSize()) &&
         (sequence.dense || sequence.block_size >= kLeastDecodeBlock);
}

int64_t Decoder::NumParts(const Sequence& sequence) {
  return CeilDiv(NumSteps(sequence), kPartSteps);
}

int64_t Decoder::SideHeads(const core::Problem& problem, const Sequence& sequence,
                           int64_t most_tasks, int64_t num_threads) {
  const bool side_by_side =
      problem.k.head_stride == problem.head_dim && problem.v.head_stride == problem.head_dim_v;
  const int64_t rows = sequence.q_len * problem.GroupSize();
  const bool few_rows = 0 < rows && rows <= MostSideRows(problem.dtype);
  // Rows of MoBA select other blocks than those of other heads.
  if (!sequence.dense || !side_by_side || !few_rows) return 1;
  const int64_t sums = rows * RoundUp(problem.head_dim_v, kMostLanes);
  return core::EvenShare(problem.num_kv_heads,
                         std::min({Plan::TasksTogether(most_tasks, num_threads), kMostSideHeads,
                                   kMostSideSums / sums}));
}

int64_t Decoder::NumTasks(const core::Problem& problem, const Sequence& sequence) {
  return NumParts(sequence) * CeilDiv(problem.num_kv_heads, sequence.side_heads);
}

int32_t* Decoder::Selection(const Sequence& sequence, int64_t head) const {
  return buffers_.selected + sequence.choice_offset +
         head * sequence.q_len * problem_.SelectionWidth(sequence);
}

RowState Decoder::State(const Sequence& sequence, int64_t part, int64_t kv_head) const {
  const int64_t first =
      sequence.state_offset + (part * problem_.num_kv_heads + kv_head) * NumRows(sequence);
  RowState state = buffers_.state;
  state.o += first * state.o_stride;
  state.m += first;
  state.l += first;
  return state;
}

const int32_t* Decoder::Choice(const Sequence& sequence, int64_t kv_head, int64_t row) const {
  const bool together =
      problem_.options.per_group && problem_.operation != core::Operation::kAttendSelected;
  const int64_t head = together ? kv_head * problem_.GroupSize() : Head(kv_head, row);
  return Selection(sequence, head) + row / problem_.GroupSize() * problem_.SelectionWidth(sequence);
}

void Decoder::Attend(const Sequence& sequence, int64_t task, const ThreadScratch& scratch) const {
  // Neighbouring kv heads often lie in the same pages.
  const int64_t part_tasks = CeilDiv(problem_.num_kv_heads, sequence.side_heads);
  const int64_t part = task / part_tasks;
  const int64_t kv_head = task % part_tasks * sequence.side_heads;
  DecodeVisit visit = {};
  visit.num_heads = std::min(sequence.side_heads, problem_.num_kv_heads - kv_head);
  const int64_t head_rows = NumRows(sequence);
  const char* queries[kMostDecodeRows];
  for (int64_t i = 0; i < visit.num_heads * head_rows; ++i) {
    const int64_t row = i % head_rows;
    queries[i] =
        problem_.q.Row(sequence.batch, Token(sequence, row), Head(kv_head + i / head_rows, row));
  }
  visit.queries = queries;
  visit.score_scale = problem_.options.score_scale;
  visit.state = State(sequence, part, kv_head);
  visit.widened = scratch.decode_queries;
  visit.scores = scratch.decode_scores;
  visit.sums = scratch.decode_sums;
  std::fill(visit.state.m, visit.state.m + visit.num_heads * head_rows, kUnvisited);

  const int64_t per_block = StepsPerBlock(sequence);
  Chosen chosen[kMostDecodeRows];
  for (int64_t row = 0; row < head_rows && !sequence.dense; ++row) {
    chosen[row] = {Choice(sequence, kv_head, row), problem_.SelectionWidth(sequence),
                   part * kPartSteps / per_block};
  }
  Visits visits(*plan_.kernels, head_rows);
  const int64_t end_step = std::min((part + 1) * kPartSteps, NumSteps(sequence));
  for (int64_t step = part * kPartSteps; step < end_step;) {
    const int64_t block = step / per_block;
    const int64_t block_step = block * per_block;
    const int64_t block_key = block * sequence.block_size;
    const int64_t begin = (step - block_step) * kDecodeStepKeys;
    step = std::min(block_step + per_block, end_step);
    const int64_t end =
        std::min((step - block_step) * kDecodeStepKeys, sequence.BlockLength(block));

    int32_t rows[kMostDecodeRows];
    int64_t num_rows = 0;
    for (int64_t row = 0; row < head_rows; ++row) {
      if (sequence.dense || chosen[row].Holds(block)) rows[num_rows++] = static_cast<int32_t>(row);
    }
    visit.rows = rows;
    visit.num_rows = num_rows;
    // Up to the first query's last key all rows see the same; the few keys after it are visited for
    // each query by itself. So no score is masked, and whatever is in a key that a row does not see
    // stays out of it.
    const int64_t first_limit = sequence.LastVisibleKey(0, problem_.options.causal) + 1 - block_key;
    const int64_t common = std::clamp(first_limit, begin, end);
    if (Prepare(visit, sequence, kv_head, block_key + begin, block_key + common)) visits.Add(visit);
    for (int64_t query = 0; query < sequence.q_len && common < end; ++query) {
      const auto before = [&](int32_t row, int64_t q) { return row < q * problem_.GroupSize(); };
      int32_t* const first = std::lower_bound(rows, rows + num_rows, query, before);
      visit.rows = first;
      visit.num_rows = std::lower_bound(first, rows + num_rows, query + 1, before) - first;
      const int64_t limit = sequence.LastVisibleKey(query, problem_.options.causal) + 1 - block_key;
      if (Prepare(visit, sequence, kv_head, block_key + common, block_key + std::min(limit, end))) {
        visits.Add(visit);
      }
    }
  }
  visits.End();
}

bool Decoder::Prepare(DecodeVisit& visit, const Sequence& sequence, int64_t kv_head, int64_t begin,
                      int64_t end) const {
  if (begin >= end || visit.num_rows == 0) return false;
  for (int64_t i = 0; i < visit.num_heads * visit.num_rows; ++i) {
    const int64_t row = i / visit.num_rows * NumRows(sequence) + visit.rows[i % visit.num_rows];
    if (visit.state.m[row] != kUnvisited) continue;
    visit.state.m[row] = kLowestMaximum;
    visit.state.l[row] = 0.0f;
    std::fill_n(visit.state.o + row * visit.state.o_stride, visit.state.o_stride, 0.0f);
  }
  visit.keys = Keys(problem_.k, sequence, kv_head, begin, end, problem_.dtype, problem_.head_dim);
  visit.values =
      Keys(problem_.v, sequence, kv_head, begin, end, problem_.dtype, problem_.head_dim_v);
  return true;
}

void Decoder::Finish(const Sequence& sequence, int64_t kv_head,
                     const ThreadScratch& scratch) const {
  float m, l, l_error;
  RowState merged = buffers_.state;
  merged.o = scratch.panel.output;
  merged.o_error = merged.o + merged.o_stride;
  merged.m = &m;
  merged.l = &l;
  merged.l_error = &l_error;
  for (int64_t row = 0; row < NumRows(sequence); ++row) {
    RowState parts = State(sequence, 0, kv_head);
    parts.o += row * parts.o_stride;
    parts.m += row;
    parts.l += row;
    const bool sees_keys = plan_.kernels->merge_parts(parts, NumParts(sequence),
                                                      problem_.num_kv_heads * NumRows(sequence),
                                                      problem_.options.score_scale, merged);
    const int64_t token = Token(sequence, row);
    const int64_t head = Head(kv_head, row);
    float* lse = nullptr;
    if (problem_.lse) lse = reinterpret_cast<float*>(problem_.lse.Row(sequence.batch, token, head));
    plan_.kernels->finish_row(merged, 0, sees_keys, problem_.head_dim_v,
                              problem_.options.score_scale, problem_.dtype,
                              problem_.o.Row(sequence.batch, token, head), lse);
  }
}

}  // namespace moba::cpu
