// Probabilities of a panel times the values of a step, added to what the panel's rows have,
//     O[row][channel] = correction[row] O[row][channel] + sum over keys of P[row][key]
//     V[key][channel].
// Lanes are channels: values are packed as they lie, in slabs of channels.
#if defined(MOBA_CPU_VALUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_VALUE_INL_H_
#undef MOBA_CPU_VALUE_INL_H_
#else
#define MOBA_CPU_VALUE_INL_H_
#endif

#include <algorithm>

#include "cpu/ahead-inl.h"
#include "cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// The values of one step, and the probabilities of a panel for its keys.
struct ValueStep {
  const float* values;         // [slab][word of packed keys][channel of the slab]
  const float* probabilities;  // [panel row][kStepKeys], words of keys
  const float* correction;     // [panel row], of what the output has; nullptr: nothing yet
  const int32_t* limits;       // [panel row], last visible key of the chunk; -1: none; ascending
  int64_t first_key;           // within the chunk
  int64_t packed_keys;
  int64_t num_rows;
  int64_t channels;      // rounded up to vectors
  bool guarded;          // some value is not finite: a masked pair must not contribute 0 * NaN
  float* const* output;  // [panel row]: its channels

  HWY_INLINE int64_t VisibleKeys(int64_t row) const {
    return std::clamp<int64_t>(limits[row] + 1 - first_key, 0, packed_keys);
  }
};

// Rows [row, row + kRows) and the slab at `channel`, `keys` keys of it.
template <class Operand, int kRows, int kVectors, bool kFetch>
HWY_NOINLINE void ValueTile(const ValueStep& step, int64_t row, int64_t channel, int64_t keys) {
  constexpr int64_t kSlabWords = kVectors * kLanes;
  const float* const values = step.values + channel * Words<Operand>(step.packed_keys);
  const float* rows[kRows];
  for (int r = 0; r < kRows; ++r) rows[r] = step.probabilities + (row + r) * kStepKeys;
  Tile<Operand, kRows, kVectors> tile;
  tile.Zero();
  if constexpr (kRows == 1 && Operand::kPerWord == 2) {
    // The last word's second value may be hidden.
    tile.template Accumulate<kFetch>(rows, values, kSlabWords, keys / 2);
    if (keys % 2 != 0) {
      alignas(64) float last[kSlabWords];
      for (int64_t i = 0; i < kSlabWords; i += kLanes) {
        const auto words = hn::BitCast(kI32, hn::Load(kF32, values + keys / 2 * kSlabWords + i));
        hn::Store(hn::BitCast(kF32, hn::And(words, hn::Set(kI32, 0xFFFF))), kF32, last + i);
      }
      rows[0] += keys / 2;
      tile.template Accumulate<false>(rows, last, kSlabWords, 1);
    }
  } else {
    tile.template Accumulate<kFetch>(rows, values, kSlabWords, Words<Operand>(keys));
  }
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    float* const out = step.output[row + r] + channel;
    if (step.correction != nullptr) {
      const V factor = hn::Set(kF32, step.correction[row + r]);
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        tile.c[r][v] = hn::MulAdd(hn::Load(kF32, out + v * kLanes), factor, tile.c[r][v]);
      }
    }
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) hn::Store(tile.c[r][v], kF32, out + v * kLanes);
  }
}

// Guarded, rows go one by one: key by key the same sums, but for the keys beyond each row's limit.
template <class Operand, int kRows, int kVectors>
HWY_INLINE void ValueRows(const ValueStep& step, int64_t row, int64_t channel) {
  if (!step.guarded) {
    // The first tile of rows fetches the slab.
    constexpr bool kAlways = kRows < kTileRows || kVectors < kTileVectors;
    const auto tile = row == 0 ? ValueTile<Operand, kRows, kVectors, true>
                               : ValueTile<Operand, kRows, kVectors, kAlways>;
    return tile(step, row, channel, step.VisibleKeys(row + kRows - 1));
  }
  for (int64_t r = row; r < row + kRows; ++r) {
    ValueTile<Operand, 1, kVectors, true>(step, r, channel, step.VisibleKeys(r));
  }
}

// A slab is as narrow as what is left of the channels.
template <class Operand>
HWY_INLINE void AddValues(const ValueStep& step, Ahead& ahead) {
  for (int64_t channel = 0; channel < step.channels; channel += kSlab) {
    WithVectors((step.channels - channel) / kLanes, [&]<int kVectors>() {
      ForEachRowTile(step.num_rows, [&]<int kRows>(int64_t row) {
        ahead.Ask();
        ValueRows<Operand, kRows, kVectors>(step, row, channel);
      });
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
