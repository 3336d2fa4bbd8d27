// The softmax of a tile, in the registers of an accumulator (device/pack.h): of kScores registers,
// a thread has half for row 0 and half for row 1 of its two rows.
//
// A masked key has p = 0, and 0 times NaN is NaN. So in tiles that have a mask, values that are no
// finite numbers become 0 before they are multiplied (finite.h), and are flagged; a query that does
// see such a value gets NaN for its sum. Queries with a NaN in the end are computed again by the
// portable kernel, which is exact about NaN and infinities; all others have the bits that they have
// without such values.
#pragma once

#include <cfloat>
#include <cmath>

#include "cuda/tensor_cores/item.h"

namespace moba::cuda {

// Beyond, 2^(scale s - shift) may overflow, as shift is rounded: such rows are computed again.
inline constexpr float kLargestShift = 16777216.0f;

// Softmax so far, of one row: m, times scale, and the thread's share of l.
struct RowSum {
  float shift = -FLT_MAX;  // finite, so that differences are never NaN
  float sum = 0;
};

// Of the four threads that share a row.
MOBA_THREAD float SumOfRow(float value) {
  value += ShuffleXor(value, 1);
  return value + ShuffleXor(value, 2);
}

// Place of a thread's i-th score of row r, and its key, counted from the tile's first.
MOBA_THREAD constexpr int ScorePlace(int i, int r) { return i / 2 * 4 + 2 * r + i % 2; }
MOBA_THREAD int ScoreKey(int i) { return i / 2 * 8 + ThreadIndex() % 4 * 2 + i % 2; }

// `key`: the first one of the tile.
template <int kScores>
MOBA_THREAD void Mask(const VisibleKeys& visible, int32_t key, float (&s)[kScores]) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int32_t low = visible.low[r] - key;
    const int32_t high = visible.high[r] - key;
    if (low <= 0 && high >= 2 * kScores) continue;
#pragma unroll
    for (int i = 0; i < kScores / 2; ++i) {
      if (ScoreKey(i) < low || ScoreKey(i) >= high) s[ScorePlace(i, r)] = -INFINITY;
    }
  }
}

// A query that sees a value that was cleared has a sum that is NaN. `flagged`: 32 keys in a word.
template <int kWords>
MOBA_THREAD void NoteReaders(const uint32_t* flagged, const VisibleKeys& visible, int32_t key,
                             RowSum (&sums)[2]) {
  for (int word = 0; word < kWords; ++word) {
    const uint32_t rows = flagged[word];
    if (rows == 0) continue;
    for (int i = 0; i < kWarpSize; ++i) {
      if ((rows >> i & 1) == 0) continue;
      const int32_t at = key + word * kWarpSize + i;
      for (int r = 0; r < 2; ++r) {
        if (visible.low[r] <= at && at < visible.high[r]) sums[r].sum = NAN;
      }
    }
  }
}

// From scores to p = 2^(scale s - m), with the new m. What was summed before is to be multiplied by
// `correction`; the sum of the probabilities already is.
template <int kScores>
MOBA_THREAD void Exponentiate(float score_scale, float (&s)[kScores], RowSum (&sums)[2],
                              float (&correction)[2]) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float most = -FLT_MAX;
#pragma unroll
    for (int i = 0; i < kScores / 2; ++i) most = fmaxf(most, s[ScorePlace(i, r)]);
    most = fmaxf(most, ShuffleXor(most, 1));
    most = fmaxf(most, ShuffleXor(most, 2));
    const float shift = fmaxf(sums[r].shift, most * score_scale);
    if (most > -FLT_MAX && fabsf(shift) > kLargestShift) sums[r].sum = NAN;
    correction[r] = Exp2(sums[r].shift - shift);
    sums[r].shift = shift;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kScores / 2; ++i) {
      float& value = s[ScorePlace(i, r)];
      value = Exp2(fmaf(value, score_scale, -shift));
      sum += value;
    }
    sums[r].sum = fmaf(sums[r].sum, correction[r], sum);
  }
}

template <int kOutputs>
MOBA_THREAD void Correct(const float (&correction)[2], float (&o)[kOutputs]) {
#pragma unroll
  for (int i = 0; i < kOutputs; ++i) o[i] *= correction[i / 2 % 2];
}

}  // namespace moba::cuda
