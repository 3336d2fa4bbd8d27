// The operator of moba.h once more, slowly: fp64, one formula after the other, nothing shared with
// the library. Tensors are packed and contiguous here; how they lie in memory is the business of
// tensor_memory.h.
#ifndef MOBA_TESTS_ORACLE_H_
#define MOBA_TESTS_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "moba/moba.h"

namespace moba_test {

struct Lengths {
  int64_t q;
  int64_t k;
};

// One call: the options and the values of its packed inputs, each exactly representable in `dtype`.
struct Problem {
  int32_t dtype = MOBA_F32;
  int64_t heads = 1;
  int64_t kv_heads = 1;
  int64_t head_dim = 1;
  int64_t head_dim_v = 1;
  std::vector<Lengths> sequences;
  moba_options options = {};
  std::vector<double> q;  // [Tq, H, D]
  std::vector<double> k;  // [Tk, G, D]
  std::vector<double> v;  // [Tk, G, Dv]

  int64_t TokensQ() const;
  int64_t TokensK() const;
  int64_t FirstQ(size_t sequence) const;
  int64_t FirstK(size_t sequence) const;
  double Scale() const;
  bool Full() const { return options.attention == MOBA_ATTENTION_FULL; }
  // Blocks of the sequence with most; 0 when every sequence is empty.
  int64_t MostBlocks() const;
  // K' of an exported selection.
  int64_t SelectionWidth() const;

  double& Q(int64_t token, int64_t head, int64_t channel);
  double& K(int64_t token, int64_t head, int64_t channel);
  double& V(int64_t token, int64_t head, int64_t channel);
  double Q(int64_t token, int64_t head, int64_t channel) const;
  double K(int64_t token, int64_t head, int64_t channel) const;
  double V(int64_t token, int64_t head, int64_t channel) const;
};

// Block indices [Tq, H, width], ascending, -1 at the end.
struct Selection {
  int64_t heads = 0;
  int64_t width = 0;
  std::vector<int32_t> blocks;

  const int32_t* Row(int64_t token, int64_t head) const {
    return blocks.data() + (token * heads + head) * width;
  }
  int32_t* Row(int64_t token, int64_t head) {
    return blocks.data() + (token * heads + head) * width;
  }
  // The row without its padding.
  std::vector<int32_t> Blocks(int64_t token, int64_t head) const;
};

// How the blocks of one row compare: what a test needs to judge a choice that differs from ours.
struct RowRanking {
  int64_t eligible = 0;        // blocks 0 .. eligible - 1 may be selected
  int64_t selectable = 0;      // how many of them are selected: min(K, eligible)
  std::vector<bool> forced;    // [eligible]
  std::vector<double> scores;  // [eligible], fp64
  double margin = 0;           // 1e-5 * |q| * max |c|; PER_GROUP: the sum of |q| over the heads
};

// The choice, ties to the lower index.
std::vector<int32_t> Choose(const RowRanking& ranking);

// Section 2 of the specification.
class Router {
 public:
  explicit Router(const Problem& problem);
  RowRanking Rank(size_t sequence, int64_t query, int64_t head) const;
  Selection Select() const;

 private:
  const Problem& problem_;
  std::vector<std::vector<double>> centroids_;  // per sequence [blocks, G, D], as stored
};

struct Attention {
  std::vector<double> o;     // [Tq, H, Dv]
  std::vector<double> lse;   // [Tq, H]
  double largest_score = 0;  // max |scale <q, k>| over visible, selected pairs; NaN, Inf left out
  double largest_value = 0;  // max |v| over what those pairs read; NaN, Inf left out
};

// Keys that query `query` of `sequence` sees, as a count: it sees keys 0 .. count - 1.
int64_t VisibleKeys(const Problem& problem, size_t sequence, int64_t query);

// Section 3 in fp64. `selection` null: all keys.
Attention Attend(const Problem& problem, const Selection* selection);

// The yardstick of section 6 for 16-bit storage: the plain formula in fp32, normalised
// probabilities rounded to the dtype, output rounded once.
std::vector<double> Yardstick(const Problem& problem, const Selection* selection);

}  // namespace moba_test

#endif  // MOBA_TESTS_ORACLE_H_
