// Attention of a few query rows to keys that are read where they lie, once for all rows, by steps
// of keys: scores, softmax, values. Those of heads that lie side by side are read together.
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

// Values that are added up in one chain.
inline constexpr int64_t kChainValues = 64;
// Rows of a tile of values that is as wide as a row of them, and the vectors of the widest one. Not
// all of its sums need to be in registers.
inline constexpr int kStreamRows = 2;
inline constexpr int kStreamVectors = 16;
// The most rows that stream.
inline constexpr int kMostStreamRows = 4;

// Whether a vector is a whole line of floats.
inline constexpr bool kLineVectors = kLanes * sizeof(float) == Following::kLine;

// How keys and values are read.
enum class Reading {
  kAsked,         // those of one head, which are asked for ahead
  kAskedHeads,    // so, of heads side by side
  kInOrder,       // from front to back by nothing but loads
  kInOrderHeads,  // so, of heads side by side that have one row each
};

static_assert(MostSideRows(DType::kF32) <= kTallRows);

constexpr bool Asks(Reading reading) {
  return reading == Reading::kAsked || reading == Reading::kAskedHeads;
}
// Whether a chain is added up in parts: where one is not read at once, for rows of other heads or
// of a second tile.
constexpr bool AddsInParts(Reading reading) {
  return reading == Reading::kAskedHeads || (reading == Reading::kInOrder && kLineVectors);
}
constexpr int TallestTile(Reading reading) {
  if (reading == Reading::kInOrder) return std::min(kTallRows, kMostStreamRows);
  if (reading == Reading::kAskedHeads) return MostSideRows(DType::kF32);
  return kTallRows;
}

// Calls tile.template operator()<kRows>(first) for tiles that cover all, tallest first.
template <int kRows, class Tile>
HWY_INLINE void ForEachTile(int64_t first, int64_t end, const Tile& tile) {
  for (; end - first >= kRows; first += kRows) tile.template operator()<kRows>(first);
  if constexpr (kRows > 1) ForEachTile<kRows / 2>(first, end, tile);
}

// Calls tile.template operator()<kRows>(head, row) for tiles of rows of one head each, or of one
// row each of some heads from that one on.
template <Reading kReading, class Tile>
HWY_INLINE void ForEachTile(const DecodeVisit& visit, const Tile& tile) {
  constexpr int kTallest = TallestTile(kReading);
  if constexpr (kReading == Reading::kInOrderHeads) {
    ForEachTile<kTallest>(0, visit.num_heads, [&]<int kRows>(int64_t head) {
      tile.template operator()<kRows>(head, head);
    });
  } else {
    for (int64_t head = 0; head < visit.num_heads; ++head) {
      const int64_t first = head * visit.num_rows;
      ForEachTile<kTallest>(first, first + visit.num_rows, [&]<int kRows>(int64_t row) {
        tile.template operator()<kRows>(head, row);
      });
    }
  }
}

// Whether so few rows meet a line of keys that they wait for memory, whatever is done meanwhile:
// two in fp32 and one in 16 bits. Twice as many where a vector is a whole line, and a tile in
// registers as wide as a row of values.
template <DType kType>
bool WaitsForMemory(const DecodeVisit& visit) {
  constexpr int64_t kFew = core::SizeOf(kType) / 2;
  const bool wide = kLineVectors && IsOneTile<TileVectors(kStreamRows)>(visit.values.channels);
  return visit.num_rows <= (wide ? 2 * kFew : kFew);
}

