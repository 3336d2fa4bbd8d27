// The best blocks of each query of a panel, while scores pass by in ascending order of blocks. A
// score becomes an integer that orders as the specification asks (core/top_k.h).
#if defined(MOBA_CPU_BEST_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_BEST_INL_H_
#undef MOBA_CPU_BEST_INL_H_
#else
#define MOBA_CPU_BEST_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <limits>

#include "core/carver.h"
#include "core/top_k.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using VI = hn::Vec<I32>;

// Scores as integers of the same order.
HWY_INLINE VI KeyOf(V score) {
  const auto bits = hn::BitCast(kI32, hn::Add(score, hn::Zero(kF32)));
  const auto flip = hn::And(hn::ShiftRight<31>(bits), hn::Set(kI32, 0x7FFFFFFF));
  const auto is_number = hn::RebindMask(kI32, hn::Eq(score, score));
  return hn::IfThenElse(is_number, hn::Xor(bits, flip), hn::Set(kI32, core::kNaNScore));
}

// Blocks [first, last] of each query compete for `places`.
template <int64_t kRows>
struct Competition {
  alignas(64) int32_t first[kRows];
  alignas(64) int32_t last[kRows];
  alignas(64) int32_t places[kRows];
  int64_t most_places = 0;
  int64_t begin = 0;  // blocks [begin, all_end) compete in every row; none where one has no place
  int64_t all_end = std::numeric_limits<int64_t>::max();
  int64_t end = 0;  // behind the last block that competes anywhere

  void Set(int64_t row, int64_t first_block, int64_t last_block, int64_t row_places) {
    first[row] = static_cast<int32_t>(first_block);
    last[row] = static_cast<int32_t>(row_places > 0 ? last_block : -1);
    places[row] = static_cast<int32_t>(row_places);
    most_places = std::max(most_places, row_places);
    begin = std::max(begin, first_block);
    all_end = std::min<int64_t>(all_end, last[row] + 1);
    end = std::max<int64_t>(end, last[row] + 1);
  }

  // Keys of scores of blocks; lanes where a block does not compete get kNoScore.
  HWY_INLINE VI Keys(V score, int64_t lane0, VI block) const {
    const VI key = KeyOf(score);
    const auto outside = hn::Or(hn::Lt(block, hn::Load(kI32, first + lane0)),
                                hn::Lt(hn::Load(kI32, last + lane0), block));
    return hn::IfThenElse(outside, hn::Set(kI32, core::kNoScore), key);
  }
};

// Scores that may not enter are at most this; NaN where any may. `key` is the least that is kept.
HWY_INLINE V Threshold(VI key) {
  const auto flip = hn::And(hn::ShiftRight<31>(key), hn::Set(kI32, 0x7FFFFFFF));
  const V score = hn::BitCast(kF32, hn::Xor(key, flip));
  const auto none = hn::RebindMask(kF32, hn::Lt(key, hn::Set(kI32, core::kNaNScore + 1)));
  return hn::IfThenElse(none, hn::NaN(kF32), score);
}

// Places up to which exchanging is faster than heaps.
inline constexpr int64_t kMostSorted = 32;

// Few places: per query a sorted list, lists side by side in lanes; scores are inserted into all at
// once by one exchange per place. A score waits until its query has a second one, so that one
// insertion serves many queries.
template <int kVectors>
class SortedBest {
 public:
  static constexpr int64_t kRows = kVectors * kLanes;

  SortedBest(const Competition<kRows>& competition, uint64_t* memory, int64_t width)
      : competition_(competition),
        keys_(reinterpret_cast<int32_t*>(memory)),
        blocks_(keys_ + width * kRows) {
    std::fill(keys_, keys_ + competition.most_places * kRows, core::kNoScore);
    std::fill(waiting_block_, waiting_block_ + kRows, kNone);
    std::fill(below_, below_ + kRows, core::kNoScore);
    for (int v = 0; v < kVectors; ++v) hn::Store(hn::NaN(kF32), kF32, threshold_ + v * kLanes);
  }

