// The best blocks of one query so far, kept by the four lanes of a warp that have its scores.
//
// Memory of a row: the kept candidates, one after the other, then a segment for each lane, to which
// it adds what may be among the best. Reduce leaves the best of all, and raises the threshold that
// later scores have to reach. All lanes of a warp reduce together, so eight rows go side by side.
#pragma once

#include <bit>
#include <limits>

#include "core/carver.h"
#include "core/top_k.h"
#include "cuda/device/thread.h"

namespace moba::cuda {

inline constexpr int kRowLanes = 4;

// Of the four lanes of a row; all lanes of the warp take part.
template <class T, class Join>
MOBA_THREAD T JoinRow(T value, const Join& join) {
  value = join(value, ShuffleXor(value, 1));
  return join(value, ShuffleXor(value, 2));
}
MOBA_THREAD int SumOfRow(int value) {
  return JoinRow(value, [](int a, int b) { return a + b; });
}

class BestBlocks {
 public:
  static constexpr float kNoThreshold = -std::numeric_limits<float>::infinity();

  // Room for `places` kept candidates and the segments in `slots` of them.
  static constexpr int Segment(int slots, int places) {
    return (slots - static_cast<int>(core::RoundUp(places, kRowLanes))) / kRowLanes;
  }

  // `row`: the row's first slot. Without places nothing is added.
  MOBA_THREAD void Begin(uint64_t* memory, int row, int slots, int lane, int most_places,
                         int places) {
    const int segment_size = Segment(slots, most_places);
    memory_ = memory;
    row_ = row;
    segment_ = row + static_cast<int>(core::RoundUp(most_places, kRowLanes)) + lane * segment_size;
    next_ = segment_;
    end_ = segment_ + segment_size;
    lane_ = lane;
    places_ = places;
    kept_ = 0;
    threshold_ = places > 0 ? kNoThreshold : -kNoThreshold;
  }

  MOBA_THREAD int places() const { return places_; }
  MOBA_THREAD int kept() const { return kept_; }
  MOBA_THREAD int32_t Kept(int i) const { return core::CandidateBlock(memory_[row_ + i]); }

  // `places` blocks of this score or a better one are known to come.
  MOBA_THREAD void Expect(float score) { threshold_ = fmaxf(threshold_, score); }
  MOBA_THREAD bool expects_any() const { return threshold_ == kNoThreshold; }

  // NaN may enter: there may be nothing better, and Reduce knows.
  MOBA_THREAD bool MayEnter(float score) const { return !(score < threshold_); }
  MOBA_THREAD bool HasRoomFor(int count) const { return next_ + count <= end_; }
  MOBA_THREAD void Add(float score, int32_t block) {
    memory_[next_++] = static_cast<uint64_t>(std::bit_cast<uint32_t>(score)) << 32 |
                       (0xFFFFFFFFu - static_cast<uint32_t>(block));
  }

  // `exact(score, block)` may correct the scores of what was added.
  template <class Exact>
  MOBA_THREAD void Reduce(const Exact& exact) {
    uint64_t worst = UINT64_MAX;
    uint64_t best = 0;
    share_ = (kept_ + kRowLanes - 1 - lane_) / kRowLanes;
    const int count = share_ + next_ - segment_;
    for (int i = 0; i < count; ++i) {
      if (i >= share_) {
        const int32_t block = core::CandidateBlock(At(i));
        const float score = std::bit_cast<float>(static_cast<uint32_t>(At(i) >> 32));
        At(i) = core::Candidate(core::ScoreKey(exact(score, block)), block);
      }
      worst = std::min(worst, At(i));
      best = std::max(best, At(i));
    }
    worst = JoinRow(worst, [](uint64_t a, uint64_t b) { return std::min(a, b); });
    best = JoinRow(best, [](uint64_t a, uint64_t b) { return std::max(a, b); });
    const int all = SumOfRow(count);
    const uint64_t cut = Cut(worst, best, count, all > places_);
    Keep(cut, count);
    if (all >= places_ && places_ > 0) Expect(ScoreOf(cut));
  }

 private:
  // Candidate i of the lane: its share of the kept ones, then what it added.
  MOBA_THREAD uint64_t& At(int i) const {
    return memory_[i < share_ ? row_ + kRowLanes * i + lane_ : segment_ + i - share_];
  }

  // A number that exactly `places` candidates reach, if there are more: bit by bit, from the first
  // one in which candidates differ. The rows that are done wait for the others of the warp.
  MOBA_THREAD uint64_t Cut(uint64_t worst, uint64_t best, int count, bool more) const {
    if (!more) best = worst;
    int bit = 63 - std::countl_zero(worst ^ best);
    uint64_t cut = more ? best & ~((uint64_t{2} << bit) - 1) : worst;
    while (Ballot(bit >= 0) != 0) {
      const uint64_t trial = bit >= 0 ? cut | uint64_t{1} << bit : 0;
      int reached = 0;
      for (int i = 0; i < count; ++i) reached += At(i) >= trial;
      reached = SumOfRow(reached);
      if (bit >= 0 && reached >= places_) cut = trial;
      bit = reached == places_ ? -1 : bit - 1;
    }
    return cut;
  }

  // Moves what reaches `cut` to the kept ones. A candidate never moves behind the place it is read
  // from, and each step of the lanes reads before it writes.
  MOBA_THREAD void Keep(uint64_t cut, int count) {
    const uint32_t lanes_before = (1u << lane_) - 1;
    int kept = 0;
    for (int i = 0; Ballot(i < count) != 0; ++i) {
      const uint64_t candidate = i < count ? At(i) : 0;
      const bool stays = i < count && candidate >= cut;
      const uint32_t row = Ballot(stays) >> (ThreadIndex() & 28) & 15;
      if (stays) memory_[row_ + kept + PopCount(row & lanes_before)] = candidate;
      kept += PopCount(row);
    }
    kept_ = kept;
    next_ = segment_;
    SyncWarp();
  }

  // The threshold that a cut means: none where it lies among NaNs.
  static MOBA_THREAD float ScoreOf(uint64_t cut) {
    const int32_t key = core::CandidateScoreKey(cut);
    const float score = std::bit_cast<float>(key ^ ((key >> 31) & 0x7FFFFFFF));
    return score == score ? score : kNoThreshold;
  }

  uint64_t* memory_;
  int row_;      // where the kept ones begin
  int segment_;  // where this lane's begin, where the next one goes, and where they have to end
  int next_;
  int end_;
  float threshold_;
  int lane_;
  int places_;
  int kept_;
  int share_;
};

}  // namespace moba::cuda
