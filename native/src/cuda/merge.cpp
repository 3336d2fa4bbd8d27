// lse = ln(exp(lse_a) + exp(lse_b)),  o = o_a exp(lse_a - lse) + o_b exp(lse_b - lse), in fp32.
// A thread block per row (token, head), a thread per channel; o_a, o_b and o are touched once, so
// that is what limits it.
#include "cuda/merge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda/element.h"

namespace moba::cuda {
namespace {

template <class Element>
struct Merge {
  struct Shared {};

  core::MergeProblem a;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t index) const {
    const int64_t head = index % a.heads;
    const int64_t token = index / a.heads % a.tokens;
    const int64_t batch = index / a.heads / a.tokens;
    const float lse_a = *reinterpret_cast<const float*>(a.lse_a.Row(batch, token, head));
    const float lse_b = *reinterpret_cast<const float*>(a.lse_b.Row(batch, token, head));
    float weight_a = 0;
    float weight_b = 0;
    float lse = -std::numeric_limits<float>::infinity();
    if (!(lse_a == lse && lse_b == lse)) {  // a NaN in either makes the row NaN
      const float most = std::max(lse_a, lse_b);
      weight_a = expf(lse_a - most);
      weight_b = expf(lse_b - most);
      const float sum = weight_a + weight_b;
      lse = most + logf(sum);
      weight_a /= sum;
      weight_b /= sum;
    }
    const auto* const o_a = reinterpret_cast<const Element*>(a.o_a.Row(batch, token, head));
    const auto* const o_b = reinterpret_cast<const Element*>(a.o_b.Row(batch, token, head));
    auto* const o = reinterpret_cast<Element*>(a.o.Row(batch, token, head));
    block.Each([&](int thread) {
      for (int64_t channel = thread; channel < a.channels; channel += kThreads) {
        // What a side without weight holds does not count, not even NaN.
        float sum = 0;
        if (weight_a != 0) sum = fmaf(Widen(o_a[channel]), weight_a, sum);
        if (weight_b != 0) sum = fmaf(Widen(o_b[channel]), weight_b, sum);
        Narrow(sum, o[channel]);
      }
      if (thread == 0) *reinterpret_cast<float*>(a.lse.Row(batch, token, head)) = lse;
    });
  }
};

}  // namespace

Status LaunchMerge(const Queue& queue, const core::MergeProblem& problem) {
  return WithElement(problem.dtype, [&](auto element) {
    return Launch(queue, Merge<decltype(element)>{problem},
                  problem.batch * problem.tokens * problem.heads);
  });
}

}  // namespace moba::cuda