  // Scores of the first blocks, [block][row], before they are added. The best of groups are as many
  // blocks as there are groups: what is less than the worst of as many as there are places stays
  // out. Most of the first blocks would enter otherwise, only to be driven out by later ones.
  void Foresee(const float* scores, int64_t num_blocks) {
    const int64_t places = competition_.most_places;
    const int64_t begin = core::RoundUp(competition_.begin, kGroup);
    const int64_t end = std::min(num_blocks, competition_.all_end) / kGroup * kGroup;
    if (end - begin < places * kGroup) return;
    alignas(64) float best[kMostSorted * kLanes];
    for (int64_t lane0 = 0; lane0 < kRows; lane0 += kLanes) {
      const V lowest = hn::Set(kF32, -std::numeric_limits<float>::infinity());
      for (int64_t i = 0; i < places * kLanes; i += kLanes) hn::Store(lowest, kF32, best + i);
      for (int64_t block = begin; block < end; block += kGroup) {
        V score = lowest;
        MOBA_UNROLL for (int64_t b = 0; b < kGroup; ++b) {
          const V other = hn::Load(kF32, scores + (block + b) * kRows + lane0);
          score = hn::IfThenElse(hn::Gt(other, score), other, score);
        }
        for (int64_t i = 0; i < places * kLanes; i += kLanes) {
          const V here = hn::Load(kF32, best + i);
          hn::Store(hn::Max(here, score), kF32, best + i);
          score = hn::Min(here, score);
        }
      }
      const VI least = KeyOf(hn::Load(kF32, best + (places - 1) * kLanes));
      // One less would be that of -0, which stands for no score and compares like +0.
      const VI below = hn::Sub(least, hn::Set(kI32, 2));
      hn::Store(below, kI32, below_ + lane0);
      hn::Store(Threshold(below), kF32, threshold_ + lane0);
    }
  }

  // Scores of a tile of blocks from `block` on, [block][row]. Which vectors hold one that enters is
  // found out without a branch: it cannot be foreseen.
  template <int kBlocks>
  HWY_INLINE void Add(const float* scores, int32_t block) {
    V threshold[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      threshold[v] = hn::Load(kF32, threshold_ + v * kLanes);
    }
    uint32_t entering = 0;
    MOBA_UNROLL for (int b = 0; b < kBlocks; ++b) {
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        const int i = b * kVectors + v;
        const auto stays_out = hn::Le(hn::Load(kF32, scores + i * kLanes), threshold[v]);
        entering |= static_cast<uint32_t>(!hn::AllTrue(kF32, stays_out)) << i;
      }
    }
    for (; entering != 0; entering &= entering - 1) {
      const int i = std::countr_zero(entering);
      Wait(hn::Load(kF32, scores + i * kLanes), i % kVectors * kLanes, block + i / kVectors);
    }
  }

  // After the last score.
  void End() {
    for (int64_t lane0 = 0; lane0 < kRows; lane0 += kLanes) {
      Insert(lane0);
      const int64_t end = competition_.most_places * kRows + lane0;
      for (int64_t at = lane0; at < end; at += kRows) DropUnused(at, lane0);
      for (int64_t last = end - kRows; last > lane0; last -= kRows) {
        for (int64_t at = lane0; at < last; at += kRows) SortPair(blocks_ + at);
      }
    }
  }

  // Writes the blocks that a query chose, ascending, and returns how many they are.
  int64_t Choose(int64_t row, int32_t* chosen) const {
    int64_t count = 0;
    for (; count < competition_.places[row]; ++count) {
      const int32_t block = blocks_[count * kRows + row];
      if (block == kUnused) break;
      chosen[count] = block;
    }
    return count;
  }

 private:
  static constexpr int64_t kGroup = 8;
  static constexpr int32_t kNone = -1;
  static constexpr int32_t kUnused = INT32_MAX;

  HWY_NOINLINE void Wait(V score, int64_t lane0, int32_t block) {
    const auto enters = [&] {
      return hn::RebindMask(kI32, hn::Not(hn::Le(score, hn::Load(kF32, threshold_ + lane0))));
    };
    VI waiting = hn::Load(kI32, waiting_block_ + lane0);
    if (!hn::AllFalse(kI32, hn::And(enters(), hn::Gt(waiting, hn::Set(kI32, kNone))))) {
      Insert(lane0);
      waiting = hn::Set(kI32, kNone);
    }
    const auto waits = enters();
    const V old = hn::Load(kF32, waiting_score_ + lane0);
    hn::Store(hn::IfThenElse(hn::RebindMask(kF32, waits), score, old), kF32,
              waiting_score_ + lane0);
    hn::Store(hn::IfThenElse(waits, hn::Set(kI32, block), waiting), kI32, waiting_block_ + lane0);
  }

  HWY_INLINE void Insert(int64_t lane0) {
    VI number = hn::Load(kI32, waiting_block_ + lane0);
    const VI entering = competition_.Keys(hn::Load(kF32, waiting_score_ + lane0), lane0, number);
    VI key = entering;
    VI kept = key;
    for (int64_t place = lane0; place < competition_.most_places * kRows; place += kRows) {
      const VI here = hn::Load(kI32, keys_ + place);
      const VI block_here = hn::Load(kI32, blocks_ + place);
      // Below the place where it enters, everything moves down by one, ties as well.
      const auto better = hn::Gt(entering, here);
      kept = hn::Max(key, here);
      hn::Store(kept, kI32, keys_ + place);
      hn::Store(hn::IfThenElse(better, number, block_here), kI32, blocks_ + place);
      key = hn::Min(key, here);
      number = hn::IfThenElse(better, block_here, number);
    }
    hn::Store(Threshold(hn::Max(kept, hn::Load(kI32, below_ + lane0))), kF32, threshold_ + lane0);
  }

  // Places that a query does not have, or did not fill.
  HWY_INLINE void DropUnused(int64_t at, int64_t lane0) {
    const auto place = hn::Set(kI32, static_cast<int32_t>(at / kRows));
    const auto filled = hn::Gt(hn::Load(kI32, keys_ + at), hn::Set(kI32, core::kNoScore));
    const auto used = hn::And(filled, hn::Lt(place, hn::Load(kI32, competition_.places + lane0)));
    hn::Store(hn::IfThenElse(used, hn::Load(kI32, blocks_ + at), hn::Set(kI32, kUnused)), kI32,
              blocks_ + at);
  }

  static HWY_INLINE void SortPair(int32_t* blocks) {
    const VI first = hn::Load(kI32, blocks);
    const VI second = hn::Load(kI32, blocks + kRows);
    hn::Store(hn::Min(first, second), kI32, blocks);
    hn::Store(hn::Max(first, second), kI32, blocks + kRows);
  }

  const Competition<kRows>& competition_;
  int32_t* keys_;                     // [place][row], descending
  int32_t* blocks_;                   // [place][row]
  alignas(64) int32_t below_[kRows];  // scores with keys up to this do not enter in any case
  alignas(64) float threshold_[kRows];
  alignas(64) float waiting_score_[kRows] = {};
  alignas(64) int32_t waiting_block_[kRows];
};

