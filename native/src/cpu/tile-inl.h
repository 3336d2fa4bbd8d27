// The micro-kernel of scores: a register tile of kKeyTile keys times kVectors vectors of queries,
//     S[key][query] = sum over channels K[channel][key] * Q[channel][query].
// K is packed [channel][kKeyTile] and broadcast, Q is [channel][kVectors * kLanes]. Per channel
// kKeyTile broadcasts and kVectors loads feed kKeyTile * kVectors multiplications (7 for 12, 11 for
// 24).
//
// Kept out of line: inlined into its callers GCC 12 spills the accumulators.
#if defined(MOBA_CPU_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_TILE_INL_H_
#undef MOBA_CPU_TILE_INL_H_
#else
#define MOBA_CPU_TILE_INL_H_
#endif

#include <limits>

#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Of a panel of kVectors vectors, those from kFirst on.
template <int kVectors, int kFirst>
struct Tile {
  V c[kKeyTile][kVectors];

  HWY_INLINE void Zero() {
    MOBA_UNROLL for (int64_t r = 0; r < kKeyTile; ++r) {
      MOBA_UNROLL for (int v = kFirst; v < kVectors; ++v) c[r][v] = hn::Zero(kF32);
    }
  }

  HWY_INLINE void Accumulate(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t n) {
    for (int64_t i = 0; i < n; ++i, a += kKeyTile, b += kVectors * kLanes) {
      V operand[kVectors];
      MOBA_UNROLL for (int v = kFirst; v < kVectors; ++v) {
        operand[v] = hn::Load(kF32, b + v * kLanes);
        KeepInRegister(operand[v]);
      }
      MOBA_UNROLL for (int64_t r = 0; r < kKeyTile; ++r) {
        const V broadcast = hn::Set(kF32, a[r]);
        MOBA_UNROLL for (int v = kFirst; v < kVectors; ++v) {
          c[r][v] = hn::MulAdd(broadcast, operand[v], c[r][v]);
        }
      }
    }
  }

  HWY_INLINE void Store(float* out) const {
    MOBA_UNROLL for (int64_t r = 0; r < kKeyTile; ++r) {
      MOBA_UNROLL for (int v = kFirst; v < kVectors; ++v) {
        hn::Store(c[r][v], kF32, out + (r * kVectors + v) * kLanes);
      }
    }
  }
};

inline constexpr float kHidden = -std::numeric_limits<float>::infinity();

// Scores of one tile of keys; maxima[query] becomes the larger of itself and the new scores.
// When kMasked, a key beyond limits[query] gets -inf and takes no part in the maximum; queries in
// vectors before kFirst see none of the tile.
template <int kVectors, bool kMasked, int kFirst = 0>
HWY_NOINLINE void ScoreTile(const float* HWY_RESTRICT keys, const float* HWY_RESTRICT queries,
                            int64_t channels, int32_t first_key, const int32_t* limits,
                            float* HWY_RESTRICT scores, float* HWY_RESTRICT maxima) {
  Tile<kVectors, kFirst> tile;
  tile.Zero();
  tile.Accumulate(keys, queries, channels);
  if constexpr (kMasked) {
    const V hidden = hn::Set(kF32, kHidden);
    MOBA_UNROLL for (int v = kFirst; v < kVectors; ++v) {
      const auto limit = hn::Load(kI32, limits + v * kLanes);
      MOBA_UNROLL for (int64_t r = 0; r < kKeyTile; ++r) {
        const auto beyond = hn::Lt(limit, hn::Set(kI32, first_key + static_cast<int32_t>(r)));
        tile.c[r][v] = hn::IfThenElse(hn::RebindMask(kF32, beyond), hidden, tile.c[r][v]);
      }
    }
  }
  tile.Store(scores);
  for (int64_t r = 0; r < kKeyTile; ++r) {
    for (int v = 0; v < kFirst; ++v) {
      hn::Store(hn::Set(kF32, kHidden), kF32, scores + (r * kVectors + v) * kLanes);
    }
  }
  MOBA_UNROLL for (int v = kFirst; v < kVectors; ++v) {
    V maximum = hn::Load(kF32, maxima + v * kLanes);
    MOBA_UNROLL for (int64_t r = 0; r < kKeyTile; ++r) maximum = hn::Max(maximum, tile.c[r][v]);
    hn::Store(maximum, kF32, maxima + v * kLanes);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
