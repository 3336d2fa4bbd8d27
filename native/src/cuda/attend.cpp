// Attention of one query of one head to the keys of its selected blocks, kChunkRows at a time:
//   s = <q, k_j>                      threads over keys
//   p = 2^(scale (s - m))             m the running maximum, scale with log2(e) in it
//   o = 2^(scale (m_old - m)) o + sum of p v_j        threads over channels
//   l likewise over p; at the end o / l and lse = ln(2) (scale m + log2 l)
// A thread block per (query, head); every thread keeps m, l and up to kChannels channels of o. The
// sum over a chunk is plain fp32; chunks are added with their rounding errors kept, as longer sums
// of alike terms drift beyond section 6. exp2f is within 2 ulp on a GPU, log2 of a double within 1.
// Only visible keys of selected blocks are ever read, so nothing else can reach the result.
// Limits: keys and values are read anew for every query, from the L2 cache.
#include "cuda/attend.h"

#include <cfloat>
#include <cmath>

#include "cuda/scores.h"
#include "cuda/selection_row.h"

namespace moba::cuda {
namespace {

// sum += addend; the rounding error of that addition goes to `error` (Knuth's TwoSum).
MOBA_DEVICE void CompensatedAdd(float addend, float& sum, float& error) {
  const float total = sum + addend;
  const float part = total - sum;
  error += (sum - (total - part)) + (addend - part);
  sum = total;
}

// The error of an infinite sum is NaN and does not count.
MOBA_DEVICE float Compensated(float sum, float error) { return error == error ? sum + error : sum; }

template <int kChannels>
struct RowState {
  float m = -FLT_MAX;  // finite, so that differences are never NaN
  float correction = 1;
  float l = 0;
  float l_error = 0;
  float o[kChannels] = {};  // channel thread + i * kThreads
  float o_error[kChannels] = {};
};

template <class Element, int kChannels>
struct Attend {
  struct Shared {
    ScoreMemory score;
    int32_t keys[kChunkRows];
    float probabilities[kChunkRows];
    int64_t num_keys;
    int32_t invalid;
  };
  using State = PerThread<RowState<kChannels>>;

  AttendArguments a;
  const int64_t* rows;  // of the list; null: all

  // One row: where it is, and which keys it reads.
  struct Row {
    SequenceRecord sequence;
    int64_t token;
    int64_t head;
    int64_t kv_head;
    int64_t last_key;    // last visible one; negative: none
    int64_t num_blocks;  // that have a visible key
    SelectionRow selected;
  };

  MOBA_DEVICE void operator()(Block& block, Shared& shared, int64_t place_in_list) const {
    const int64_t index = rows == nullptr ? place_in_list : rows[place_in_list];
    Row row;
    row.head = index / a.num_rows;
    row.kv_head = row.head / (a.num_heads / a.num_kv_heads);
    const int64_t place = index % a.num_rows;
    row.sequence = a.sequences.template Find<&SequenceRecord::row_begin>(place);
    row.token = row.sequence.q_begin + place - row.sequence.row_begin;
    const int64_t query = place - row.sequence.row_begin;
    row.last_key = row.sequence.LastVisibleKey(query, a.causal);
    row.num_blocks = row.sequence.NumVisibleBlocks(query, a.causal);
    row.selected = SelectionRowOf(a.selected, row.sequence.batch, row.token, row.head, a.width);

    int64_t num_keys = row.last_key + 1;
    if (!row.sequence.dense) {
      ReadSelection(block, shared, row);
      if (block.Uniform(shared.invalid) != 0) {
        WriteConstant(block, row, NAN, NAN);
        return;
      }
      num_keys = block.Uniform(shared.num_keys);
    }
    if (num_keys <= 0) {
      WriteConstant(block, row, 0.0f, -INFINITY);
      return;
    }
    LoadQuery<Element>(block, shared.score, a.q.Row(row.sequence.batch, row.token, row.head),
                       a.head_dim);
    State state;
    for (int64_t first = 0; first < num_keys; first += kChunkRows) {
      const int count = static_cast<int>(std::min<int64_t>(kChunkRows, num_keys - first));
      VisitChunk(block, shared, row, first, count, state);
    }
    Finish(block, row, state);
  }

 private:
  // Checks the row's selection and counts its keys: all but the last block are complete and
  // visible. The selection is the caller's memory, who may write to it meanwhile; then neither
  // count nor keys mean anything, but none lies outside what the row may read.
  MOBA_DEVICE void ReadSelection(Block& block, Shared& shared, const Row& row) const {
    block.Each([&](int thread) {
      if (thread != 0) return;
      shared.num_keys = 0;
      shared.invalid = 0;
    });
    const int64_t size = row.sequence.block_size;
    const int64_t num_visible = std::max<int64_t>(row.last_key + 1, 0);
    block.Each([&](int thread) {
      for (int64_t c = thread; c < a.width; c += kThreads) {
        if (!row.selected.FollowsRules(c, row.num_blocks)) shared.invalid = 1;
        const int32_t selected = row.selected[c];
        if (selected != -1 && (c + 1 == a.width || row.selected[c + 1] == -1)) {
          const int64_t of_last = std::min(size, num_visible - selected * size);
          shared.num_keys = std::clamp<int64_t>(c * size + of_last, 0, num_visible);
        }
      }
    });
  }

