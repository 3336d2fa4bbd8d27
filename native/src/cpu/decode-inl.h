// Attention of a few query rows to keys that are read where they lie, once for all rows, by steps
// of keys: scores, softmax, values.
//
// 16-bit elements are widened in registers. Every row sees every key, so nothing is masked: who
// calls leaves out what a row does not see. The limit is the memory that keys and values come from.
#if defined(MOBA_CPU_DECODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_DECODE_INL_H_
#undef MOBA_CPU_DECODE_INL_H_
#else
#define MOBA_CPU_DECODE_INL_H_
#endif

#include <algorithm>

#include "core/carver.h"
#include "cpu/decode-tile-inl.h"
#include "cpu/kernels.h"
#include "cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Values that all rows are added from before the next ones, in one chain: tiles that go over them
// more than once find them in the first-level cache; floats, which up to four rows wait for, even
// among what has been loaded ahead.
constexpr int64_t ValueBytes(DType type) { return (type == DType::kF32 ? 8 : 16) * 1024; }
inline constexpr int64_t kFewestValues = 16;
inline constexpr int64_t kMostValues = 64;
// Rows of a tile of values that is as wide as a row of them, and the vectors of the widest one. Not
// all of its sums need to be in registers.
inline constexpr int kStreamRows = 2;
inline constexpr int kStreamVectors = 16;
// The most rows that stream.
inline constexpr int kMostStreamRows = 4;

// Rows of the tallest tile. The same tiles cover few rows with each.
template <bool kStreams>
inline constexpr int kTallest = kStreams ? std::min(kTallRows, kMostStreamRows) : kTallRows;

// Calls tile.template operator()<kRows>(first_row) for tiles that cover all rows, tallest first.
template <int kRows, class Tile>
HWY_INLINE void ForEachTile(int64_t first, int64_t num_rows, const Tile& tile) {
  for (; num_rows - first >= kRows; first += kRows) tile.template operator()<kRows>(first);
  if constexpr (kRows > 1) ForEachTile<kRows / 2>(first, num_rows, tile);
}

// Whether so few rows meet a line of keys that they wait for memory, whatever is done meanwhile:
// two in fp32 and one in 16 bits. Twice as many where a vector is a whole line of floats, and a
// tile in registers as wide as a row of values.
template <DType kType>
bool WaitsForMemory(const DecodeVisit& visit) {
  constexpr int64_t kFew = core::SizeOf(kType) / 2;
  const bool wide = kLanes == 16 && IsOneTile<TileVectors(kStreamRows)>(visit.values.channels);
  return visit.num_rows <= (wide ? 2 * kFew : kFew);
}

// Whether keys and values are read from front to back by nothing but loads. They come as fast as
// they can that way, where they follow each other; asking for them holds them up.
template <DType kType>
bool Streams(const DecodeVisit& visit) {
  constexpr int64_t kSize = core::SizeOf(kType);
  return WaitsForMemory<kType>(visit) && visit.keys.stride_bytes == visit.keys.channels * kSize &&
         visit.values.stride_bytes == visit.values.channels * kSize;
}

// A few values, whose scores begin at `first` of the step, for all rows.
template <DType kType, bool kStreams>
void AddStep(const DecodeVisit& visit, const SourceRows& values, int64_t first,
             const float* correction, Following& following) {
  ForEachTile<kTallest<kStreams>>(0, visit.num_rows, [&]<int kScored>(int64_t scored) {
    constexpr int kRows = std::min(kScored, kStreams ? kStreamRows : kTallRows);
    const float* probabilities = visit.scores + scored * kDecodeStepKeys + first * kScored;
    for (int64_t row = 0; row < kScored; row += kRows) {
      float* o[kRows];
      for (int r = 0; r < kRows; ++r) {
        o[r] = visit.state.o + visit.rows[scored + row + r] * visit.state.o_stride;
      }
      if constexpr (kStreams) {
        if (!IsOneTile<kStreamVectors>(values.channels)) {
          AddWholeValues<kType, kRows>(values, probabilities + row, kScored,
                                       correction + scored + row, o);
          continue;
        }
      }
      constexpr int kWidest = kStreams ? kStreamVectors : TileVectors(kRows);
      ForEachWidth<kWidest>(0, values.channels, [&]<int kVectors>(int64_t channel) {
        AddValues<kType, kRows, kVectors, !kStreams>(
            values.Part(0, values.num_rows, channel), probabilities + row, kScored,
            correction + scored + row, o, channel, following);
      });
    }
  });
}

