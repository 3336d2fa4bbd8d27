// Grid cases of several sequences in one run.
#ifndef MOBA_TESTS_CUDA_BATCH_CASES_H_
#define MOBA_TESTS_CUDA_BATCH_CASES_H_

#include <string>
#include <utility>
#include <vector>

#include "parameters.h"

namespace moba_test {

// Calls add(name, problem, {}) for each of the named batches, block-sparse as `like` and full,
// causal or not.
template <class Add>
void AddBatches(const std::vector<std::pair<std::string, std::vector<Lengths>>>& batches,
                const Problem& like, const Add& add) {
  for (const auto& [name, sequences] : batches) {
    for (int32_t causal : {1, 0}) {
      for (const moba_options& options : {like.options, FullAttention()}) {
        Problem problem = like;
        problem.sequences = sequences;
        problem.options = options;
        problem.options.causal = causal;
        add(name + (problem.Full() ? "_full" : "") + (causal != 0 ? "" : "_bidirectional"), problem,
            {});
      }
    }
  }
}

}  // namespace moba_test

#endif  // MOBA_TESTS_CUDA_BATCH_CASES_H_
