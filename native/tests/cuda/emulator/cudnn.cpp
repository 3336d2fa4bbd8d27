// An attention that stands in for cuDNN's, with its weakest promises: in the tile of the last key
// that a query sees, keys behind that one have the probability 0, and are multiplied all the same.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cuda/block.h"
#include "cuda/cudnn/graph.h"
#include "cuda/element.h"
#include "device.h"

namespace moba::cuda {

bool emulated_cudnn = std::getenv("MOBA_EMULATED_CUDNN") != nullptr;
int64_t emulated_cudnn_runs = 0;

namespace cudnn {
namespace {

constexpr int64_t kTile = 128;

template <class Element>
std::vector<float> Widened(const void* tensor, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  const auto* const elements = static_cast<const Element*>(tensor);
  std::transform(elements, elements + count, values.begin(),
                 [](Element element) { return Widen(element); });
  return values;
}

template <class Element>
class Attention {
 public:
  Attention(const Shape& shape, const Tensors& tensors)
      : s_(shape),
        t_(tensors),
        q_(Widened<Element>(t_.q, NumRows() * s_.head_dim)),
        k_(Widened<Element>(t_.k, NumKeys() * s_.head_dim)),
        v_(Widened<Element>(t_.v, NumKeys() * s_.head_dim_v)) {}

  int64_t NumRows() const { return s_.batch * s_.q_len * s_.num_heads; }
  int64_t NumKeys() const { return s_.batch * s_.k_len * s_.num_kv_heads; }

  void ComputeRow(int64_t row) const {
    const int64_t h = row % s_.num_heads;
    const int64_t i = row / s_.num_heads % s_.q_len;
    const int64_t b = row / s_.num_heads / s_.q_len;
    const int64_t visible = s_.causal ? s_.k_len - s_.q_len + i + 1 : s_.k_len;
    const int64_t reached = std::min((visible + kTile - 1) / kTile * kTile, s_.k_len);
    const int64_t first_key = b * s_.k_len * s_.num_kv_heads + h / (s_.num_heads / s_.num_kv_heads);
    const float* const query = &q_[static_cast<size_t>(row * s_.head_dim)];
    std::vector<float> scores(static_cast<size_t>(reached), -INFINITY);
    for (int64_t j = 0; j < visible; ++j) {
      const float* const key = Key(k_, first_key, j, s_.head_dim);
      float score = 0;
      for (int64_t c = 0; c < s_.head_dim; ++c) score += query[c] * key[c];
      scores[static_cast<size_t>(j)] = score * s_.scale;
    }
    const float most = *std::max_element(scores.begin(), scores.end());
    float sum = 0;
    std::vector<float> o(static_cast<size_t>(s_.head_dim_v));
    for (int64_t j = 0; j < reached; ++j) {
      const float exact = std::exp(scores[static_cast<size_t>(j)] - most);
      Element rounded;
      Narrow(exact, rounded);
      sum += exact;
      const float p = Widen(rounded);
      const float* const value = Key(v_, first_key, j, s_.head_dim_v);
      for (size_t c = 0; c < o.size(); ++c) o[c] += p * value[c];
    }
    auto* const result = static_cast<Element*>(t_.o) + row * s_.head_dim_v;
    for (size_t c = 0; c < o.size(); ++c) Narrow(o[c] / sum, result[c]);
    t_.lse[(b * s_.num_heads + h) * s_.q_len + i] = most + std::log(sum);
  }

 private:
  const float* Key(const std::vector<float>& tensor, int64_t first_key, int64_t j,
                   int64_t channels) const {
    return &tensor[static_cast<size_t>((first_key + j * s_.num_kv_heads) * channels)];
  }

  Shape s_;
  Tensors t_;
  std::vector<float> q_;
  std::vector<float> k_;
  std::vector<float> v_;
};

class EmulatedGraph final : public Graph {
 public:
  explicit EmulatedGraph(const Shape& shape) : Graph(shape) { workspace_bytes_ = 1000; }

  Status Enqueue(const Tensors& tensors, void* workspace, void* stream) override {
    ++emulated_cudnn_runs;
    const auto work = [s = shape(), bytes = workspace_bytes(), tensors, workspace] {
      std::memset(workspace, 0xff, static_cast<size_t>(bytes));
      WithElement(s.dtype, [&](auto element) {
        const Attention<decltype(element)> attention(s, tensors);
        for (int64_t row = 0; row < attention.NumRows(); ++row) attention.ComputeRow(row);
      });
    };
    const bool aligned = reinterpret_cast<uintptr_t>(workspace) % kAlignment == 0;
    return aligned ? moba::cuda::Enqueue({stream, 1}, work)
                   : Status{.code = Status::Code::kDeviceError, .name = "misaligned workspace"};
  }
};

}  // namespace

std::unique_ptr<Graph> BuildGraph(const Shape& shape) {
  if (!emulated_cudnn) return nullptr;
  return std::make_unique<EmulatedGraph>(shape);
}

std::string Absence() { return emulated_cudnn ? "" : "none is emulated"; }

void DescribeLibrary(char* text, size_t size) { std::snprintf(text, size, "emulated cuDNN"); }

}  // namespace cudnn
}  // namespace moba::cuda
