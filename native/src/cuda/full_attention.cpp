#include "cuda/full_attention.h"

#include "cuda/piece.h"

namespace moba::cuda {
namespace {

// cuDNN's tiles are not longer. It has had faults in tiles that are not full.
constexpr int64_t kTile = 128;
// An element that is copied takes part in as many products. With fewer the copies would cost more
// than about a quarter of the attention, by the arithmetic of a device that does 70 products in
// the time of moving a byte.
constexpr int64_t kLeastReuse = 2048;
// Neither a score nor a sum leaves the range of fp32, at this scale and with elements of moderate
// size.
constexpr float kLargestScale = 1 << 30;
constexpr int64_t kMostElements = int64_t{1} << 31;  // of a tensor

template <class Element>
inline constexpr uint32_t kFirstWild = 0;
// 2^15: no rounding of probabilities makes a mean infinite.
template <>
inline constexpr uint32_t kFirstWild<F16> = 0x7800;
// 2^40: products of two, and sums of 2^17 of them, are finite in fp32.
template <>
inline constexpr uint32_t kFirstWild<BF16> = 0x5380;

// Sets wild elements to 0; returns whether there were any.
template <class Element>
MOBA_DEVICE bool ClearWild(Piece& piece) {
  bool found = false;
  for (uint32_t& pair : piece.pairs) {
    for (uint32_t half : {0x7fffu, 0x7fff0000u}) {
      if ((pair & half) < (kFirstWild<Element> * 0x10001u & half)) continue;
      pair &= half == 0x7fffu ? 0xffff0000u : 0xffffu;
      found = true;
    }
  }
  return found;
}

// The pieces of a contiguous [sequence, token, head, channel].
struct Pieces {
  int64_t sequences;
  int64_t tokens;
  int64_t heads;
  int64_t of_row;

  struct Place {
    int64_t sequence;
    int64_t token;
    int64_t head;
    int64_t of_row;
  };

  constexpr int64_t count() const { return sequences * tokens * heads * of_row; }
  constexpr Place At(int64_t index) const {
    const int64_t row = index / of_row;
    const int64_t token = row / heads;
    return {token / tokens, token % tokens, row % heads, index % of_row};
  }
};

template <class Body>
MOBA_DEVICE void ForEachOf(Block& block, int64_t index, int64_t count, const Body& body) {
  block.Each([&](int thread) {
    const int64_t i = index * kThreads + thread;
    if (i < count) body(i);
  });
}

struct ClearMarks {
  struct Shared {};

  WildMarks marks;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t index) const {
    ForEachOf(block, index, marks.num_queries, [&](int64_t i) { marks.queries[i] = 0; });
    ForEachOf(block, index, marks.num_first_keys,
              [&](int64_t i) { marks.first_keys[i] = INT32_MAX; });
    ForEachOf(block, index, 1, [&](int64_t) { *marks.num_again = 0; });
  }
};

struct MarkQuery {
  WildMarks marks;

  MOBA_DEVICE void operator()(const Pieces& pieces, const Pieces::Place& place) const {
    const int64_t row = place.sequence * pieces.tokens + place.token;
    marks.queries[row * pieces.heads + place.head] = 1;
  }
};

struct MarkKey {
  WildMarks marks;

  MOBA_DEVICE void operator()(const Pieces& pieces, const Pieces::Place& place) const {
    AtomicMin(&marks.first_keys[place.sequence * pieces.heads + place.head],
              static_cast<int32_t>(place.token));
  }
};

// A contiguous copy without wild elements. Limits: memory.
template <class Element, int64_t SequenceRecord::*begin, class Mark>
struct CopyIn {
  struct Shared {};

  core::InputRows source;
  SequenceTable sequences;
  Pieces pieces;
  char* target;
  Mark mark;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t index) const {
    ForEachOf(block, index, pieces.count(), [&](int64_t i) {
      const Pieces::Place place = pieces.At(i);
      const SequenceRecord& sequence = sequences.records[place.sequence];
      const char* const row = source.Row(sequence.batch, sequence.*begin + place.token, place.head);
      Piece piece = LoadPiece(row + place.of_row * int64_t{sizeof(Piece)});
      if (ClearWild<Element>(piece)) mark(pieces, place);
      StorePiece(piece, target + i * int64_t{sizeof(Piece)});
    });
  }
};

