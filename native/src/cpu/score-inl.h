// Scores of a panel of queries and the keys of a step,
//     S[row][key] = sum over channels of Q[row][channel] * K[channel][key].
// Lanes are keys. What a row does not see is -inf before its maximum is taken.
#if defined(MOBA_CPU_SCORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_SCORE_INL_H_
#undef MOBA_CPU_SCORE_INL_H_
#else
#define MOBA_CPU_SCORE_INL_H_
#endif

#include <limits>

#include "cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

inline constexpr float kHidden = -std::numeric_limits<float>::infinity();

// One slab of keys and a tile of rows. maxima[row][lane] becomes the larger of itself and the new
// scores. When kMasked, keys beyond limits[row] are hidden.
template <class Operand, int kRows, int kVectors, bool kMasked, bool kFetch>
HWY_NOINLINE void ScoreTile(const float* const* queries, const float* HWY_RESTRICT keys,
                            int64_t slab_keys, int64_t words, int32_t first_key,
                            const int32_t* HWY_RESTRICT limits, float* HWY_RESTRICT scores,
                            float* HWY_RESTRICT maxima) {
  Tile<Operand, kRows, kVectors> tile;
  tile.Zero();
  tile.template Accumulate<kFetch>(queries, keys, slab_keys, words);
  if constexpr (kMasked) {
    const V hidden = hn::Set(kF32, kHidden);
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      const auto key = hn::Iota(kI32, first_key + v * static_cast<int32_t>(kLanes));
      MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
        const auto beyond = hn::Gt(key, hn::Set(kI32, limits[r]));
        tile.c[r][v] = hn::IfThenElse(hn::RebindMask(kF32, beyond), hidden, tile.c[r][v]);
      }
    }
  }
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    V maximum = hn::Load(kF32, maxima + r * kLanes);
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      hn::Store(tile.c[r][v], kF32, scores + r * kStepKeys + v * kLanes);
      maximum = hn::Max(maximum, tile.c[r][v]);
    }
    hn::Store(maximum, kF32, maxima + r * kLanes);
  }
}

// The keys of one slab of a step, and the rows that meet them.
template <class Operand>
struct ScoreSlab {
  const float* const* queries;  // [panel row][word]
  const float* keys;            // [word][slab_keys]
  int64_t slab_keys;
  int64_t words;          // of a query and a key
  int32_t first_key;      // within the chunk
  const int32_t* limits;  // [panel row], last visible key of the chunk; -1: none; ascending
  float* scores;          // [panel row][kStepKeys], from the slab's first key on
  float* maxima;          // [panel row][lane]

  // Rows [row, row + kRows). Vectors of keys that none of them sees are left out.
  template <int kRows>
  HWY_INLINE void Multiply(int64_t row) const {
    const int64_t visible = limits[row + kRows - 1] + 1 - first_key;
    if (visible <= 0) return;
    WithVectors(core::CeilDiv(std::min(visible, slab_keys), kLanes), [&]<int kVectors>() {
      const bool masked = limits[row] < first_key + kVectors * kLanes - 1;
      // The first tile of rows fetches the slab.
      constexpr bool kAlways = kRows < kTileRows || kVectors < kTileVectors;
      const auto tile = masked     ? ScoreTile<Operand, kRows, kVectors, true, true>
                        : row == 0 ? ScoreTile<Operand, kRows, kVectors, false, true>
                                   : ScoreTile<Operand, kRows, kVectors, false, kAlways>;
      tile(queries + row, keys, slab_keys, words, first_key, limits + row, scores + row * kStepKeys,
           maxima + row * kLanes);
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
