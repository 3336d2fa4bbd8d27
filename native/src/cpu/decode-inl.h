// Attention of a few query rows to keys that are read where they lie, once for all rows.
//
//   s[row][key] = <q[row], k[key]>        tiles of rows x keys; lanes are channels
//   p[row][key] = exp(s - m)              lanes are keys
//   o[row]      = correction o + p V      tiles of rows x channels; lanes are channels
//
// 16-bit elements are widened in registers. Every row sees every key, so nothing is masked: who
// calls leaves out what a row does not see. The limit is the memory that keys and values come from:
// while a step of keys is scored its values are asked for, and while they are summed up the keys of
// the next step.
//
// What a row receives does not depend on the rows beside it: tiles of all sizes add in one order.
#if defined(MOBA_CPU_DECODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_DECODE_INL_H_
#undef MOBA_CPU_DECODE_INL_H_
#else
#define MOBA_CPU_DECODE_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "core/carver.h"
#include "cpu/convert-inl.h"
#include "cpu/kernels.h"
#include "cpu/lanes-inl.h"
#include "cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Rows of the tallest tile.
inline constexpr int kTallRows = kRegisters / 4;
// Keys of a tile of scores, vectors of a tile of values: 16 accumulators of 32 registers, 8 of 16.
constexpr int TileWidth(int rows) { return rows == kTallRows ? 2 : 4; }

// Steps whose keys or values are longer are halved: tiles go over values more than once, which then
// are still in the first-level cache.
inline constexpr int64_t kMostStepBytes = 16 * 1024;

template <int kRows, int kKeys>
HWY_INLINE void MultiplyRows(const V (&key)[kKeys], const float* HWY_RESTRICT queries,
                             int64_t query_stride, V (&sum)[kRows][kKeys]) {
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    const V query = hn::Load(kF32, queries + r * query_stride);
    MOBA_UNROLL for (int j = 0; j < kKeys; ++j) sum[r][j] = hn::MulAdd(key[j], query, sum[r][j]);
  }
}

// scores[row][key] of kRows rows and all keys; the last key stands in for those that a tile lacks.
// Asks for `ahead`, where there is any, meanwhile: line by line between the multiplications, as a
// row of prefetches at once holds up everything behind it.
template <DType kType, int kRows>
HWY_NOINLINE void ScoreRows(const SourceRows& keys, const float* HWY_RESTRICT queries,
                            int64_t query_stride, float* HWY_RESTRICT scores,
                            const SourceRows& ahead) {
  constexpr int kKeys = TileWidth(kRows);
  constexpr int64_t kSize = core::SizeOf(kType);
  const int64_t whole = keys.channels / kLanes * kLanes;
  for (int64_t first = 0; first < keys.num_rows; first += kKeys) {
    const char* row[kKeys];
    const char* later[kKeys];
    MOBA_UNROLL for (int j = 0; j < kKeys; ++j) {
      row[j] = keys.data + std::min(first + j, keys.num_rows - 1) * keys.stride_bytes;
      later[j] =
          first + j < ahead.num_rows ? ahead.data + (first + j) * ahead.stride_bytes : row[j];
    }
    V sum[kRows][kKeys];
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
      MOBA_UNROLL for (int j = 0; j < kKeys; ++j) sum[r][j] = hn::Zero(kF32);
    }
    V key[kKeys];
    for (int64_t c = 0; c < whole; c += kLanes) {
      MOBA_UNROLL for (int j = 0; j < kKeys; ++j) {
        __builtin_prefetch(later[j] + c * kSize, 0, 2);
        key[j] = LoadFloats<kType>(row[j] + c * kSize);
        KeepInRegister(key[j]);
      }
      MultiplyRows(key, queries + c, query_stride, sum);
    }
    if (whole < keys.channels) {
      MOBA_UNROLL for (int j = 0; j < kKeys; ++j) {
        key[j] = LoadChannels<kType>(row[j] + whole * kSize, keys.channels - whole);
      }
      MultiplyRows(key, queries + whole, query_stride, sum);
    }
    float* out = scores + first;
    if constexpr (kKeys == 4) {
      MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
        hn::Store(FoldFour(Plus(), sum[r][0], sum[r][1], sum[r][2], sum[r][3]), kF32x4,
                  out + r * kDecodeStepKeys);
      }
    } else {
      const hn::Half<F32x4> pair;
      MOBA_UNROLL for (int r = 0; r < kRows; r += 2) {
        const auto sums = FoldFour(Plus(), sum[r][0], sum[r][1], sum[r + 1][0], sum[r + 1][1]);
        hn::Store(hn::LowerHalf(pair, sums), pair, out + r * kDecodeStepKeys);
        hn::Store(hn::UpperHalf(pair, sums), pair, out + (r + 1) * kDecodeStepKeys);
      }
    }
  }
}

