#include "cpu/window.h"

#include <algorithm>
#include <numeric>

#include "core/block_lists.h"

namespace moba::cpu {

using core::CeilDiv;
using core::Operation;
using core::RoundUp;

PackedBlock::PackedBlock(const Plan& plan, const PackedBuffers& head,
                         const core::Sequence& sequence, int64_t block, int64_t first) {
  const int64_t key =
      sequence.key_offset + block * RoundUp(sequence.block_size, plan.kernels->lanes) + first;
  const int64_t value = sequence.value_offset + block * sequence.block_size + first;
  const int64_t step =
      sequence.step_offset + block * CeilDiv(sequence.block_size, kStepKeys) + first / kStepKeys;
  keys = head.keys + key * plan.shape.head_dim;
  values = head.values + value * plan.value_stride;
  values_finite = head.values_finite + step;
}

Window::Window(const Plan& plan, const core::Problem& problem, const core::Sequence& sequence,
               const PackedBuffers& packed, const ThreadScratch& scratch, int64_t first_row)
    : plan_(plan),
      problem_(problem),
      sequence_(sequence),
      packed_(packed),
      scratch_(scratch),
      first_row_(first_row),
      num_rows_(std::min(plan.window_rows, sequence.q_len - first_row)),
      width_(problem.SelectionWidth(sequence)) {
  if (!Plan::Compensates(sequence)) {
    scratch_.state.o_error = nullptr;
    scratch_.state.l_error = nullptr;
  }
}

void Window::Run(int64_t first_head, int64_t num_heads, const core::Control& control) const {
  Select(first_head, num_heads, control);
  if (problem_.operation == Operation::kRoute) return;
  for (int64_t head = first_head; head < first_head + num_heads && !control.Cancelled(); ++head) {
    Attend(head, control);
    if (!control.Cancelled()) Finish(head);
  }
}

void Window::Select(int64_t first_head, int64_t num_heads, const core::Control& control) const {
  if (!sequence_.dense) {
    if (problem_.operation == Operation::kAttendSelected) {
      ReadSelection(first_head);
    } else {
      Route(Queries(first_head), num_rows_, num_heads, control);
    }
  }
  if (!problem_.selected_out || control.Cancelled()) return;
  for (int64_t head = first_head; head < first_head + num_heads; ++head) {
    for (int64_t row = 0; row < num_rows_; ++row) {
      WriteSelection(head, row, scratch_.selected + row * width_);
    }
  }
}

void Window::SelectForEach(int64_t first_head, int64_t num_heads,
                           const core::Control& control) const {
  QueryRows heads = Queries(first_head);
  heads.stride_bytes = problem_.q.head_stride * problem_.q.element_size;
  heads.limit_step = 0;
  Route(heads, num_heads, 1, control);
  if (!problem_.selected_out || control.Cancelled()) return;
  for (int64_t i = 0; i < num_heads; ++i) {
    WriteSelection(first_head + i, 0, scratch_.selected + i * width_);
  }
}

QueryRows Window::Queries(int64_t head) const {
  const bool causal = problem_.options.causal;
  return {problem_.q.Row(sequence_.batch, sequence_.q_begin + first_row_, head),
          problem_.q.token_stride * problem_.q.element_size,
          problem_.dtype,
          problem_.head_dim,
          sequence_.LastVisibleKey(first_row_, causal),
          causal ? 1 : 0};
}

void Window::Route(QueryRows query, int64_t num_rows, int64_t num_heads,
                   const core::Control& control) const {
  RouteWindow window;
  window.centroids = packed_.centroids + sequence_.centroid_offset * plan_.centroid_stride;
  window.centroid_stride = plan_.centroid_stride;
  window.num_blocks = sequence_.num_blocks;
  window.block_size = sequence_.block_size;
  window.query = query;
  window.head_stride_bytes = problem_.q.head_stride * problem_.q.element_size;
  window.num_heads = num_heads;
  window.options = &problem_.options;
  window.width = width_;
  window.selected = scratch_.selected;
  window.scratch = scratch_.panel;
  // A few panels at a time: with very many blocks even one panel takes long, and a run must be
  // quick to stop.
  const int64_t rows_at_once = 4 * plan_.kernels->slab;
  for (int64_t first = 0; first < num_rows && !control.Cancelled(); first += rows_at_once) {
    window.num_rows = std::min(rows_at_once, num_rows - first);
    plan_.kernels->route(window);
    window.query.data += rows_at_once * window.query.stride_bytes;
    window.query.first_limit += rows_at_once * window.query.limit_step;
    window.selected += rows_at_once * width_;
  }
}

// Copies the given selection. It was validated, but belongs to the caller, who may have written to
// it since: what would lead outside the sequence ends the row.
void Window::ReadSelection(int64_t head) const {
  const core::InputRows& source = problem_.selected_in;
  for (int64_t i = 0; i < num_rows_; ++i) {
    const char* row = source.Row(sequence_.batch, sequence_.q_begin + first_row_ + i, head);
    int32_t* out = scratch_.selected + i * width_;
    int32_t previous = -1;
    for (int64_t c = 0; c < width_; ++c) {
      const int32_t block = source.Entry(row, c);
      const bool valid = block > previous && block < sequence_.num_blocks;
      out[c] = valid ? block : -1;
      if (!valid) {
        std::fill(out + c, out + width_, -1);
        break;
      }
      previous = block;
    }
  }
}

// A sequence that is attended to in full selects every block up to the last visible key.
void Window::WriteSelection(int64_t head, int64_t row, const int32_t* selected) const {
  const core::OutputRows& target = problem_.selected_out;
  char* const out = target.Row(sequence_.batch, sequence_.q_begin + first_row_ + row, head);
  int64_t count = width_;
  if (sequence_.dense) {
    const int64_t last = sequence_.LastVisibleKey(first_row_ + row, problem_.options.causal);
    count = last < 0 ? 0 : last / plan_.shape.block_size + 1;
  }
  for (int64_t c = 0; c < problem_.selected_width; ++c) {
    int32_t block = -1;
    if (c < count) block = sequence_.dense ? static_cast<int32_t>(c) : selected[c];
    *target.Entry(out, c) = block;
  }
}

void Window::Attend(int64_t head, const core::Control& control) const {
  const RowState& state = scratch_.state;
  std::fill(state.o, state.o + num_rows_ * state.o_stride, 0.0f);
  std::fill(state.m, state.m + num_rows_, kLowestMaximum);
  std::fill(state.l, state.l + num_rows_, 0.0f);
  if (state.o_error != nullptr) {
    std::fill(state.o_error, state.o_error + num_rows_ * state.o_stride, 0.0f);
    std::fill(state.l_error, state.l_error + num_rows_, 0.0f);
  }

  ChunkVisit visit = {};
  visit.query = Queries(head);
  visit.score_scale = problem_.options.score_scale;
  visit.state = state;
  visit.scratch = scratch_.panel;
  if (sequence_.dense) {
    std::iota(scratch_.identity, scratch_.identity + num_rows_, 0);
    if (sequence_.num_blocks == 0) return;
    const BlockRows all = {0, scratch_.identity, scratch_.identity + num_rows_};
    VisitBlock(visit, all, {}, control);
    return;
  }
  core::BlockLists lists = {scratch_.list_begin, scratch_.list_rows};
  lists.Build(scratch_.selected, num_rows_, width_, sequence_.num_blocks);
  const auto first_chosen = [&](int64_t from) -> BlockRows {
    const int64_t block = lists.FirstChosen(from, sequence_.num_blocks);
    if (block == sequence_.num_blocks) return {};
    return {block, lists.rows + lists.begin[block], lists.rows + lists.begin[block + 1]};
  };
  for (BlockRows block = first_chosen(0), next; block.begin != block.end; block = next) {
    next = first_chosen(block.block + 1);
    VisitBlock(visit, block, next, control);
  }
}

BlockRows Window::Seeing(BlockRows rows, int64_t key) const {
  if (problem_.options.causal) {
    const int64_t first_seeing = key - sequence_.LastVisibleKey(first_row_, true);
    rows.begin = std::lower_bound(rows.begin, rows.end, first_seeing,
                                  [](int32_t row, int64_t seeing) { return row < seeing; });
  }
  return rows;
}

void Window::VisitBlock(ChunkVisit& visit, const BlockRows& block, const BlockRows& next,
                        const core::Control& control) const {
  const int64_t length = sequence_.BlockLength(block.block);
  const int64_t begin = block.block * sequence_.block_size;
  BlockRows rows = Seeing(block, begin);
  for (int64_t first = 0; rows.begin != rows.end && !control.Cancelled(); first += kChunkKeys) {
    const PackedBlock packed(plan_, packed_, sequence_, block.block, first);
    visit.first_key = begin + first;
    visit.num_keys = std::min(kChunkKeys, length - first);
    visit.keys = packed.keys;
    visit.values = packed.values;
    visit.values_finite = packed.values_finite;
    visit.rows = rows.begin;
    visit.num_rows = rows.end - rows.begin;
    // The rest of the block comes next, where somebody sees it, or the next block.
    const int64_t behind = first + kChunkKeys;
    rows.begin = behind < length ? Seeing(rows, begin + behind).begin : rows.end;
    const bool goes_on = rows.begin != rows.end;
    const BlockRows& then = goes_on ? rows : next;
    visit.next_rows = then.begin;
    visit.num_next_rows = then.end - then.begin;
    visit.next_num_keys = 0;
    if (visit.num_next_rows > 0) {
      const int64_t next_first = goes_on ? behind : 0;
      const PackedBlock next_packed(plan_, packed_, sequence_, then.block, next_first);
      visit.next_keys = next_packed.keys;
      visit.next_values = next_packed.values;
      visit.next_num_keys = std::min(kChunkKeys, sequence_.BlockLength(then.block) - next_first);
    }
    plan_.kernels->visit(visit);
  }
}

bool Window::SeesKeys(int64_t row) const {
  if (sequence_.LastVisibleKey(first_row_ + row, problem_.options.causal) < 0) return false;
  return sequence_.dense || scratch_.selected[row * width_] >= 0;
}

void Window::Finish(int64_t head) const {
  for (int64_t i = 0; i < num_rows_; ++i) {
    const int64_t token = sequence_.q_begin + first_row_ + i;
    float* lse = nullptr;
    if (problem_.lse) {
      lse = reinterpret_cast<float*>(problem_.lse.Row(sequence_.batch, token, head));
    }
    plan_.kernels->finish_row(scratch_.state, i, SeesKeys(i), problem_.head_dim_v,
                              problem_.options.score_scale, problem_.dtype,
                              problem_.o.Row(sequence_.batch, token, head), lse);
  }
}

}  // namespace moba::cpu