// The results of rows that read nothing wild, to where they belong; the other rows into a list.
struct CopyOut {
  struct Shared {};

  AttendArguments a;
  WildMarks marks;
  Pieces pieces;
  const char* o;
  const float* lse;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t index) const {
    ForEachOf(block, index, pieces.count(), [&](int64_t i) {
      const Pieces::Place place = pieces.At(i);
      const SequenceRecord& sequence = a.sequences.records[place.sequence];
      const bool first = place.of_row == 0;
      if (ReadsWild(sequence, place)) {
        if (first) {
          marks.again[AtomicAdd(marks.num_again, 1)] =
              place.head * a.num_rows + sequence.row_begin + place.token;
        }
        return;
      }
      const int64_t token = sequence.q_begin + place.token;
      StorePiece(
          LoadPiece(o + i * int64_t{sizeof(Piece)}),
          a.o.Row(sequence.batch, token, place.head) + place.of_row * int64_t{sizeof(Piece)});
      if (first && a.lse) {
        *reinterpret_cast<float*>(a.lse.Row(sequence.batch, token, place.head)) =
            lse[(place.sequence * pieces.heads + place.head) * pieces.tokens + place.token];
      }
    });
  }

 private:
  MOBA_DEVICE bool ReadsWild(const SequenceRecord& sequence, const Pieces::Place& place) const {
    const int64_t row = place.sequence * pieces.tokens + place.token;
    const int64_t kv_head = place.head / (a.num_heads / a.num_kv_heads);
    return marks.queries[row * pieces.heads + place.head] != 0 ||
           marks.first_keys[place.sequence * a.num_kv_heads + kv_head] <=
               sequence.LastVisibleKey(place.token, a.causal);
  }
};

// Whether the largest run is.
bool IsFull(const core::PlanShape& shape) {
  const int64_t k_len = shape.max_tokens_k / shape.max_sequences;
  return shape.block_size == 0 || shape.options.top_k >= core::CeilDiv(k_len, shape.block_size);
}

// What keeps full attention from cuDNN; null if nothing does.
const char* WhyNot(const core::PlanShape& shape) {
  const int64_t batch = shape.max_sequences;
  const int64_t q_len = shape.max_tokens_q / batch;
  const int64_t k_len = shape.max_tokens_k / batch;
  const int64_t group = shape.num_heads / shape.num_kv_heads;
  const int64_t channels = std::max(shape.head_dim, shape.head_dim_v);
  const int64_t tokens = std::max(shape.max_tokens_q, shape.max_tokens_k);
  if (shape.dtype == core::DType::kF32) return "the elements are fp32";
  if (shape.head_dim % kPieceChannels != 0 || shape.head_dim_v % kPieceChannels != 0) {
    return "a head dimension is no multiple of 8";
  }
  if (shape.max_tokens_q % (batch * kTile) != 0 || shape.max_tokens_k % (batch * kTile) != 0) {
    return "lengths are no multiples of 128";
  }
  if (k_len < kLeastReuse || q_len * group < kLeastReuse) {
    return "there are fewer than 2048 keys, or queries of a kv head";
  }
  if (k_len > kLongestSum) return "there are more than 131072 keys";
  if (shape.options.causal && q_len > k_len) return "there are more queries than keys";
  if (shape.options.score_scale > kLargestScale) return "softmax_scale is above 7.4e8";
  if (tokens >= kMostElements / (shape.num_heads * channels)) {
    return "a tensor has 2^31 elements or more";
  }
  return nullptr;
}

}  // namespace

std::optional<cudnn::Shape> FullAttentionShape(const core::PlanShape& shape) {
  if (!IsFull(shape) || WhyNot(shape) != nullptr) return std::nullopt;
  return cudnn::Shape{.dtype = shape.dtype,
                      .batch = shape.max_sequences,
                      .num_heads = shape.num_heads,
                      .num_kv_heads = shape.num_kv_heads,
                      .q_len = shape.max_tokens_q / shape.max_sequences,
                      .k_len = shape.max_tokens_k / shape.max_sequences,
                      .head_dim = shape.head_dim,
                      .head_dim_v = shape.head_dim_v,
                      .causal = shape.options.causal,
                      .scale = shape.options.score_scale * 0.6931471805599453f};
}