// Scores of a row to probabilities in place; updates its m and l and returns the correction of
// earlier sums.
HWY_INLINE float ExponentiateRow(float* scores, int64_t num_keys, float score_scale, float& m,
                                 float& l) {
  std::fill(scores + num_keys, scores + core::RoundUp(num_keys, kLanes),
            -std::numeric_limits<float>::infinity());
  const V old_maximum = hn::Set(kF32, m);
  V maximum = old_maximum;
  for (int64_t i = 0; i < num_keys; i += kLanes) {
    maximum = hn::Max(maximum, hn::Load(kF32, scores + i));
  }
  // Among NaN the largest lane may be one beyond the keys. It must not be taken for a row's
  // maximum: the row would seem unvisited.
  maximum = hn::Max(hn::MaxOfLanes(kF32, maximum), old_maximum);
  const V scale = hn::Set(kF32, score_scale);
  V sum = hn::Zero(kF32);
  for (int64_t i = 0; i < num_keys; i += kLanes) {
    const V p = Exp2(hn::Mul(hn::Sub(hn::Load(kF32, scores + i), maximum), scale));
    hn::Store(p, kF32, scores + i);
    sum = hn::Add(sum, p);
  }
  const float correction = hn::GetLane(Exp2(hn::Mul(hn::Sub(old_maximum, maximum), scale)));
  m = hn::GetLane(maximum);
  l = l * correction + hn::GetLane(hn::SumOfLanes(kF32, sum));
  return correction;
}

// Rows that are asked for line by line, in the order in which they lie and by one instruction:
// AMD's processors only then go on by themselves.
class Following {
 public:
  explicit Following(const SourceRows& rows)
      : row_(rows.data),
        row_bytes_(rows.channels * core::SizeOf(rows.dtype)),
        stride_bytes_(rows.stride_bytes),
        rest_(rows.num_rows) {}

  // As many bytes more, in whole lines.
  HWY_INLINE void Ask(int64_t bytes) {
    for (due_ += bytes; due_ >= kLine && rest_ > 0; due_ -= kLine) {
      __builtin_prefetch(row_ + asked_, 0, 2);
      asked_ += kLine;
      if (asked_ < row_bytes_) continue;
      asked_ = 0;
      row_ += stride_bytes_;
      --rest_;
    }
  }

 private:
  static constexpr int64_t kLine = 64;

  const char* row_;
  int64_t row_bytes_;
  int64_t stride_bytes_;
  int64_t rest_;
  int64_t asked_ = 0;  // of this row
  int64_t due_ = 0;
};

// o[row] = correction[row] o[row] + sum over keys of p[row][key] v[key], in one tile of channels.
// `values` begins there. Asks for as many bytes of what follows.
template <DType kType, int kRows, int kVectors>
HWY_NOINLINE void AddValues(const SourceRows& values, const float* HWY_RESTRICT probabilities,
                            const float* HWY_RESTRICT correction, float* const* o,
                            Following& following) {
  constexpr int64_t kSize = core::SizeOf(kType);
  V sum[kRows][kVectors];
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(kF32);
  }
  for (int64_t key = 0; key < values.num_rows; ++key) {
    const char* row = values.data + key * values.stride_bytes;
    following.Ask(kVectors * kLanes * kSize);
    V value[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      // Only a tile of one vector may reach beyond the row.
      value[v] = kVectors == 1 ? LoadChannels<kType>(row, values.channels)
                               : LoadFloats<kType>(row + v * kLanes * kSize);
      KeepInRegister(value[v]);
    }
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
      const V p = hn::Set(kF32, probabilities[r * kDecodeStepKeys + key]);
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(value[v], p, sum[r][v]);
      }
    }
  }
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    const V factor = hn::Set(kF32, correction[r]);
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      const V old = hn::Load(kF32, o[r] + v * kLanes);
      hn::Store(hn::MulAdd(old, factor, sum[r][v]), kF32, o[r] + v * kLanes);
    }
  }
}

// Calls tile.template operator()<kRows>(first_row) for tiles that cover all rows, tallest first.
template <int kRows, class Tile>
HWY_INLINE void ForEachTile(int64_t first, int64_t num_rows, const Tile& tile) {
  for (; num_rows - first >= kRows; first += kRows) tile.template operator()<kRows>(first);
  if constexpr (kRows > 1) ForEachTile<kRows / 2>(first, num_rows, tile);
}

