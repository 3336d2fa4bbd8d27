// Selection of one query, for one head or for a group of heads together:
//   score every block that competes, s_j = sum over the heads of <q_h, c_j>, into global scratch;
//   find the worst candidate that still has a place, by a radix select from the top digit down;
//   write the forced blocks and what is not worse than it, in ascending order.
// A thread block per (query, head or group). Candidates are distinct 64-bit integers in the order
// of the specification (core/top_k.h), so any K is exact and ties are broken by construction.
// Limits: shared memory traffic of the scores; where queries compete for few blocks, latency.
#include "cuda/route.h"

#include "core/carver.h"
#include "core/top_k.h"
#include "cuda/eligible.h"
#include "cuda/scores.h"

namespace moba::cuda {
namespace {

constexpr int kDigitBits = 8;
constexpr int kBins = 1 << kDigitBits;
constexpr uint64_t kEverything = 0;
constexpr uint64_t kNothing = UINT64_MAX;  // above every candidate

// Where the last place falls in the bins of one digit.
struct Cut {
  int32_t bin;
  int32_t above;  // candidates in higher bins
  int32_t inside;
};

template <class Element>
struct Route {
  struct Shared {
    ScoreMemory score;
    int32_t bins[kBins];
    Cut cut;
    int32_t counts[kThreads];
  };

  RouteArguments a;

  MOBA_DEVICE void operator()(Block& block, Shared& shared, int64_t index) const {
    const int64_t heads = a.options.per_group ? a.num_heads / a.num_kv_heads : 1;
    const int64_t first_head = index / a.num_rows * heads;
    const int64_t row = index % a.num_rows;
    const SequenceRecord sequence = a.sequences.template Find<&SequenceRecord::row_begin>(row);
    const int64_t query = row - sequence.row_begin;
    const Eligible eligible(a.options, sequence, query);
    float* const scores = a.scores + block.worker() * a.most_blocks;

    uint64_t threshold = eligible.places > 0 ? kEverything : kNothing;
    if (eligible.Competes()) {
      for (int64_t head = first_head; head < first_head + heads; ++head) {
        AddScores(block, shared, sequence, eligible, query, head, head == first_head, scores);
      }
      threshold = Threshold(block, shared, eligible, scores);
    }
    Write(block, shared, sequence, eligible, query, first_head, heads, threshold, scores);
  }

 private:
  MOBA_DEVICE void AddScores(Block& block, Shared& shared, const SequenceRecord& sequence,
                             const Eligible& eligible, int64_t query, int64_t head, bool first_head,
                             float* scores) const {
    LoadQuery<Element>(block, shared.score, a.q.Row(sequence.batch, sequence.q_begin + query, head),
                       a.head_dim);
    const int64_t kv_head = head / (a.num_heads / a.num_kv_heads);
    const Element* const centroids =
        static_cast<const Element*>(a.centroids) +
        (kv_head * a.num_centroids + sequence.centroid_begin + eligible.first) * a.head_dim;
    for (int32_t first = 0; first < eligible.count; first += kChunkRows) {
      const int count = std::min(int{kChunkRows}, eligible.count - first);
      ScoreChunk<Element>(block, shared.score, a.head_dim, count, [&](int i) -> const void* {
        return centroids + int64_t{first + i} * a.head_dim;
      });
      block.Each([&](int thread) {
        if (thread >= count) return;
        const float score = shared.score.scores[thread];
        scores[first + thread] = first_head ? score : scores[first + thread] + score;
      });
    }
  }

  MOBA_DEVICE static uint64_t CandidateAt(const float* scores, int32_t i) {
    return core::Candidate(core::ScoreKey(scores[i]), i);
  }

