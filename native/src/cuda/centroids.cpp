// c_j = mean of the keys of block j: summed in fp64, divided, rounded to fp32, then to the storage
// type. A thread block per (kv head, key block), a thread per channel; every key is read once, so
// the reading is what limits it.
#include "cuda/centroids.h"

#include "cuda/element.h"

namespace moba::cuda {
namespace {

template <class Element>
struct Centroids {
  struct Shared {};

  CentroidArguments a;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t index) const {
    const int64_t kv_head = index / a.num_centroids;
    const int64_t place = index % a.num_centroids;
    const SequenceRecord sequence =
        a.sequences.template Find<&SequenceRecord::centroid_begin>(place);
    const int64_t first = (place - sequence.centroid_begin) * sequence.block_size;
    const int64_t end = std::min<int64_t>(first + sequence.block_size, sequence.k_len);
    Element* const centroid = static_cast<Element*>(a.centroids) + index * a.head_dim;
    block.Each([&](int thread) {
      for (int64_t channel = thread; channel < a.head_dim; channel += kThreads) {
        double sum = 0;
        for (int64_t key = first; key < end; ++key) {
          const char* row = a.k.Row(sequence.batch, sequence.k_begin + key, kv_head);
          sum += static_cast<double>(Widen(reinterpret_cast<const Element*>(row)[channel]));
        }
        const double mean = sum / static_cast<double>(end - first);
        Narrow(static_cast<float>(mean), centroid[channel]);
      }
    });
  }
};

}  // namespace

Status LaunchCentroids(const Queue& queue, const CentroidArguments& arguments) {
  return WithElement(arguments.dtype, [&](auto element) {
    return Launch(queue, Centroids<decltype(element)>{arguments},
                  arguments.num_kv_heads * arguments.num_centroids);
  });
}

}  // namespace moba::cuda