// At most kDecodeStepKeys keys; those of the next step come after them.
template <DType kType>
void DecodeStep(const DecodeVisit& visit, const SourceRows& keys, const SourceRows& values,
                const SourceRows& next_keys) {
  const SourceRows nothing = {};
  const int64_t query_stride = core::RoundUp(keys.channels, kMostLanes);
  ForEachTile<kTallRows>(0, visit.num_rows, [&]<int kRows>(int64_t row) {
    ScoreRows<kType, kRows>(keys, visit.widened + row * query_stride, query_stride,
                            visit.scores + row * kDecodeStepKeys, row == 0 ? values : nothing);
  });
  float correction[kMostDecodeRows];
  for (int64_t i = 0; i < visit.num_rows; ++i) {
    const int32_t row = visit.rows[i];
    correction[i] = ExponentiateRow(visit.scores + i * kDecodeStepKeys, keys.num_rows,
                                    visit.score_scale, visit.state.m[row], visit.state.l[row]);
  }
  Following following(next_keys);
  ForEachTile<kTallRows>(0, visit.num_rows, [&]<int kRows>(int64_t row) {
    const auto add_values = [&]<int kVectors>(int64_t channel) {
      float* o[kRows];
      for (int r = 0; r < kRows; ++r) {
        o[r] = visit.state.o + visit.rows[row + r] * visit.state.o_stride + channel;
      }
      AddValues<kType, kRows, kVectors>(values.Part(0, values.num_rows, channel),
                                        visit.scores + row * kDecodeStepKeys, correction + row, o,
                                        following);
    };
    constexpr int kVectors = TileWidth(kRows);
    int64_t channel = 0;
    for (; channel + kVectors * kLanes <= values.channels; channel += kVectors * kLanes) {
      add_values.template operator()<kVectors>(channel);
    }
    for (; channel < values.channels; channel += kLanes) {
      add_values.template operator()<1>(channel);
    }
  });
}

template <DType kType>
void DecodeKeys(const DecodeVisit& visit) {
  const int64_t row_bytes =
      std::max(visit.keys.channels, visit.values.channels) * core::SizeOf(kType);
  const int64_t step =
      row_bytes * kDecodeStepKeys <= kMostStepBytes ? kDecodeStepKeys : kDecodeStepKeys / 2;
  for (int64_t first = 0; first < visit.keys.num_rows; first += step) {
    const SourceRows rest = visit.keys.Part(first + step, step);
    DecodeStep<kType>(visit, visit.keys.Part(first, step), visit.values.Part(first, step),
                      rest.num_rows > 0 ? rest : visit.next_keys.Part(0, step));
  }
}

void Decode(const DecodeVisit& visit) {
  const int64_t channels = visit.keys.channels;
  const int64_t padded = core::RoundUp(channels, kMostLanes);
  for (int64_t i = 0; i < visit.num_rows; ++i) {
    WidenRow(visit.keys.dtype, visit.queries[visit.rows[i]], channels, padded,
             visit.widened + i * padded);
  }
  switch (visit.keys.dtype) {
    case DType::kF32:
      return DecodeKeys<DType::kF32>(visit);
    case DType::kF16:
      return DecodeKeys<DType::kF16>(visit);
    case DType::kBF16:
      return DecodeKeys<DType::kBF16>(visit);
  }
}

// Adds up one row's parts, which lie `distance` rows apart, as row 0 of `merged`. The sum is
// compensated, as there may be any number of parts. False where the row met no key in any of them.
bool MergeParts(const RowState& parts, int64_t num_parts, int64_t distance, float score_scale,
                const RowState& merged) {
  std::fill(merged.o, merged.o + merged.o_stride, 0.0f);
  std::fill(merged.o_error, merged.o_error + merged.o_stride, 0.0f);
  bool visited = false;
  float maximum = kLowestMaximum;
  for (int64_t i = 0; i < num_parts * distance; i += distance) {
    visited |= parts.m[i] != kUnvisited;
    maximum = std::max(maximum, parts.m[i]);
  }
  const V scale = hn::Set(kF32, score_scale);
  V l = hn::Zero(kF32);
  V l_error = hn::Zero(kF32);
  for (int64_t i = 0; i < num_parts * distance; i += distance) {
    if (parts.m[i] == kUnvisited) continue;
    const V m = hn::Set(kF32, parts.m[i]);
    const V weight = Exp2(hn::Mul(hn::Sub(m, hn::Set(kF32, maximum)), scale));
    CompensatedAdd(kF32, hn::Mul(hn::Set(kF32, parts.l[i]), weight), l, l_error);
    const float* o = parts.o + i * parts.o_stride;
    for (int64_t c = 0; c < merged.o_stride; c += kLanes) {
      V sum = hn::Load(kF32, merged.o + c);
      V error = hn::Load(kF32, merged.o_error + c);
      CompensatedAdd(kF32, hn::Mul(hn::Load(kF32, o + c), weight), sum, error);
      hn::Store(sum, kF32, merged.o + c);
      hn::Store(error, kF32, merged.o_error + c);
    }
  }
  *merged.m = maximum;
  *merged.l = hn::GetLane(l);
  *merged.l_error = hn::GetLane(l_error);
  return visited;
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
