// The micro-kernel of values: a register tile of queries times vectors of channels,
//     O[query][channel] = correction[query] O[query][channel] + sum over keys P[key][query]
//     V[key][channel].
// Here lanes are channels: values are packed as they lie, in slabs of kValueTile channels, and O
// has the layout of the rows it is added to. Every (query, channel) adds up key after key, so what
// a row receives depends on no other row of its tile.
//
// Kept out of line: inlined into its callers GCC 12 spills the accumulators.
#if defined(MOBA_CPU_VALUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_VALUE_INL_H_
#undef MOBA_CPU_VALUE_INL_H_
#else
#define MOBA_CPU_VALUE_INL_H_
#endif

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Keys ahead of which values are asked for.
inline constexpr int64_t kKeysAhead = 8;

// The values of one step, and the probabilities of a panel of kPanelRows queries for its keys.
struct ValueStep {
  const float* values;         // [slab][packed key][channel of the slab]
  const float* probabilities;  // [key][panel row]
  const float* correction;     // [panel row], of what earlier steps have added to the output
  const int32_t* limits;       // [panel row], last visible key of the chunk; -1: none; ascending
  int64_t first_key;           // within the chunk
  int64_t packed_keys;
  int64_t num_keys;  // that are visible to some row
  int64_t num_rows;
  int64_t channels;  // rounded up to vectors
  bool guarded;      // some value is not finite: a masked pair must not contribute 0 * NaN
  float* output;     // [panel row][channels], written by the first step of a chunk

  HWY_INLINE int64_t VisibleKeys(int32_t limit) const {
    return std::clamp<int64_t>(limit + 1 - first_key, 0, num_keys);
  }
};

// kRows rows, of which the pointers are at the first, and the first `keys` keys of a step.
template <int kPanelRows, int kRows, int kVectors>
HWY_NOINLINE void ValueTile(const float* HWY_RESTRICT values,
                            const float* HWY_RESTRICT probabilities, int64_t keys, bool first,
                            const float* HWY_RESTRICT correction, float* HWY_RESTRICT output,
                            int64_t output_stride) {
  V sum[kRows][kVectors];
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(kF32);
  }
  for (int64_t key = 0; key < keys; ++key) {
    // Slabs come from the second-level cache; across a page the processor does not look ahead.
    MOBA_UNROLL for (int64_t i = 0; i < kVectors * kLanes; i += 16) {
      __builtin_prefetch(values + kKeysAhead * kVectors * kLanes + i);
    }
    V operand[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      operand[v] = hn::Load(kF32, values + v * kLanes);
      KeepInRegister(operand[v]);
    }
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
      const V p = hn::Set(kF32, probabilities[r]);
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) sum[r][v] =
          hn::MulAdd(p, operand[v], sum[r][v]);
    }
    values += kVectors * kLanes;
    probabilities += kPanelRows;
  }
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    float* out = output + r * output_stride;
    if (!first) {
      const V factor = hn::Set(kF32, correction[r]);
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(hn::Load(kF32, out + v * kLanes), factor, sum[r][v]);
      }
    }
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) hn::Store(sum[r][v], kF32, out + v * kLanes);
  }
}

// Rows [row, row + kRows) of a panel.
template <int kPanelRows, int kRows, int kVectors>
HWY_INLINE void ValueRows(const ValueStep& step, int64_t channel, int64_t row) {
  const float* values = step.values + channel * step.packed_keys;
  const float* probabilities = step.probabilities + row;
  float* output = step.output + row * step.channels + channel;
  if (step.guarded) {
    // Key by key the same sum, but for the keys beyond each row's limit.
    for (int64_t r = 0; r < kRows; ++r) {
      ValueTile<kPanelRows, 1, kVectors>(
          values, probabilities + r, step.VisibleKeys(step.limits[row + r]), step.first_key == 0,
          step.correction + row + r, output + r * step.channels, 0);
    }
    return;
  }
  const int32_t last = step.limits[row + kRows - 1];
  ValueTile<kPanelRows, kRows, kVectors>(values, probabilities, step.VisibleKeys(last),
                                         step.first_key == 0, step.correction + row, output,
                                         step.channels);
}

template <int kPanelRows, int kVectors>
HWY_INLINE void ValueSlab(const ValueStep& step, int64_t channel) {
  constexpr int kFewRows = kValueRows / 3;
  static_assert(kPanelRows % kFewRows == 0);
  int64_t row = 0;
  for (; row + kValueRows <= kPanelRows && row < step.num_rows; row += kValueRows) {
    ValueRows<kPanelRows, kValueRows, kVectors>(step, channel, row);
  }
  for (; row < step.num_rows; row += kFewRows) {
    ValueRows<kPanelRows, kFewRows, kVectors>(step, channel, row);
  }
}

template <int kPanelRows>
void AddValues(const ValueStep& step) {
  int64_t channel = 0;
  for (; channel + kValueTile <= step.channels; channel += kValueTile) {
    ValueSlab<kPanelRows, kValueVectors>(step, channel);
  }
  // A slab of fewer vectors is packed as narrow as it is.
  const int64_t rest = (step.channels - channel) / kLanes;
  if (rest == 1) ValueSlab<kPanelRows, 1>(step, channel);
  if constexpr (kValueVectors > 2) {
    if (rest == 2) ValueSlab<kPanelRows, 2>(step, channel);
    if (rest == 3) ValueSlab<kPanelRows, 3>(step, channel);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