  // The worst of the best `places` candidates.
  MOBA_DEVICE static uint64_t Threshold(Block& block, Shared& shared, const Eligible& eligible,
                                        const float* scores) {
    uint64_t prefix = 0;
    int32_t wanted = eligible.places;
    for (int shift = 64 - kDigitBits; shift >= 0; shift -= kDigitBits) {
      block.Each([&](int thread) {
        for (int bin = thread; bin < kBins; bin += kThreads) shared.bins[bin] = 0;
      });
      block.Each([&](int thread) {
        for (int32_t i = thread; i < eligible.count; i += kThreads) {
          const uint64_t candidate = CandidateAt(scores, i);
          if ((candidate ^ prefix) >> shift >> kDigitBits != 0) continue;
          AtomicAdd(&shared.bins[candidate >> shift & (kBins - 1)], 1);
        }
      });
      block.Each([&](int thread) {
        for (int bin = thread; bin < kBins; bin += kThreads) {
          int32_t above = 0;
          for (int higher = bin + 1; higher < kBins; ++higher) above += shared.bins[higher];
          if (above < wanted && wanted <= above + shared.bins[bin]) {
            shared.cut = {bin, above, shared.bins[bin]};
          }
        }
      });
      const Cut cut = block.Uniform(shared.cut);
      prefix |= static_cast<uint64_t>(cut.bin) << shift;
      wanted -= cut.above;
      // The last digit tells all candidates apart, but one seldom gets there.
      if (wanted == cut.inside) break;
    }
    return prefix;
  }

  // Forced blocks and the chosen ones ascending, then -1; the same for every head of the group.
  MOBA_DEVICE void Write(Block& block, Shared& shared, const SequenceRecord& sequence,
                         const Eligible& eligible, int64_t query, int64_t first_head, int64_t heads,
                         uint64_t threshold, const float* scores) const {
    // Each thread has its share of the candidates, one after the other.
    const int32_t share = static_cast<int32_t>(core::CeilDiv(eligible.count, kThreads));
    const auto chosen = [&](int32_t i) {
      if (threshold == kEverything) return true;
      return threshold != kNothing && CandidateAt(scores, i) >= threshold;
    };
    const auto first_of = [&](int thread) { return std::min(thread * share, eligible.count); };
    block.Each([&](int thread) {
      int32_t count = 0;
      for (int32_t i = first_of(thread); i < first_of(thread + 1); ++i) count += chosen(i);
      shared.counts[thread] = count;
    });
    const int64_t token = sequence.q_begin + query;
    block.Each([&](int thread) {
      int32_t before = 0;
      int32_t all = 0;
      for (int other = 0; other < kThreads; ++other) {
        if (other < thread) before += shared.counts[other];
        all += shared.counts[other];
      }
      const int64_t local_place = eligible.first + all;
      const int64_t end = local_place + eligible.visible - eligible.local_begin;
      for (int64_t head = first_head; head < first_head + heads; ++head) {
        char* const row = a.selected.Row(sequence.batch, token, head);
        const auto put = [&](int64_t place, int64_t selected) {
          reinterpret_cast<int32_t*>(row)[place * a.selected.channel_stride] =
              static_cast<int32_t>(selected);
        };
        for (int64_t place = thread; place < eligible.first; place += kThreads) put(place, place);
        int64_t place = eligible.first + before;
        for (int32_t i = first_of(thread); i < first_of(thread + 1); ++i) {
          if (chosen(i)) put(place++, eligible.first + i);
        }
        for (place = local_place + thread; place < end; place += kThreads) {
          put(place, eligible.local_begin + place - local_place);
        }
        for (place = end + thread; place < a.width; place += kThreads) put(place, -1);
      }
    });
  }
};

}  // namespace

Status LaunchRoute(const Queue& queue, const RouteArguments& arguments) {
  const int64_t tasks = arguments.options.per_group ? arguments.num_kv_heads : arguments.num_heads;
  return WithElement(arguments.dtype, [&](auto element) {
    return Launch(queue, Route<decltype(element)>{arguments}, tasks * arguments.num_rows);
  });
}

}  // namespace moba::cuda