// Keys and values come as fast as they can where they are read from front to back; asking for them
// holds them up. Of heads side by side only one row each keeps up with that, and only a tile of all
// of them reads whole rows.
template <DType kType>
Reading HowToRead(const DecodeVisit& visit) {
  const int64_t channel_bytes = visit.num_heads * core::SizeOf(kType);  // of all heads
  const bool in_order = visit.keys.stride_bytes == visit.keys.channels * channel_bytes &&
                        visit.values.stride_bytes == visit.values.channels * channel_bytes;
  if (visit.num_heads > 1) {
    const bool one_tile = visit.num_rows == 1 && kTallRows % visit.num_heads == 0;
    return in_order && one_tile ? Reading::kInOrderHeads : Reading::kAskedHeads;
  }
  return in_order && WaitsForMemory<kType>(visit) ? Reading::kInOrder : Reading::kAsked;
}

// Keys that are gone through at once.
template <Reading kReading>
int64_t KeysAtOnce(const DecodeVisit& visit) {
  if (kReading != Reading::kAskedHeads) return kDecodeStepKeys;
  return RowsAhead(visit.num_heads * visit.keys.channels * core::SizeOf(visit.keys.dtype));
}

// Values of a chain that are gone through at once. Where rows that wait for memory need a second
// tile, of 8 vectors at most, it finds so many of them in the first-level cache, among what has
// been loaded ahead.
template <Reading kReading>
int64_t ValuesAtOnce(const DecodeVisit& visit) {
  constexpr int64_t kBytes = 8 * 1024;
  const int64_t row_bytes = visit.values.channels * core::SizeOf(visit.values.dtype);
  if (kReading == Reading::kAskedHeads) return RowsAhead(visit.num_heads * row_bytes);
  if (!AddsInParts(kReading) || visit.num_rows <= kStreamRows) return kChainValues;
  return std::min(kBytes / row_bytes, kChainValues);
}