std::string WhyNotByCudnn(const core::PlanShape& shape) {
  if (!IsFull(shape)) return "";
  if (const char* const why_not = WhyNot(shape)) return why_not;
  const std::string absence = cudnn::Absence();
  return absence.empty() ? "it has no deterministic kernel for that" : absence;
}

FullAttention::FullAttention(cudnn::Graph& graph, core::Carver& carver) : graph_(&graph) {
  const cudnn::Shape& s = graph.shape();
  const int64_t rows = s.batch * s.q_len * s.num_heads;
  const int64_t keys = s.batch * s.k_len * s.num_kv_heads;
  const int64_t size = core::SizeOf(s.dtype);
  marks_ = {.queries = carver.Take<uint8_t>(rows),
            .num_queries = rows,
            .first_keys = carver.Take<int32_t>(s.batch * s.num_kv_heads),
            .num_first_keys = s.batch * s.num_kv_heads,
            .again = carver.Take<int64_t>(rows),
            .num_again = carver.Take<int32_t>(1)};
  q_ = carver.Take<char>(rows * s.head_dim * size);
  k_ = carver.Take<char>(keys * s.head_dim * size);
  v_ = carver.Take<char>(keys * s.head_dim_v * size);
  o_ = carver.Take<char>(rows * s.head_dim_v * size);
  lse_ = carver.Take<float>(rows);
  workspace_ = carver.Take<char>(graph.workspace_bytes() + cudnn::Graph::kAlignment);
}

bool FullAttention::Takes(const SequenceTotals& totals, int64_t num_sequences) const {
  const cudnn::Shape& s = graph_->shape();
  return !totals.sparse && totals.alike && num_sequences == s.batch &&
         totals.rows == s.batch * s.q_len && totals.longest_sum == s.k_len;
}

Status FullAttention::Attend(const Queue& queue, const AttendArguments& arguments) const {
  const cudnn::Shape& s = graph_->shape();
  const auto launch = [&](const auto& kernel, int64_t count) {
    return Launch(queue, kernel, core::CeilDiv(count, kThreads));
  };
  const Pieces queries = {s.batch, s.q_len, s.num_heads, s.head_dim / kPieceChannels};
  const Pieces keys = {s.batch, s.k_len, s.num_kv_heads, s.head_dim / kPieceChannels};
  const Pieces values = {s.batch, s.k_len, s.num_kv_heads, s.head_dim_v / kPieceChannels};
  const Pieces results = {s.batch, s.q_len, s.num_heads, s.head_dim_v / kPieceChannels};
  const auto copy_in = [&](auto element) {
    using Element = decltype(element);
    using Queries = CopyIn<Element, &SequenceRecord::q_begin, MarkQuery>;
    using Keys = CopyIn<Element, &SequenceRecord::k_begin, MarkKey>;
    const SequenceTable& sequences = arguments.sequences;
    Status status = launch(Queries{arguments.q, sequences, queries, q_, {marks_}}, queries.count());
    if (status.ok()) {
      status = launch(Keys{arguments.k, sequences, keys, k_, {marks_}}, keys.count());
    }
    if (status.ok()) {
      status = launch(Keys{arguments.v, sequences, values, v_, {marks_}}, values.count());
    }
    return status;
  };
  Status status = launch(ClearMarks{marks_}, marks_.num_queries);
  if (status.ok()) status = s.dtype == core::DType::kF16 ? copy_in(F16()) : copy_in(BF16());
  if (status.ok()) {
    auto* const workspace = reinterpret_cast<void*>(core::RoundUp(
        static_cast<int64_t>(reinterpret_cast<intptr_t>(workspace_)), cudnn::Graph::kAlignment));
    status = graph_->Enqueue({q_, k_, v_, o_, lse_}, workspace, queue.stream);
  }
  if (status.ok()) {
    status = launch(CopyOut{arguments, marks_, results, o_, lse_}, results.count());
  }
  if (status.ok()) {
    status = LaunchAttendRows(queue, arguments, marks_.again, marks_.num_again, marks_.num_queries);
  }
  return status;
}

}  // namespace moba::cuda
