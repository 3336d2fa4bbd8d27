// The tiles of decoding: few query rows, and keys and values that are read where they lie.
//
//   s[key][row] = <q[row], k[key]>        lanes are channels
//   p[key][row] = exp(s - m)              lanes are keys and rows
//   o[row]      = correction o + p V      lanes are channels
//
// What a row receives does not depend on the rows beside it: tiles of all sizes add in one order.
#if defined(MOBA_CPU_DECODE_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_DECODE_TILE_INL_H_
#undef MOBA_CPU_DECODE_TILE_INL_H_
#else
#define MOBA_CPU_DECODE_TILE_INL_H_
#endif

#include <algorithm>
#include <functional>
#include <limits>

#include "core/carver.h"
#include "cpu/ahead-inl.h"
#include "cpu/convert-inl.h"
#include "cpu/kernels.h"
#include "cpu/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Rows of the tallest tile.
inline constexpr int kTallRows = kRegisters / 4;
// Vectors of a tile of values: at most 16 accumulators of 32 registers, 8 of 16.
constexpr int TileVectors(int rows) { return std::min(8, kRegisters / 2 / rows); }

// A tile of rows as [channel / kLanes][row][channel % kLanes], zeros beyond the last channel.
template <DType kType, int kRows>
void WidenQueries(const char* const* rows, int64_t channels, float* HWY_RESTRICT out) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    for (int r = 0; r < kRows; ++r, out += kLanes) {
      hn::Store(LoadChannels<kType>(rows[r] + c * core::SizeOf(kType), channels - c), kF32, out);
    }
  }
}

// scores[key][row] of kRows rows and all keys, one key after the other. The rows are those of one
// head, or of as many heads, if kApart. The last score stands in for those that are missing to
// four. Unrolled for kChannels, if that is not 0: each load of keys then is an instruction of its
// own that goes from row to row, which the processor's prefetching follows. Asks for as much of
// what follows, if kAsks.
template <DType kType, int kRows, bool kApart, int kChannels, bool kAsks>
HWY_NOINLINE void ScoreRows(const SourceRows& keys, const float* HWY_RESTRICT queries,
                            float* HWY_RESTRICT scores, Following& to_ask) {
  constexpr int kTogether = kApart ? 1 : kRows;
  constexpr int64_t kHeads = kRows / kTogether;
  constexpr int kKeys = std::max(1, 4 / kTogether);
  constexpr int64_t kVectorBytes = kLanes * core::SizeOf(kType);
  constexpr int64_t kLine = Following::kLine;
  constexpr int kWhole = kChannels / kLanes;
  const int64_t head_bytes = keys.channels * core::SizeOf(kType);
  const int64_t head_queries = core::RoundUp(keys.channels, kLanes);
  Following following = to_ask;  // in registers
  const int64_t num_keys = keys.num_rows * kHeads;
  for (int64_t first = 0; first < num_keys; first += kKeys) {
    V sum[kKeys * kTogether];
    // Not unrolled: the loads of one key are those of all. The sums pass through memory.
    _Pragma("GCC unroll 1") for (int j = 0; j < kKeys; ++j) {
      const int64_t key = std::min(first + j, num_keys - 1);
      const char* row = keys.data + key / kHeads * keys.stride_bytes + key % kHeads * head_bytes;
      const float* query = queries + key % kHeads * head_queries;
      V of_key[kTogether];
      MOBA_UNROLL for (int r = 0; r < kTogether; ++r) of_key[r] = hn::Zero(kF32);
      const auto multiply = [&](V key_vector) {
        KeepInRegister(key_vector);
        MOBA_UNROLL for (int r = 0; r < kTogether; ++r) {
          of_key[r] = hn::MulAdd(key_vector, hn::Load(kF32, query + r * kLanes), of_key[r]);
        }
        query += kTogether * kLanes;
        row += kVectorBytes;
      };
      if constexpr (kWhole > 0) {
        MOBA_UNROLL for (int i = 0; i < kWhole; ++i) {
          if constexpr (kAsks) {
            if (i * kVectorBytes % kLine == 0) following.Ask<kLine>();
          }
          multiply(LoadFloats<kType>(row));
        }
      } else {
        for (int64_t c = 0; c < keys.channels; c += kLanes) {
          if constexpr (kAsks) following.Ask<kVectorBytes>();
          multiply(LoadChannels<kType>(row, keys.channels - c));
        }
      }
      MOBA_UNROLL for (int r = 0; r < kTogether; ++r) sum[j * kTogether + r] = of_key[r];
    }
    MOBA_UNROLL for (int i = 0; i < kKeys * kTogether; i += 4) {
      hn::Store(FoldFour(Plus(), sum[i], sum[i + 1], sum[i + 2], sum[i + 3]), kF32x4,
                scores + first * kTogether + i);
    }
  }
  to_ask = following;
}