// Adds values, whose probabilities begin at `first` of the step, for all rows of a visit: those of
// a chain, or a part of it.
template <DType kType, Reading kReading>
void AddPart(const DecodeVisit& visit, const SourceRows& values, int64_t first, bool begins,
             bool ends, const float* correction, Following& following) {
  const int64_t padded = core::RoundUp(values.channels, kLanes);
  ForEachTile<kReading>(visit, [&]<int kScored>(int64_t head, int64_t scored) {
    constexpr bool kApart = kReading == Reading::kInOrderHeads;
    constexpr int kRows = kReading == Reading::kInOrder ? std::min(kScored, kStreamRows) : kScored;
    const float* probabilities = visit.scores + scored * kDecodeStepKeys + first * kScored;
    for (int64_t row = 0; row < kScored; row += kRows) {
      float* o[kRows];
      for (int r = 0; r < kRows; ++r) {
        o[r] = visit.state.o + visit.rows[scored + row + r] * visit.state.o_stride;
      }
      const Chain chain = {.values = values.Beside(head),
                           .probabilities = probabilities + row,
                           .probability_stride = kScored,
                           .begins = begins,
                           .ends = ends,
                           .sums = visit.sums + (scored + row) * padded,
                           .o = o,
                           .correction = correction + scored + row};
      if constexpr (!Asks(kReading)) {
        if (kApart || !IsOneTile<kStreamVectors>(values.channels)) {
          AddWholeValues<kType, kRows, kApart>(chain);
          continue;
        }
      }
      if constexpr (!kApart) {
        constexpr int kWidest = kReading == Reading::kInOrder ? kStreamVectors : TileVectors(kRows);
        ForEachWidth<kWidest>(0, values.channels, [&]<int kVectors>(int64_t channel) {
          AddValues<kType, kRows, kVectors, Asks(kReading), AddsInParts(kReading)>(chain, channel,
                                                                                   following);
        });
      }
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

template <DType kType, Reading kReading>
void ScoreStep(const DecodeVisit& visit, const SourceRows& keys, const SourceRows& values) {
  const int64_t padded = core::RoundUp(keys.channels, kLanes);
  const int64_t at_once = KeysAtOnce<kReading>(visit);
  for (int64_t first = 0; first < keys.num_rows; first += at_once) {
    const SourceRows next = keys.Part(first + at_once, at_once);
    Following following(next.num_rows > 0 ? next : values.Part(0, at_once), visit.num_heads);
    ForEachTile<kReading>(visit, [&]<int kRows>(int64_t head, int64_t row) {
      const auto score = [&]<int kChannels>() {
        constexpr int kUnrolled = kChannels / kLanes <= 16 ? kChannels : 0;
        ScoreRows<kType, kRows, kReading == Reading::kInOrderHeads, kUnrolled, Asks(kReading)>(
            keys.Part(first, at_once).Beside(head), visit.widened + row * padded,
            visit.scores + row * kDecodeStepKeys + first * kRows, following);
      };
      WithChannels<64, 96, 128, 256>(keys.channels, score);
    });
  }
}

template <DType kType, Reading kReading>
void AddStep(const DecodeVisit& visit, const SourceRows& values, const SourceRows& next_keys,
             float* correction) {
  const int64_t at_once = ValuesAtOnce<kReading>(visit);
  Following following(next_keys, visit.num_heads);
  for (int64_t first = 0; first < values.num_rows; first += kChainValues) {
    const SourceRows chain = values.Part(first, kChainValues);
    for (int64_t at = 0; at < chain.num_rows; at += at_once) {
      if (kReading == Reading::kAskedHeads) {
        const SourceRows next = values.Part(first + at + at_once, at_once);
        following = Following(next.num_rows > 0 ? next : next_keys, visit.num_heads);
      }
      AddPart<kType, kReading>(visit, chain.Part(at, at_once), first + at, at == 0,
                               at + at_once >= chain.num_rows, correction, following);
    }
    std::fill_n(correction, visit.num_heads * visit.num_rows, 1.0f);
  }
}

template <DType kType, Reading kReading>
void DecodeSteps(const DecodeVisit& visit) {
  constexpr int64_t kStep = kDecodeStepKeys;
  const int64_t padded = core::RoundUp(visit.keys.channels, kLanes);
  float correction[kMostDecodeRows];
  ForEachTile<kReading>(visit, [&]<int kRows>(int64_t, int64_t row) {
    constexpr int kTogether = kReading == Reading::kInOrderHeads ? 1 : kRows;
    for (int64_t end = row + kRows; row < end; row += kTogether) {
      const char* queries[kTogether];
      for (int r = 0; r < kTogether; ++r) queries[r] = visit.queries[visit.rows[row + r]];
      WidenQueries<kType, kTogether>(queries, visit.keys.channels, visit.widened + row * padded);
    }
  });
  for (int64_t first = 0; first < visit.keys.num_rows; first += kStep) {
    const SourceRows keys = visit.keys.Part(first, kStep);
    const SourceRows values = visit.values.Part(first, kStep);
    SourceRows next = visit.next_keys.Part(0, kStep);
    if (first + kStep < visit.keys.num_rows) next = visit.keys.Part(first + kStep, kStep);
    if (next.num_rows == 0) next = keys;
    ScoreStep<kType, kReading>(visit, keys, values);
    ForEachTile<kReading>(visit, [&]<int kRows>(int64_t, int64_t row) {
      ExponentiateRows<kRows>(visit.scores + row * kStep, keys.num_rows, visit.score_scale,
                              visit.state, visit.rows + row, correction + row);
    });
    AddStep<kType, kReading>(visit, values, next, correction);
  }
}

template <DType kType>
void DecodeKeys(const DecodeVisit& visit) {
  switch (HowToRead<kType>(visit)) {
    case Reading::kAsked:
      return DecodeSteps<kType, Reading::kAsked>(visit);
    case Reading::kAskedHeads:
      return DecodeSteps<kType, Reading::kAskedHeads>(visit);
    case Reading::kInOrder:
      return DecodeSteps<kType, Reading::kInOrder>(visit);
    case Reading::kInOrderHeads:
      return DecodeSteps<kType, Reading::kInOrderHeads>(visit);
  }
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
