// The best K of a stream of scored blocks under the order of the specification (section 2, rule 4):
// higher score first, -0 equal to +0, NaN below every number, the lower block index among equals.
//
// A candidate is one 64-bit integer that compares like that order, so the running list is a plain
// binary heap with the worst candidate on top.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>

namespace moba::core {

// Orders below the key of every score, NaN included.
inline constexpr int32_t kNoScore = INT32_MIN;
inline constexpr int32_t kNaNScore = INT32_MIN + 1;

// Maps a score to an integer with the same order. Vector code computes the same, lane by lane.
constexpr int32_t ScoreKey(float score) {
  if (score != score) return kNaNScore;
  const int32_t bits = std::bit_cast<int32_t>(score + 0.0f);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

constexpr uint64_t Candidate(int32_t score_key, int32_t block) {
  const uint32_t biased = static_cast<uint32_t>(score_key) ^ 0x80000000u;
  return static_cast<uint64_t>(biased) << 32 | (0xFFFFFFFFu - static_cast<uint32_t>(block));
}

constexpr int32_t CandidateBlock(uint64_t candidate) {
  return static_cast<int32_t>(0xFFFFFFFFu - static_cast<uint32_t>(candidate));
}

constexpr int32_t CandidateScoreKey(uint64_t candidate) {
  return static_cast<int32_t>(static_cast<uint32_t>(candidate >> 32) ^ 0x80000000u);
}

// A list of at most `capacity` candidates in caller's memory.
struct TopK {
  uint64_t* candidates;
  int64_t capacity;
  int64_t size;

  // Adds a candidate and returns the score key that a later one, of a higher block index, has to
  // exceed to enter.
  int32_t Add(uint64_t candidate) {
    if (size < capacity) {
      candidates[size++] = candidate;
      std::push_heap(candidates, candidates + size, std::greater<>());
    } else if (capacity > 0 && candidate > candidates[0]) {
      std::pop_heap(candidates, candidates + size, std::greater<>());
      candidates[size - 1] = candidate;
      std::push_heap(candidates, candidates + size, std::greater<>());
    }
    return Threshold();
  }

  int32_t Threshold() const {
    if (size < capacity) return kNoScore;
    return capacity == 0 ? INT32_MAX : CandidateScoreKey(candidates[0]);
  }
};

}  // namespace moba::core