// Many places: a heap per query.
template <int kVectors>
class HeapBest {
 public:
  static constexpr int64_t kRows = kVectors * kLanes;

  HeapBest(const Competition<kRows>& competition, uint64_t* memory, int64_t width)
      : competition_(competition) {
    for (int64_t i = 0; i < kRows; ++i) {
      best_[i] = {memory + i * width, competition.places[i], 0};
      threshold_[i] = best_[i].Threshold();
    }
  }

  template <int kBlocks>
  HWY_INLINE void Add(const float* scores, int32_t first_block) {
    for (int64_t at = 0; at < kBlocks * kRows; at += kLanes) {
      const int64_t lane0 = at % kRows;
      const int32_t block = first_block + static_cast<int32_t>(at / kRows);
      const VI keys = competition_.Keys(hn::Load(kF32, scores + at), lane0, hn::Set(kI32, block));
      const auto enters = hn::Gt(keys, hn::Load(kI32, threshold_ + lane0));
      if (HWY_LIKELY(hn::AllFalse(kI32, enters))) continue;
      alignas(64) int32_t lane_keys[kLanes];
      hn::Store(keys, kI32, lane_keys);
      for (int64_t i = 0; i < kLanes; ++i) {
        if (lane_keys[i] <= threshold_[lane0 + i]) continue;
        threshold_[lane0 + i] = best_[lane0 + i].Add(core::Candidate(lane_keys[i], block));
      }
    }
  }

  void Foresee(const float* /*scores*/, int64_t /*num_blocks*/) {}
  void End() {}

  int64_t Choose(int64_t row, int32_t* chosen) const {
    const core::TopK& best = best_[row];
    for (int64_t i = 0; i < best.size; ++i) chosen[i] = core::CandidateBlock(best.candidates[i]);
    std::sort(chosen, chosen + best.size);
    return best.size;
  }

 private:
  const Competition<kRows>& competition_;
  core::TopK best_[kRows];
  alignas(64) int32_t threshold_[kRows];
};

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
