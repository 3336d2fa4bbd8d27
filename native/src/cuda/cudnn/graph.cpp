#include "cuda/cudnn/graph.h"

#include <cudnn_frontend.h>

#include <exception>
#include <mutex>
#include <vector>

#include "cuda/cudnn/library.h"

namespace moba::cuda::cudnn {
namespace {

namespace fe = cudnn_frontend;

enum Uid : int64_t { kQ = 1, kK, kV, kO, kLse, kEnd };

class Handle {
 public:
  Handle() {
    if (fe::detail::create_handle(&handle_) != CUDNN_STATUS_SUCCESS) handle_ = nullptr;
  }
  ~Handle() {
    if (handle_ != nullptr) fe::detail::destroy_handle(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  cudnnHandle_t get() const { return handle_; }

 private:
  cudnnHandle_t handle_ = nullptr;
};

// [batch, token, head, channel] in memory; the frontend counts axes as batch, head, token, channel.
fe::graph::Tensor_attributes Contiguous(Uid uid, int64_t batch, int64_t tokens, int64_t heads,
                                        int64_t channels) {
  return fe::graph::Tensor_attributes()
      .set_uid(uid)
      .set_dim({batch, heads, tokens, channels})
      .set_stride({tokens * heads * channels, channels, heads * channels, 1});
}

class FrontendGraph final : public Graph {
 public:
  explicit FrontendGraph(const Shape& shape) : Graph(shape) {
    const fe::DataType_t type =
        shape.dtype == core::DType::kF16 ? fe::DataType_t::HALF : fe::DataType_t::BFLOAT16;
    graph_.set_io_data_type(type)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
    const Shape& s = shape;
    const auto q = graph_.tensor(Contiguous(kQ, s.batch, s.q_len, s.num_heads, s.head_dim));
    const auto k = graph_.tensor(Contiguous(kK, s.batch, s.k_len, s.num_kv_heads, s.head_dim));
    const auto v = graph_.tensor(Contiguous(kV, s.batch, s.k_len, s.num_kv_heads, s.head_dim_v));
    auto options = fe::graph::SDPA_attributes().set_generate_stats(true).set_attn_scale(s.scale);
    if (s.causal) {
      // Of square masks both alignments are the same one, and more kernels take the first.
      options
          .set_diagonal_alignment(s.q_len == s.k_len ? fe::DiagonalAlignment_t::TOP_LEFT
                                                     : fe::DiagonalAlignment_t::BOTTOM_RIGHT)
          .set_diagonal_band_right_bound(0);
    }
    const auto [o, lse] = graph_.sdpa(q, k, v, options);
    const auto described = Contiguous(kO, s.batch, s.q_len, s.num_heads, s.head_dim_v);
    o->set_output(true).set_uid(kO).set_dim(described.get_dim()).set_stride(described.get_stride());
    lse->set_output(true)
        .set_data_type(fe::DataType_t::FLOAT)
        .set_uid(kLse)
        .set_dim({s.batch, s.num_heads, s.q_len, 1})
        .set_stride({s.num_heads * s.q_len, s.q_len, 1, 1});
  }

  // Whether cuDNN has a kernel for it, which is compiled here.
  bool Build() {
    if (handle_.get() == nullptr || graph_.validate().is_bad() ||
        graph_.build_operation_graph(handle_.get()).is_bad() ||
        graph_.create_execution_plans({fe::HeurMode_t::A}).is_bad()) {
      return false;
    }
    // Every run gives the same bits.
    graph_.deselect_numeric_notes({fe::NumericalNote_t::NONDETERMINISTIC});
    if (graph_.check_support().is_bad() || graph_.build_plans().is_bad() ||
        graph_.get_workspace_size(workspace_bytes_).is_bad()) {
      return false;
    }
    // What Enqueue hands over, in the order in which it does.
    return graph_.get_variant_pack_uids_sorted() == std::vector<int64_t>{kQ, kK, kV, kO, kLse};
  }

  Status Enqueue(const Tensors& tensors, void* workspace, void* stream) override {
    void* pointers[] = {const_cast<void*>(tensors.q), const_cast<void*>(tensors.k),
                        const_cast<void*>(tensors.v), tensors.o, tensors.lse};
    try {
      const std::lock_guard lock(mutex_);  // the stream is the handle's
      if (fe::detail::set_stream(handle_.get(), static_cast<cudaStream_t>(stream)) ==
              CUDNN_STATUS_SUCCESS &&
          graph_.execute(handle_.get(), pointers, kEnd - kQ, workspace).is_good()) {
        return Status::Ok();
      }
    } catch (const std::exception&) {
      // The frontend throws where a library lacks a function.
    }
    return {.code = Status::Code::kDeviceError,
            .name = "cuDNN",
            .text = "its attention could not be enqueued"};
  }

 private:
  Handle handle_;
  fe::graph::Graph graph_;
  std::mutex mutex_;
};

}  // namespace

std::unique_ptr<Graph> BuildGraph(const Shape& shape) {
  if (!TheLibrary().absence.empty()) return nullptr;
  try {
    auto graph = std::make_unique<FrontendGraph>(shape);
    if (graph->Build()) return graph;
  } catch (const std::exception&) {
    // As above.
  }
  return nullptr;
}

}  // namespace moba::cuda::cudnn
