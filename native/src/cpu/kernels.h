// What a SIMD target offers to the driver: a table of functions over plain structs. The kernels are
// written once (the *-inl.h files) and compiled for every target by kernels.cpp.
//
// A register tile multiplies rows, whose elements are broadcast, with a slab of columns in lanes:
// queries with keys, probabilities with values, centroids with queries. Rows lie anywhere, columns
// are packed:
//   keys       [slab of keys][channel][key in slab]
//   values     per key step: [slab of channels][key][channel in slab]
// Centroids are rows of channels, rounded up to kMostLanes.
// The last slab is as narrow as its columns, rounded up to vectors, leave it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/dtype.h"
#include "core/problem.h"

namespace moba::cpu {

// Keys whose scores are held at once; and keys summed in one chain of fp32 additions. Where all
// terms are alike, all roundings go the same way: over 512 keys the error was 2^-17, twice what the
// specification allows.
inline constexpr int64_t kStepKeys = 128;
// Keys that are packed and visited at once, and then merged into the rows.
inline constexpr int64_t kChunkKeys = 512;
// Rows of the register tile, and of the one for few rows: a last tile may reach a row beyond.
inline constexpr int kTileRows = 6;
inline constexpr int kFewRows = 2;
// Rows that go through a step of keys together.
inline constexpr int64_t kPanelRows = 48;
// Columns that are packed side by side are at most so many.
inline constexpr int64_t kMostSlab = 64;
inline constexpr int64_t kMostLanes = 16;
// Query rows of one kv head that read its keys together where they lie, and the queries they belong
// to. Packing is faster for more: it pays from 64 to 96 queries over 32 K keys, from 48 over 512.
inline constexpr int64_t kMostDecodeRows = 128;
inline constexpr int64_t kMostDecodeQueries = 32;
// Keys that they score at once, at most.
inline constexpr int64_t kDecodeStepKeys = 128;
// Kv heads that lie side by side are read together, all of them if possible: memory is fastest in
// the order in which it lies. They are so many at most, have few query rows each, as more take
// longer than memory, and so many floats of sums in all.
inline constexpr int64_t kMostSideHeads = 32;
inline constexpr int64_t kMostSideSums = 16 * 1024;
constexpr int64_t MostSideRows(core::DType type) { return core::SizeOf(type); }
static_assert(kMostSideHeads * MostSideRows(core::DType::kF32) <= kMostDecodeRows);
// A running maximum before any score was seen; finite, so that differences are never NaN.
inline constexpr float kLowestMaximum = -std::numeric_limits<float>::max();
// In place of the maximum of a row that met no key, whose other state is not set.
inline constexpr float kUnvisited = -std::numeric_limits<float>::infinity();

// Where the query rows of one window and head lie; or the heads of one query.
struct QueryRows {
  const char* data;      // row 0 of the window
  int64_t stride_bytes;  // from row to row
  core::DType dtype;
  int64_t head_dim;
  int64_t first_limit;  // last visible key of row 0 within the sequence; may be negative
  int64_t limit_step;   // 1 from query to query when causal, else 0
};

// Running softmax state of a window's rows: o is not yet divided by l; m is in
// raw scores, before the softmax scale.
// Where rows are met very often, sums are compensated: their rounding errors are kept beside them.
struct RowState {
  float* o;  // [row][o_stride]
  float* m;
  float* l;
  float* o_error;  // nullptr: not compensated
  float* l_error;
  int64_t o_stride;  // Dv rounded up to vectors
};

// Scratch of one thread.
struct PanelScratch {
  float* queries;        // [D][slab], routing only
  float* scores;         // [kPanelRows][kStepKeys]
  float* output;         // [kPanelRows][Dv rounded up to vectors]
  float* widened;        // [kMostSlab][max(D, Dv) rounded up to 16]
  uint64_t* candidates;  // [slab][top_k], routing only
};

// One packed chunk of at most kChunkKeys keys against the rows that selected it.
struct ChunkVisit {
  const float* keys;
  const float* values;
  const uint8_t* values_finite;  // per key step: no NaN or infinity among its values
  int64_t first_key;             // within the sequence
  int64_t num_keys;
  const float* next_keys;  // and what is visited next, so that it is there by then
  const float* next_values;
  int64_t next_num_keys;  // 0: nothing
  const int32_t* next_rows;
  int64_t num_next_rows;
  const int32_t* rows;  // window rows, ascending
  int64_t num_rows;
  QueryRows query;
  float score_scale;
  RowState state;
  PanelScratch scratch;
};

// Routing of one window for one head, or for all heads of a group together; or of the heads of one
// query, each for itself.
struct RouteWindow {
  const float* centroids;
  int64_t centroid_stride;
  int64_t num_blocks;
  int64_t block_size;
  int64_t num_rows;
  QueryRows query;  // of the first head
  int64_t head_stride_bytes;
  int64_t num_heads;  // > 1: scores are summed
  const core::Options* options;
  int64_t width;      // min(top_k, num_blocks)
  int32_t* selected;  // [row][width]
  PanelScratch scratch;
};

// Rows of one head of the key or value tensor, or of some heads side by side.
struct SourceRows {
  const char* data;
  int64_t stride_bytes;
  core::DType dtype;
  int64_t num_rows;
  int64_t channels;