// Calls score.template operator()<kChannels>() with as many channels as there are, if they are
// listed, or with 0.
template <int... kChannels, class Score>
HWY_INLINE void WithChannels(int64_t channels, const Score& score) {
  const bool listed =
      ((channels == kChannels && (score.template operator()<kChannels>(), true)) || ...);
  if (!listed) score.template operator()<0>();
}

// At most kDecodeStepKeys keys.
template <DType kType, bool kStreams>
void DecodeStep(const DecodeVisit& visit, const SourceRows& keys, const SourceRows& values,
                const SourceRows& next_keys) {
  const int64_t padded = core::RoundUp(keys.channels, kLanes);
  float correction[kMostDecodeRows];
  Following ahead_of_keys(values);
  ForEachTile<kTallest<kStreams>>(0, visit.num_rows, [&]<int kRows>(int64_t row) {
    float* scores = visit.scores + row * kDecodeStepKeys;
    const auto score = [&]<int kChannels>() {
      constexpr int kUnrolled = kChannels / kLanes <= 16 ? kChannels : 0;
      ScoreRows<kType, kRows, kUnrolled, !kStreams>(keys, visit.widened + row * padded, scores,
                                                    ahead_of_keys);
    };
    WithChannels<64, 96, 128, 256>(keys.channels, score);
    ExponentiateRows<kRows>(scores, keys.num_rows, visit.score_scale, visit.state, visit.rows + row,
                            correction + row);
  });
  const int64_t few = std::clamp(ValueBytes(kType) / (values.channels * core::SizeOf(kType)),
                                 kFewestValues, kMostValues);
  Following ahead_of_values(next_keys);
  for (int64_t first = 0; first < values.num_rows; first += few) {
    AddStep<kType, kStreams>(visit, values.Part(first, few), first, correction, ahead_of_values);
    std::fill_n(correction, visit.num_rows, 1.0f);
  }
}

template <DType kType, bool kStreams>
void DecodeSteps(const DecodeVisit& visit) {
  constexpr int64_t kStep = kDecodeStepKeys;
  for (int64_t first = 0; first < visit.keys.num_rows; first += kStep) {
    const SourceRows keys = visit.keys.Part(first, kStep);
    SourceRows next = visit.next_keys.Part(0, kStep);
    if (first + kStep < visit.keys.num_rows) next = visit.keys.Part(first + kStep, kStep);
    if (next.num_rows == 0) next = keys;
    DecodeStep<kType, kStreams>(visit, keys, visit.values.Part(first, kStep), next);
  }
}

template <DType kType>
void DecodeKeys(const DecodeVisit& visit) {
  const int64_t padded = core::RoundUp(visit.keys.channels, kLanes);
  const char* queries[kMostDecodeRows];
  for (int64_t i = 0; i < visit.num_rows; ++i) queries[i] = visit.queries[visit.rows[i]];
  ForEachTile<kTallRows>(0, visit.num_rows, [&]<int kRows>(int64_t row) {
    WidenQueries<kType, kRows>(queries + row, visit.keys.channels, visit.widened + row * padded);
  });
  return Streams<kType>(visit) ? DecodeSteps<kType, true>(visit) : DecodeSteps<kType, false>(visit);
}

void Decode(const DecodeVisit& visit) {
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
