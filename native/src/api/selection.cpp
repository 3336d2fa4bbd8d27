#include "api/selection.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <limits>

#include "core/carver.h"

namespace moba::api {
namespace {

using LongLong = long long;

constexpr int64_t kRowsPerTask = 1024;
constexpr int64_t kNoFault = std::numeric_limits<int64_t>::max();

class Checker {
 public:
  Checker(const core::Problem& problem, bool batched, int64_t block_size,
          const core::Sequence& sequence)
      : problem_(problem), batched_(batched), block_size_(block_size), sequence_(sequence) {}

  // Blocks up to the last one with a key that the query sees.
  int64_t VisibleBlocks(int64_t query) const {
    const int64_t last = sequence_.LastVisibleKey(query, problem_.options.causal);
    return last < 0 ? 0 : last / block_size_ + 1;
  }

  int32_t Entry(int64_t query, int64_t head, int64_t place) const {
    const core::InputRows& selected = problem_.selected_in;
    const char* row = selected.Row(sequence_.batch, sequence_.q_begin + query, head);
    return selected.Entry(row, place);
  }

  // First place whose entry is wrong, or -1. `count` becomes the number of selected blocks.
  int64_t FirstFault(int64_t query, int64_t head, int64_t& count) const {
    const int64_t visible = VisibleBlocks(query);
    int64_t previous = -1;
    count = 0;
    bool ended = false;
    for (int64_t place = 0; place < problem_.selected_width; ++place) {
      const int64_t block = Entry(query, head, place);
      if (block == -1) {
        ended = true;
        continue;
      }
      if (ended || block <= previous || block >= visible) return place;
      previous = block;
      ++count;
    }
    return -1;
  }

  int32_t Report(int64_t query, int64_t head, int64_t place) const {
    const int64_t block = Entry(query, head, place);
    const int64_t before = place == 0 ? -1 : Entry(query, head, place - 1);
    const int64_t visible = VisibleBlocks(query);
    char expected[80];
    if (place > 0 && before == -1) {
      std::snprintf(expected, sizeof expected, "-1 after the first -1");
    } else if (visible == 0) {
      std::snprintf(expected, sizeof expected, "-1, since this query sees no block");
    } else if (block >= visible) {
      std::snprintf(expected, sizeof expected,
                    "-1 or a block of at most %lld, the last that this query sees",
                    static_cast<LongLong>(visible - 1));
    } else {
      std::snprintf(expected, sizeof expected, "-1 or a block above %lld, since blocks ascend",
                    static_cast<LongLong>(before));
    }
    char batch[24] = "";
    if (batched_) {
      std::snprintf(batch, sizeof batch, "%lld, ", static_cast<LongLong>(sequence_.batch));
    }
    return Fail(MOBA_INVALID_ARGUMENT, "selected[%s%lld, %lld, %lld] is %lld, expected %s", batch,
                static_cast<LongLong>(sequence_.q_begin + query), static_cast<LongLong>(head),
                static_cast<LongLong>(place), static_cast<LongLong>(block), expected);
  }

 private:
  const core::Problem& problem_;
  const bool batched_;
  const int64_t block_size_;
  const core::Sequence& sequence_;
};

}  // namespace

int32_t CheckSelection(const core::Problem& problem, bool batched, int64_t block_size,
                       core::Sequence* sequences, cpu::ThreadPool& pool,
                       const core::Control& control) {
  for (int64_t s = 0; s < problem.num_sequences; ++s) {
    core::Sequence& sequence = sequences[s];
    const Checker checker(problem, batched, block_size, sequence);
    std::atomic<int64_t> first_fault{kNoFault};  // (query, head), flattened
    std::atomic<bool> holds_all{true};
    std::atomic<int64_t> most_selected{0};
    pool.Run(core::CeilDiv(sequence.q_len, kRowsPerTask), [&](int64_t task, int) {
      if (control.Cancelled()) return;
      const int64_t end = std::min((task + 1) * kRowsPerTask, sequence.q_len);
      int64_t most = 0;
      for (int64_t query = task * kRowsPerTask; query < end; ++query) {
        for (int64_t head = 0; head < problem.num_heads; ++head) {
          int64_t count = 0;
          if (checker.FirstFault(query, head, count) >= 0) {
            const int64_t fault = query * problem.num_heads + head;
            int64_t known = first_fault.load(std::memory_order_relaxed);
            while (fault < known && !first_fault.compare_exchange_weak(known, fault)) {
            }
            return;
          }
          most = std::max(most, count);
          if (count != checker.VisibleBlocks(query)) {
            holds_all.store(false, std::memory_order_relaxed);
          }
        }
      }
      int64_t known = most_selected.load(std::memory_order_relaxed);
      while (most > known && !most_selected.compare_exchange_weak(known, most)) {
      }
    });
    if (first_fault.load() != kNoFault) {
      const int64_t query = first_fault.load() / problem.num_heads;
      const int64_t head = first_fault.load() % problem.num_heads;
      int64_t count = 0;
      const int64_t place = checker.FirstFault(query, head, count);
      return checker.Report(query, head, std::max<int64_t>(place, 0));
    }
    sequence.dense = holds_all.load();
    sequence.most_selected = most_selected.load();
  }
  return MOBA_OK;
}

}  // namespace moba::api