// folded[key][row] of kLanes keys -> folded[0][row].
template <int kRows, class Op>
HWY_INLINE void FoldKeys(Op op, float* folded) {
  for (int64_t half = kLanes / 2 * kRows; half >= kRows; half /= 2) {
    for (int64_t i = 0; i < half; ++i) folded[i] = op(folded[i], folded[i + half]);
  }
}

// scores[key][row] of kRows rows to probabilities in place; updates m and l of the rows and sets
// the correction of their earlier sums. A row's sum has one order with any rows beside it.
template <int kRows>
HWY_NOINLINE void ExponentiateRows(float* HWY_RESTRICT scores, int64_t num_keys, float score_scale,
                                   const RowState& state, const int32_t* rows,
                                   float* HWY_RESTRICT correction) {
  constexpr int64_t kGroup = kLanes * kRows;  // scores of kLanes keys: kRows vectors
  // Rows side by side, again and again as far as a vector of them needs.
  constexpr int64_t kRepeated = std::max<int64_t>(kRows, kLanes);
  const int64_t end = core::RoundUp(num_keys, kLanes) * kRows;
  std::fill(scores + num_keys * kRows, scores + end, -std::numeric_limits<float>::infinity());

  V vectors[kRows];
  MOBA_UNROLL for (int v = 0; v < kRows; ++v) vectors[v] = hn::Load(kF32, scores + v * kLanes);
  for (int64_t i = kGroup; i < end; i += kGroup) {
    MOBA_UNROLL for (int v = 0; v < kRows; ++v) {
      vectors[v] = hn::Max(vectors[v], hn::Load(kF32, scores + i + v * kLanes));
    }
  }
  alignas(64) float folded[kGroup];
  MOBA_UNROLL for (int v = 0; v < kRows; ++v) hn::Store(vectors[v], kF32, folded + v * kLanes);
  FoldKeys<kRows>([](float a, float b) { return a > b ? a : b; }, folded);

  alignas(64) float old[kRepeated];
  alignas(64) float maxima[kRepeated];
  alignas(64) float corrections[kRepeated];
  for (int64_t i = 0; i < kRepeated; ++i) {
    old[i] = state.m[rows[i % kRows]];
    // Not the other way round: a NaN is no maximum.
    maxima[i] = folded[i % kRows] > old[i] ? folded[i % kRows] : old[i];
  }
  const V scale = hn::Set(kF32, score_scale);
  for (int64_t i = 0; i < kRepeated; i += kLanes) {
    const V difference = hn::Sub(hn::Load(kF32, old + i), hn::Load(kF32, maxima + i));
    hn::Store(Exp2(hn::Mul(difference, scale)), kF32, corrections + i);
  }
  MOBA_UNROLL for (int v = 0; v < kRows; ++v) vectors[v] = hn::Zero(kF32);
  for (int64_t i = 0; i < end; i += kGroup) {
    MOBA_UNROLL for (int v = 0; v < kRows; ++v) {
      float* at = scores + i + v * kLanes;
      const V maximum = hn::Load(kF32, maxima + v * kLanes % kRepeated);
      const V p = Exp2(hn::Mul(hn::Sub(hn::Load(kF32, at), maximum), scale));
      hn::Store(p, kF32, at);
      vectors[v] = hn::Add(vectors[v], p);
    }
  }
  MOBA_UNROLL for (int v = 0; v < kRows; ++v) hn::Store(vectors[v], kF32, folded + v * kLanes);
  FoldKeys<kRows>(std::plus<float>(), folded);
  for (int r = 0; r < kRows; ++r) {
    correction[r] = corrections[r];
    state.m[rows[r]] = maxima[r];
    state.l[rows[r]] = state.l[rows[r]] * corrections[r] + folded[r];
  }
}

