#include "oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "storage.h"

namespace moba_test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Rounds towards minus infinity; the position of a query without visible keys is negative.
int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

int64_t Blocks(int64_t keys, int64_t block_size) { return (keys + block_size - 1) / block_size; }

double Norm(const double* x, int64_t count) {
  return std::sqrt(std::inner_product(x, x + count, x, 0.0));
}

// Keys of the selected blocks that the query sees, ascending. `blocks` null: all blocks.
std::vector<int64_t> VisibleSelected(const Problem& problem, size_t sequence, int64_t query,
                                     const std::vector<int32_t>* blocks) {
  const int64_t visible = VisibleKeys(problem, sequence, query);
  std::vector<int64_t> keys;
  if (blocks == nullptr) {
    keys.resize(visible);
    std::iota(keys.begin(), keys.end(), 0);
    return keys;
  }
  const int64_t size = problem.options.block_size;
  for (int64_t block : *blocks) {
    for (int64_t key = block * size; key < std::min((block + 1) * size, visible); ++key) {
      keys.push_back(key);
    }
  }
  return keys;
}

// Calls body(token, head, first key of the sequence, visible selected keys) for every row.
template <typename Body>
void ForEachRow(const Problem& problem, const Selection* selection, Body body) {
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    for (int64_t i = 0; i < problem.sequences[s].q; ++i) {
      const int64_t token = problem.FirstQ(s) + i;
      for (int64_t h = 0; h < problem.heads; ++h) {
        std::vector<int32_t> blocks;
        if (selection != nullptr) blocks = selection->Blocks(token, h);
        body(token, h, problem.FirstK(s),
             VisibleSelected(problem, s, i, selection == nullptr ? nullptr : &blocks));
      }
    }
  }
}

double Larger(double bound, double x) {
  return std::isfinite(x) ? std::max(bound, std::fabs(x)) : bound;
}

}  // namespace

int64_t Problem::TokensQ() const { return FirstQ(sequences.size()); }
int64_t Problem::TokensK() const { return FirstK(sequences.size()); }

int64_t Problem::FirstQ(size_t sequence) const {
  return std::accumulate(sequences.begin(), sequences.begin() + sequence, int64_t{0},
                         [](int64_t sum, const Lengths& lengths) { return sum + lengths.q; });
}

int64_t Problem::FirstK(size_t sequence) const {
  return std::accumulate(sequences.begin(), sequences.begin() + sequence, int64_t{0},
                         [](int64_t sum, const Lengths& lengths) { return sum + lengths.k; });
}

double Problem::Scale() const {
  return options.softmax_scale > 0 ? options.softmax_scale
                                   : 1.0 / std::sqrt(static_cast<double>(head_dim));
}

int64_t Problem::MostBlocks() const {
  int64_t most = 0;
  for (const Lengths& lengths : sequences) {
    most = std::max(most, Blocks(lengths.k, options.block_size));
  }
  return most;
}

int64_t Problem::SelectionWidth() const {
  return std::max<int64_t>(1, std::min(options.top_k, MostBlocks()));
}

double& Problem::Q(int64_t token, int64_t head, int64_t channel) {
  return q[(token * heads + head) * head_dim + channel];
}
double& Problem::K(int64_t token, int64_t head, int64_t channel) {
  return k[(token * kv_heads + head) * head_dim + channel];
}
double& Problem::V(int64_t token, int64_t head, int64_t channel) {
  return v[(token * kv_heads + head) * head_dim_v + channel];
}
double Problem::Q(int64_t token, int64_t head, int64_t channel) const {
  return q[(token * heads + head) * head_dim + channel];
}
double Problem::K(int64_t token, int64_t head, int64_t channel) const {
  return k[(token * kv_heads + head) * head_dim + channel];
}
double Problem::V(int64_t token, int64_t head, int64_t channel) const {
  return v[(token * kv_heads + head) * head_dim_v + channel];
}