  // The key at `place` among those that the row reads.
  MOBA_DEVICE int32_t KeyAt(const Row& row, int64_t place) const {
    if (row.sequence.dense) return static_cast<int32_t>(place);
    const auto index = static_cast<uint32_t>(place);
    const auto size = static_cast<uint32_t>(row.sequence.block_size);
    const int64_t key = int64_t{row.selected[index / size]} * size + index % size;
    return static_cast<int32_t>(std::clamp<int64_t>(key, 0, row.last_key));
  }

  MOBA_DEVICE void VisitChunk(Block& block, Shared& shared, const Row& row, int64_t first,
                              int count, State& state) const {
    block.Each([&](int thread) {
      if (thread < count) shared.keys[thread] = KeyAt(row, first + thread);
    });
    const char* const keys = a.k.Row(row.sequence.batch, row.sequence.k_begin, row.kv_head);
    const int64_t key_bytes = a.k.token_stride * int64_t{sizeof(Element)};
    ScoreChunk<Element>(block, shared.score, a.head_dim, count,
                        [&](int i) -> const void* { return keys + shared.keys[i] * key_bytes; });

    block.Each([&](int thread) {
      RowState<kChannels>& own = state[thread];
      float m = own.m;
      for (int i = 0; i < count; ++i) m = fmaxf(m, shared.score.scores[i]);
      own.correction = exp2f((own.m - m) * a.score_scale);
      own.m = m;
      if (thread < count) {
        shared.probabilities[thread] = exp2f((shared.score.scores[thread] - m) * a.score_scale);
      }
    });
    const char* const values = a.v.Row(row.sequence.batch, row.sequence.k_begin, row.kv_head);
    const int64_t value_bytes = a.v.token_stride * int64_t{sizeof(Element)};
    block.Each([&](int thread) {
      float l = 0;
      float o[kChannels] = {};
      for (int i = 0; i < count; ++i) {
        const float p = shared.probabilities[i];
        const auto* value = reinterpret_cast<const Element*>(values + shared.keys[i] * value_bytes);
        l += p;
        for (int c = 0; c < kChannels; ++c) {
          const int channel = thread + c * kThreads;
          if (channel < a.head_dim_v) o[c] = fmaf(p, Widen(value[channel]), o[c]);
        }
      }
      RowState<kChannels>& own = state[thread];
      AddChunk(own.correction, l, own.l, own.l_error);
      for (int c = 0; c < kChannels; ++c) AddChunk(own.correction, o[c], own.o[c], own.o_error[c]);
    });
  }

  MOBA_DEVICE static void AddChunk(float correction, float addend, float& sum, float& error) {
    sum = Product(sum, correction);
    error = Product(error, correction);
    CompensatedAdd(addend, sum, error);
  }

  // Where all scores of a row are -inf, l is 0 and the quotient NaN, as the formula is.
  MOBA_DEVICE void Finish(Block& block, const Row& row, State& state) const {
    block.Each([&](int thread) {
      const RowState<kChannels>& own = state[thread];
      const float l = own.l + own.l_error;
      for (int c = 0; c < kChannels; ++c) {
        Store(row, thread + c * kThreads, Compensated(own.o[c], own.o_error[c]) / l);
      }
      if (thread != 0) return;
      const double log2_sum = static_cast<double>(own.m) * static_cast<double>(a.score_scale) +
                              log2(static_cast<double>(l));
      StoreLse(row, static_cast<float>(log2_sum * 0.6931471805599453));
    });
  }

  MOBA_DEVICE void WriteConstant(Block& block, const Row& row, float o, float lse) const {
    block.Each([&](int thread) {
      for (int c = 0; c < kChannels; ++c) Store(row, thread + c * kThreads, o);
      if (thread == 0) StoreLse(row, lse);
    });
  }

  MOBA_DEVICE void Store(const Row& row, int channel, float value) const {
    if (channel >= a.head_dim_v) return;
    char* const o = a.o.Row(row.sequence.batch, row.token, row.head);
    Narrow(value, reinterpret_cast<Element*>(o)[channel]);
  }

  MOBA_DEVICE void StoreLse(const Row& row, float value) const {
    if (!a.lse) return;
    *reinterpret_cast<float*>(a.lse.Row(row.sequence.batch, row.token, row.head)) = value;
  }
};

template <int kChannels>
Status LaunchWith(const Queue& queue, const AttendArguments& arguments, const int64_t* rows,
                  const int32_t* count, int64_t capacity) {
  return WithElement(arguments.dtype, [&](auto element) {
    return Launch(queue, Attend<decltype(element), kChannels>{arguments, rows}, capacity, count);
  });
}

}  // namespace

Status LaunchAttendRows(const Queue& queue, const AttendArguments& arguments, const int64_t* rows,
                        const int32_t* count, int64_t capacity) {
  static_assert(kMaxHeadDim <= 8 * kThreads);
  if (arguments.head_dim_v <= kThreads)
    return LaunchWith<1>(queue, arguments, rows, count, capacity);
  if (arguments.head_dim_v <= 2 * kThreads)
    return LaunchWith<2>(queue, arguments, rows, count, capacity);
  if (arguments.head_dim_v <= 4 * kThreads)
    return LaunchWith<4>(queue, arguments, rows, count, capacity);
  return LaunchWith<8>(queue, arguments, rows, count, capacity);
}

Status LaunchAttend(const Queue& queue, const AttendArguments& arguments) {
  return LaunchAttendRows(queue, arguments, nullptr, nullptr,
                          arguments.num_heads * arguments.num_rows);
}

}  // namespace moba::cuda