  // At most `most_rows` of the rows from `first` on, without what is before `channel`.
  SourceRows Part(int64_t first, int64_t most_rows, int64_t channel = 0) const {
    const int64_t begin = std::min(first, num_rows);  // beyond them no address is formed
    return {data + begin * stride_bytes + channel * core::SizeOf(dtype), stride_bytes, dtype,
            std::min(num_rows - begin, most_rows), channels - channel};
  }
  // The rows of the head that lies so many heads further in the same memory.
  SourceRows Beside(int64_t heads) const {
    return {data + heads * channels * core::SizeOf(dtype), stride_bytes, dtype, num_rows, channels};
  }
};

// Consecutive keys, where they lie, of one kv head or of some that lie side by side, against the
// query rows that chose them. Every row sees every key of its head.
struct DecodeVisit {
  SourceRows keys;             // of the first head
  SourceRows values;           // as many
  SourceRows next_keys;        // of the visit that follows, if any: so that they are there by then
  int64_t num_heads;           // at most kMostSideHeads
  const char* const* queries;  // [row], as stored
  const int32_t* rows;         // of one head after the other; at most kMostDecodeRows
  int64_t num_rows;            // of each head
  float score_scale;
  RowState state;  // not compensated; o_stride a multiple of kMostLanes
  float* widened;  // of each tile of rows [vector of channels][row], D rounded up to vectors
  float* scores;   // of each tile of rows [kDecodeStepKeys][row]
  float* sums;     // of each row, Dv rounded up to vectors; only of a few rows or of heads together
};

struct Kernels {
  const char* name;
  int64_t lanes;
  int64_t slab;  // columns

  // Packs key rows. Keys up to the next multiple of lanes are zero.
  void (*pack_keys)(const SourceRows& source, float* widened, float* packed);
  // Packs value rows, one step after the other; channels up to the next multiple of lanes are zero.
  // Sets finite[step].
  void (*pack_values)(const SourceRows& source, float* widened, float* packed, uint8_t* finite);
  // Means of the rows (specification, section 2, rule 1) of `num_heads` heads side by side; several
  // have a multiple of kMostLanes channels. `sums` holds as many doubles as there are channels,
  // rounded up to kMostLanes; so does each of the centroids, `head_stride` apart, hold floats.
  void (*pack_centroids)(const SourceRows& source, int64_t num_heads, double* sums,
                         float* centroids, int64_t head_stride);
  // The same bits, in the way that is faster with AMD's processors.
  decltype(pack_centroids) pack_centroids_of_amd;
  void (*route)(const RouteWindow& window);
  void (*visit)(const ChunkVisit& visit);
  void (*decode)(const DecodeVisit& visit);
  // Adds up a row's states in `num_parts` parts, `distance` rows apart, as row 0 of `merged`, which
  // is compensated. False where the row met no key.
  bool (*merge_parts)(const RowState& parts, int64_t num_parts, int64_t distance, float score_scale,
                      const RowState& merged);
  // o / l in the storage type, and lse, of one row; without keys 0 and -inf. `lse` may be null.
  void (*finish_row)(const RowState& state, int64_t row, bool sees_keys, int64_t channels,
                     float score_scale, core::DType dtype, char* o, float* lse);
  // o = a * weight_a + b * weight_b over one row; a side of weight 0 is not read.
  void (*blend_row)(const char* a, float weight_a, const char* b, float weight_b, int64_t channels,
                    core::DType dtype, char* o);
  // The same where words are pairs of bf16 instead of floats, for tensors of that type; or nullptr.
  const Kernels* of_bf16_pairs;
};

// Indices are those of enum moba_cpu_target.
enum class Target : int32_t { kAuto = 0, kBaseline = 1, kAvx2 = 2, kAvx512 = 3, kNeon = 4 };

// The kernels of a target, or nullptr when this build does not hold them.
const Kernels* CompiledKernels(Target target);
// Whether this processor can run them.
bool ProcessorSupports(Target target);

bool ProcessorIsOfAmd();

// Whether it sums up products of pairs of bf16, and whether that beats products of floats.
enum class PairsOfBf16 { kNone, kSlower, kFaster };
PairsOfBf16 ProcessorPairsOfBf16();

}  // namespace moba::cpu