std::vector<int32_t> Selection::Blocks(int64_t token, int64_t head) const {
  const int32_t* row = Row(token, head);
  return {row, std::find(row, row + width, -1)};
}

int64_t VisibleKeys(const Problem& problem, size_t sequence, int64_t query) {
  const Lengths& lengths = problem.sequences[sequence];
  if (problem.options.causal == 0) return lengths.k;
  return std::max<int64_t>(0, lengths.k - lengths.q + query + 1);
}

Router::Router(const Problem& problem) : problem_(problem) {
  const int64_t size = problem.options.block_size;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const int64_t keys = problem.sequences[s].k;
    std::vector<double> centroids;
    for (int64_t begin = 0; begin < keys; begin += size) {
      const int64_t end = std::min(begin + size, keys);
      for (int64_t g = 0; g < problem.kv_heads; ++g) {
        for (int64_t d = 0; d < problem.head_dim; ++d) {
          double sum = 0;
          for (int64_t key = begin; key < end; ++key)
            sum += problem.K(problem.FirstK(s) + key, g, d);
          const float mean = static_cast<float>(sum / static_cast<double>(end - begin));
          centroids.push_back(Round(mean, problem.dtype));
        }
      }
    }
    centroids_.push_back(std::move(centroids));
  }
}

RowRanking Router::Rank(size_t sequence, int64_t query, int64_t head) const {
  const moba_options& options = problem_.options;
  const Lengths& lengths = problem_.sequences[sequence];
  const int64_t dim = problem_.head_dim;
  const int64_t group = problem_.heads / problem_.kv_heads;
  const int64_t kv_head = head / group;
  const bool shared = options.routing == MOBA_ROUTING_PER_GROUP;
  const int64_t first_head = shared ? kv_head * group : head;
  const int64_t last_head = shared ? first_head + group : head + 1;
  const int64_t own = FloorDivide(lengths.k - lengths.q + query, options.block_size);
  const int64_t count = Blocks(lengths.k, options.block_size);

  RowRanking ranking;
  ranking.eligible = options.causal != 0 ? own + 1 : count;
  if (ranking.eligible < 0) ranking.eligible = 0;
  ranking.selectable = std::min(options.top_k, ranking.eligible);
  double q_norm = 0;
  double c_norm = 0;
  const int64_t token = problem_.FirstQ(sequence) + query;
  for (int64_t h = first_head; h < last_head; ++h) {
    q_norm += Norm(&problem_.q[(token * problem_.heads + h) * dim], dim);
  }
  for (int64_t block = 0; block < ranking.eligible; ++block) {
    const double* centroid =
        centroids_[sequence].data() + (block * problem_.kv_heads + kv_head) * dim;
    double score = 0;
    for (int64_t h = first_head; h < last_head; ++h) {
      for (int64_t d = 0; d < dim; ++d) score += problem_.Q(token, h, d) * centroid[d];
    }
    c_norm = Larger(c_norm, Norm(centroid, dim));
    ranking.scores.push_back(score);
    ranking.forced.push_back(block < options.sink_blocks ||
                             (options.causal != 0 && block > own - options.local_blocks));
  }
  ranking.margin = 1e-5 * q_norm * c_norm;
  return ranking;
}

std::vector<int32_t> Choose(const RowRanking& ranking) {
  std::vector<int32_t> order(ranking.eligible);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    if (ranking.forced[a] != ranking.forced[b]) return ranking.forced[a] == true;
    const double x = ranking.scores[a];
    const double y = ranking.scores[b];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return x > y;
  });
  order.resize(ranking.selectable);
  std::sort(order.begin(), order.end());
  return order;
}