// A chain of values that is added up for the rows of a tile, or a part of it.
struct Chain {
  SourceRows values;
  const float* probabilities;  // [key][probability_stride]
  int64_t probability_stride;
  bool begins;
  bool ends;
  float* sums;              // of as many rows, rounded up to vectors: kept between parts
  float* const* o;          // of each row
  const float* correction;  // of each row
};

// o[row] = correction[row] o[row] + sum over keys of p[key][row] v[key], at the end of the chain,
// in one tile of channels. Asks for as much of what follows, if kAsks.
template <DType kType, int kRows, int kVectors, bool kAsks, bool kInParts>
HWY_NOINLINE void AddValues(const Chain& chain, int64_t channel, Following& to_ask) {
  constexpr int64_t kSize = core::SizeOf(kType);
  const SourceRows values = chain.values;
  const int64_t channels = values.channels;
  const float* const HWY_RESTRICT probabilities = chain.probabilities;
  const int64_t probability_stride = chain.probability_stride;
  float* const sums = chain.sums + channel;
  const int64_t stride = core::RoundUp(channels, kLanes);
  Following following = to_ask;  // in registers
  V sum[kRows][kVectors];
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = kInParts && !chain.begins ? hn::Load(kF32, sums + r * stride + v * kLanes)
                                            : hn::Zero(kF32);
    }
  }
  for (int64_t key = 0; key < values.num_rows; ++key) {
    const char* row = values.data + key * values.stride_bytes + channel * kSize;
    if constexpr (kAsks) following.Ask<kVectors * kLanes * kSize>();
    V value[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      // Only a tile of one vector may reach beyond the row.
      value[v] = kVectors == 1 ? LoadChannels<kType>(row, channels - channel)
                               : LoadFloats<kType>(row + v * kLanes * kSize);
      KeepInRegister(value[v]);
    }
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
      const V p = hn::Set(kF32, probabilities[key * probability_stride + r]);
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(value[v], p, sum[r][v]);
      }
    }
  }
  to_ask = following;
  const bool ends = !kInParts || chain.ends;
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    float* const at = ends ? chain.o[r] + channel : sums + r * stride;
    const V factor = hn::Set(kF32, chain.correction[r]);
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      if (ends) sum[r][v] = hn::MulAdd(hn::Load(kF32, at + v * kLanes), factor, sum[r][v]);
      hn::Store(sum[r][v], kF32, at + v * kLanes);
    }
  }
}

// The same for all channels and a whole chain: of each key from the first to the last, and if
// kApart, of the rows' heads side by side. The sums pass through the first-level cache.
template <DType kType, int kRows, bool kApart>
HWY_NOINLINE void AddWholeValues(const Chain& chain) {
  constexpr int kTogether = kApart ? 1 : kRows;
  const int64_t channels = chain.values.channels;
  const int64_t stride = core::RoundUp(channels, kLanes);
  std::fill_n(chain.sums, kRows * stride, 0.0f);
  for (int64_t key = 0; key < chain.values.num_rows; ++key) {
    const char* head = chain.values.data + key * chain.values.stride_bytes;
    const float* probability = chain.probabilities + key * chain.probability_stride;
    float* sum = chain.sums;  // [head][vector of channels][row]
    for (int h = 0; h < kRows; h += kTogether, head += channels * core::SizeOf(kType)) {
      V p[kTogether];
      MOBA_UNROLL for (int r = 0; r < kTogether; ++r) p[r] = hn::Set(kF32, probability[h + r]);
      const char* at = head;
      for (int64_t c = 0; c < channels; c += kLanes, at += kLanes * core::SizeOf(kType)) {
        const V value = LoadChannels<kType>(at, channels - c);
        MOBA_UNROLL for (int r = 0; r < kTogether; ++r, sum += kLanes) {
          hn::Store(hn::MulAdd(value, p[r], hn::Load(kF32, sum)), kF32, sum);
        }
      }
    }
  }
  for (int row = 0; row < kRows; ++row) {
    const float* sums =
        chain.sums + row / kTogether * stride * kTogether + row % kTogether * kLanes;
    const V factor = hn::Set(kF32, chain.correction[row]);
    for (int64_t c = 0; c < channels; c += kLanes) {
      float* const at = chain.o[row] + c;
      const V sum = hn::Load(kF32, sums + c * kTogether);
      hn::Store(hn::MulAdd(hn::Load(kF32, at), factor, sum), kF32, at);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
