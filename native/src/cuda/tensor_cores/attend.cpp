#include "cuda/tensor_cores/attend.h"

#include "cuda/ampere/attend.h"
#include "cuda/element.h"
#include "cuda/hopper/attend.h"
#include "cuda/tensor_cores/item.h"

namespace moba::cuda {

template <class Element, int kHeadDim>
struct Gathered;
template <class Element, int kHeadDim>
struct Contiguous;

namespace {

template <class Element>
struct Type {
  using type = Element;
};
template <int kHeadDim>
using HeadDim = std::integral_constant<int, kHeadDim>;

// Calls body(Type<element>, HeadDim<head dimension>), if there is such an instance.
template <class Body>
bool WithInstance(core::DType dtype, int64_t head_dim, const Body& body) {
  const auto with_head_dim = [&](auto element) {
    switch (head_dim) {
      case 64:
        return body(element, HeadDim<64>()), true;
      case 96:
        return body(element, HeadDim<96>()), true;
      case 128:
        return body(element, HeadDim<128>()), true;
      case 192:
        return body(element, HeadDim<192>()), true;
      case 256:
        return body(element, HeadDim<256>()), true;
      default:
        return false;
    }
  };
  if (dtype == core::DType::kF16) return with_head_dim(Type<F16>());
  if (dtype == core::DType::kBF16) return with_head_dim(Type<BF16>());
  return false;
}

// Rows that begin at multiples of `bytes`.
template <class Byte>
bool Aligned(const core::RowView<Byte>& rows, int64_t bytes) {
  const auto multiple = [&](int64_t stride) { return stride * rows.element_size % bytes == 0; };
  return reinterpret_cast<uintptr_t>(rows.data) % static_cast<uintptr_t>(bytes) == 0 &&
         multiple(rows.batch_stride) && multiple(rows.token_stride) && multiple(rows.head_stride);
}

}  // namespace

bool HasInstance(core::DType dtype, int64_t head_dim, int64_t head_dim_v) {
  return head_dim == head_dim_v && WithInstance(dtype, head_dim, [](auto, auto) {});
}

bool CanAttend(TensorCores tensor_cores, const AttendArguments& arguments,
               const TensorExtent& keys) {
  constexpr int64_t kVector = 16;
  constexpr int64_t kPair = 4;
  return HasInstance(arguments.dtype, arguments.head_dim, arguments.head_dim_v) &&
         arguments.num_heads / arguments.num_kv_heads <= kTileQueries &&
         Aligned(arguments.q, kVector) && Aligned(arguments.o, kPair) &&
         (tensor_cores == TensorCores::kHopper
              ? hopper::Reaches(arguments, keys)
              : Aligned(arguments.k, kVector) && Aligned(arguments.v, kVector));
}

namespace {

template <template <class, int> class Work>
Status Launch(const Queue& queue, const TileAttendArguments& arguments) {
  Status status = Status::Ok();
  WithInstance(arguments.rows.dtype, arguments.rows.head_dim, [&](auto element, auto head_dim) {
    using Tiles = Work<typename decltype(element)::type, decltype(head_dim)::value>;
    status = queue.tensor_cores == TensorCores::kHopper
                 ? hopper::LaunchTiles<Tiles>(queue, arguments)
                 : ampere::LaunchTiles<Tiles>(queue, arguments);
  });
  return status;
}

}  // namespace

Status LaunchGathered(const Queue& queue, const TileAttendArguments& arguments) {
  return Launch<Gathered>(queue, arguments);
}

Status LaunchContiguous(const Queue& queue, const TileAttendArguments& arguments) {
  return Launch<Contiguous>(queue, arguments);
}

}  // namespace moba::cuda