Selection Router::Select() const {
  Selection selection;
  selection.heads = problem_.heads;
  selection.width = problem_.SelectionWidth();
  selection.blocks.assign(problem_.TokensQ() * selection.heads * selection.width, -1);
  for (size_t s = 0; s < problem_.sequences.size(); ++s) {
    for (int64_t i = 0; i < problem_.sequences[s].q; ++i) {
      for (int64_t h = 0; h < problem_.heads; ++h) {
        const std::vector<int32_t> chosen = Choose(Rank(s, i, h));
        std::copy(chosen.begin(), chosen.end(), selection.Row(problem_.FirstQ(s) + i, h));
      }
    }
  }
  return selection;
}

Attention Attend(const Problem& problem, const Selection* selection) {
  const double scale = problem.Scale();
  const int64_t dim_v = problem.head_dim_v;
  const int64_t group = problem.heads / problem.kv_heads;
  Attention result;
  result.o.assign(problem.TokensQ() * problem.heads * dim_v, 0.0);
  result.lse.assign(problem.TokensQ() * problem.heads, -kInfinity);
  std::vector<double> scores;
  ForEachRow(problem, selection,
             [&](int64_t token, int64_t h, int64_t first, const std::vector<int64_t>& keys) {
               if (keys.empty()) return;
               const int64_t g = h / group;
               double* o = &result.o[(token * problem.heads + h) * dim_v];
               scores.clear();
               double largest = -kInfinity;
               bool ordered = true;
               for (int64_t key : keys) {
                 double score = 0;
                 for (int64_t d = 0; d < problem.head_dim; ++d) {
                   score += problem.Q(token, h, d) * problem.K(first + key, g, d);
                 }
                 scores.push_back(scale * score);
                 largest = std::max(largest, scores.back());
                 ordered = ordered && !std::isnan(score);
                 result.largest_score = Larger(result.largest_score, scores.back());
               }
               if (!ordered) largest = std::numeric_limits<double>::quiet_NaN();
               double sum = 0;
               for (double& score : scores) sum += score = std::exp(score - largest);
               for (size_t j = 0; j < keys.size(); ++j) {
                 for (int64_t c = 0; c < dim_v; ++c) {
                   const double value = problem.V(first + keys[j], g, c);
                   o[c] += scores[j] * value;
                   result.largest_value = Larger(result.largest_value, value);
                 }
               }
               for (int64_t c = 0; c < dim_v; ++c) o[c] /= sum;
               result.lse[token * problem.heads + h] = largest + std::log(sum);
             });
  return result;
}

std::vector<double> Yardstick(const Problem& problem, const Selection* selection) {
  const float scale = static_cast<float>(problem.Scale());
  const int64_t dim_v = problem.head_dim_v;
  const int64_t group = problem.heads / problem.kv_heads;
  std::vector<double> result(problem.TokensQ() * problem.heads * dim_v, 0.0);
  std::vector<float> scores;
  std::vector<float> o(dim_v);
  ForEachRow(problem, selection,
             [&](int64_t token, int64_t h, int64_t first, const std::vector<int64_t>& keys) {
               const int64_t g = h / group;
               scores.clear();
               float largest = -std::numeric_limits<float>::infinity();
               for (int64_t key : keys) {
                 float score = 0;
                 for (int64_t d = 0; d < problem.head_dim; ++d) {
                   score += static_cast<float>(problem.Q(token, h, d)) *
                            static_cast<float>(problem.K(first + key, g, d));
                 }
                 scores.push_back(scale * score);
                 largest = std::max(largest, scores.back());
               }
               float sum = 0;
               for (float& score : scores) sum += score = std::exp(score - largest);
               std::fill(o.begin(), o.end(), 0.0f);
               for (size_t j = 0; j < keys.size(); ++j) {
                 const float p = static_cast<float>(Round(scores[j] / sum, problem.dtype));
                 for (int64_t c = 0; c < dim_v; ++c) {
                   o[c] += p * static_cast<float>(problem.V(first + keys[j], g, c));
                 }
               }
               for (int64_t c = 0; c < dim_v; ++c) {
                 result[(token * problem.heads + h) * dim_v + c] = Round(o[c], problem.dtype);
               }
             });
  return result;
}

}  // namespace moba_test
