/*
 * moba.h - the public C interface of libmoba: Mixture of Block Attention (arXiv 2502.13189).
 *
 * Life of a computation:   engine -> plan -> run
 *   engine  owns a device and its threads; one engine serves many calling threads at once.
 *   plan    immutable and shareable; made once from dtype, head counts, options and the largest
 *           sizes it will meet; knows the workspace size.
 *   run     (moba_route, moba_attend, moba_attend_selected) takes what changes from call to call.
 *           It allocates nothing: scratch memory is the caller's workspace.
 *
 * Conventions
 *   - Every function that can fail returns a moba_status; moba_last_error() then holds one sentence
 *     that names the argument, what it was and what was expected. It belongs to the calling thread.
 *   - Inputs are validated before anything is computed; after MOBA_INVALID_ARGUMENT outputs are
 *     untouched. Inputs are never changed.
 *   - Public structs begin with struct_size, which the caller sets to sizeof the struct it was
 *     compiled with. Of a struct that is an argument a smaller known prefix is accepted (missing
 *     fields are zero) and an unknown non-zero tail rejected; structs inside others have the size
 *     of this header.
 *   - Data pointers are arguments of the run functions, never fields of a struct, so that bindings
 *     can keep the memory alive for the length of the call.
 *   - Strides and shapes are 64-bit and counted in elements; sizes in bytes say so in their name.
 *   - All functions are thread-safe unless their comment says otherwise. Results do not depend on
 *     the floating-point environment (rounding mode, flushing of subnormals) of any thread.
 *
 * Plain C99. This header is what the Java bindings are generated from.
 */
#ifndef MOBA_MOBA_H
#define MOBA_MOBA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MOBA_API __attribute__((visibility("default")))
#else
#define MOBA_API
#endif

/* Grows when a declaration below changes incompatibly. Compare with moba_abi_version(). */
#define MOBA_ABI_VERSION 2

/* Axes of the largest tensor: batch, token, head, channel. */
#define MOBA_MAX_DIMS 4

/* Largest head dimension (D and Dv). */
#define MOBA_MAX_HEAD_DIM 1024

/* ---------------------------------------------------------------- status */

enum moba_status {
  MOBA_OK = 0,
  MOBA_INVALID_ARGUMENT = 1, /* the sentence names the argument; outputs untouched */
  MOBA_UNSUPPORTED = 2,      /* valid, but not offered by this library or device */
  MOBA_OUT_OF_MEMORY = 3,    /* also of device memory; the engine stays usable */
  MOBA_CANCELLED = 4,        /* the cancel flag was seen; outputs hold unspecified values */
  MOBA_CLOSED = 5,           /* the engine behind the plan was destroyed */
  MOBA_BUSY = 6,             /* destroy refused: a call that uses it is under way */
  MOBA_INTERNAL = 7,
  /* The device or its driver failed, or refused what it was asked for. The sentence holds CUDA's
   * name and text of the error. It says so if the error is sticky: the CUDA context of this process
   * is lost, and every later call that needs the device fails until the process is started again.
   */
  MOBA_DEVICE_ERROR = 8
};

/* One sentence about the last failure on this thread, "" if there was none. Valid until the next
 * call of a moba function on this thread. UTF-8, never NULL. */
MOBA_API const char* moba_last_error(void);

/* Name of a status, e.g. "MOBA_INVALID_ARGUMENT". Never NULL. */
MOBA_API const char* moba_status_name(int32_t status);

/* MOBA_ABI_VERSION the library was built with. */
MOBA_API int32_t moba_abi_version(void);

/* Version of the library, e.g. "0.1.0". */
MOBA_API const char* moba_version(void);

/* --------------------------------------------------------------- tensors */

/* Element types. DLPack (code, bits): F32 = (2, 32), F16 = (2, 16), BF16 = (4, 16), I32 = (0, 32),
 * I64 = (0, 64); lanes are always 1. */
enum moba_dtype { MOBA_F32 = 1, MOBA_F16 = 2, MOBA_BF16 = 3, MOBA_I32 = 4, MOBA_I64 = 5 };

/* DLPack device types. */
enum moba_device_type { MOBA_DEVICE_CPU = 1, MOBA_DEVICE_CUDA = 2 };

/* What a data pointer points to. Maps to a DLTensor: shape, strides, byte_offset, device and dtype
 * mean the same. ndim == 0 says that the tensor is absent. Element [i0, i1, ...] lies at
 *     (char*)data + byte_offset + sizeof(dtype) * (i0 * stride[0] + i1 * stride[1] + ...).
 * The channel axis (the last of q, k, v, o) has stride 1; every other stride is free (0 and
 * negative strides too, in inputs). data + byte_offset is aligned to the element size. */
typedef struct moba_tensor {
  int64_t struct_size;
  int32_t dtype;       /* enum moba_dtype */
  int32_t ndim;        /* 0 (absent) to MOBA_MAX_DIMS */
  int32_t device_type; /* enum moba_device_type */
  int32_t device_id;   /* ordinal, 0 for the CPU */
  int64_t byte_offset;
  int64_t shape[MOBA_MAX_DIMS];
  int64_t stride[MOBA_MAX_DIMS];
} moba_tensor;

/* --------------------------------------------------------------- options */

enum moba_attention { MOBA_ATTENTION_BLOCK_SPARSE = 0, MOBA_ATTENTION_FULL = 1 };

/* Who chooses blocks: each query head for itself, or the query heads of one kv head together, by
 * the fp32 sum of their scores. */
enum moba_routing { MOBA_ROUTING_PER_HEAD = 0, MOBA_ROUTING_PER_GROUP = 1 };

/* What is computed. moba_options_init sets the defaults named here. */
typedef struct moba_options {
  int64_t struct_size;
  int32_t attention;    /* enum moba_attention; default BLOCK_SPARSE */
  int32_t causal;       /* default 1: bottom-right aligned; query i sees keys 0 .. Lk - Lq + i */
  int32_t routing;      /* enum moba_routing; default PER_HEAD */
  int32_t reserved;     /* 0 */
  int64_t block_size;   /* B >= 1, tokens; any value works, multiples of 64 are fast; 0 when FULL */
  int64_t top_k;        /* K >= 1, the query's own block included (paper, footnote 3); 0 when FULL,
                           or for a plan that only runs moba_attend_selected */
  int64_t sink_blocks;  /* first blocks that are always selected; default 0 */
  int64_t local_blocks; /* latest blocks that are always selected, the own block included; default
                           1; sink_blocks + local_blocks <= top_k; > 1 needs causal */
  double softmax_scale; /* > 0 and normal in fp32: 1.18e-38 to 1.7e38; 0 (default): 1 / sqrt(D) */
} moba_options;

/* Fills in struct_size and the defaults; block_size and top_k are left 0. NULL is ignored. */
MOBA_API void moba_options_init(moba_options* options);

/* ------------------------------------------------------- backends, engine */

enum moba_backend { MOBA_BACKEND_CPU = 1, MOBA_BACKEND_CUDA = 2 };

/* Instruction sets of the CPU backend. AUTO takes the best that processor and build offer. */
enum moba_cpu_target {
  MOBA_CPU_AUTO = 0,
  MOBA_CPU_BASELINE = 1, /* portable code, no assumption beyond the compiler's */
  MOBA_CPU_AVX2 = 2,     /* AVX2, FMA, F16C, BMI, BMI2 */
  MOBA_CPU_AVX512 = 3,   /* AVX-512 F, BW, CD, DQ, VL */
  MOBA_CPU_NEON = 4
};

/* A backend, or an instruction set of the CPU backend, as found on this machine. */
typedef struct moba_backend_info {
  int64_t struct_size;
  int32_t backend;    /* enum moba_backend */
  int32_t cpu_target; /* enum moba_cpu_target, AUTO for an entry about the whole backend */
  int32_t available;  /* 1 or 0 */
  int32_t reserved;
  char name[32];    /* "cpu", "cpu/avx2", "cuda" */
  char detail[256]; /* what it will use; if not available: why not */
} moba_backend_info;

/* Number of entries that moba_backend_get knows. */
MOBA_API int32_t moba_backend_count(void);

/* Describes entry `index`, 0 <= index < moba_backend_count(). The caller sets info->struct_size. */
MOBA_API int32_t moba_backend_get(int32_t index, moba_backend_info* info);

typedef struct moba_engine moba_engine;

typedef struct moba_engine_options {
  int64_t struct_size;
  int32_t backend;     /* enum moba_backend */
  int32_t cpu_target;  /* enum moba_cpu_target; 0 = best */
  int32_t num_threads; /* threads that work on one run, the calling thread included, at most 1024;
                          0 = all processors this process may use. Results do not depend on it. */
  int32_t device_id;   /* device ordinal; 0 for the CPU */
  /* A CUDA engine wants cpu_target and num_threads 0. */
} moba_engine_options;

typedef struct moba_engine_info {
  int64_t struct_size;
  int32_t backend;
  int32_t cpu_target;
  int32_t num_threads;
  int32_t device_id;
  char name[32];    /* "cpu/avx512" */
  char device[128]; /* processor or device, in the vendor's words */
} moba_engine_info;

/* Starts an engine. `*engine` is set on MOBA_OK only; release it with moba_engine_destroy. */
MOBA_API int32_t moba_engine_create(const moba_engine_options* options, moba_engine** engine);

/* Stops the engine's threads and releases it. MOBA_BUSY, with nothing changed, while a call that
 * uses it is under way. Plans made from it stay valid handles; running one answers MOBA_CLOSED.
 * NULL is accepted. Not to be called twice for one handle. */
MOBA_API int32_t moba_engine_destroy(moba_engine* engine);

/* Describes a live engine. The caller sets info->struct_size. */
MOBA_API int32_t moba_engine_get_info(const moba_engine* engine, moba_engine_info* info);

/* ------------------------------------------------------------------ plan */

typedef struct moba_plan moba_plan;

/* Everything that stays the same from run to run, and the largest sizes a run may have. */
typedef struct moba_plan_config {
  int64_t struct_size;
  int32_t dtype;        /* of q, k, v and o: MOBA_F32, MOBA_F16 or MOBA_BF16 */
  int32_t reserved;     /* 0 */
  int64_t num_heads;    /* H, query heads, at most 2^20 */
  int64_t num_kv_heads; /* G; H % G == 0; query head h reads kv head h / (H / G) */
  int64_t head_dim;     /* D of q and k, 1 .. MOBA_MAX_HEAD_DIM */
  int64_t head_dim_v;   /* Dv of v and o, 1 .. MOBA_MAX_HEAD_DIM */
  int64_t max_tokens_q; /* of one run, all sequences together, at most 2^40; a sequence has fewer
                           than 2^31 */
  int64_t max_tokens_k;
  int64_t max_sequences; /* 1 .. 2^40 */
  int64_t max_selected;  /* widest selection moba_attend_selected may be given, < 2^31; 0 = none;
                            not used with full attention */
  moba_options options;
} moba_plan_config;

/* Makes a plan. `*plan` is set on MOBA_OK only; release it with moba_plan_destroy. */
MOBA_API int32_t moba_plan_create(const moba_engine* engine, const moba_plan_config* config,
                                  moba_plan** plan);

/* Releases a plan. MOBA_BUSY, with nothing changed, while a call that uses it is under way. NULL is
 * accepted. Not to be called twice for one handle. */
MOBA_API int32_t moba_plan_destroy(moba_plan* plan);

/* Bytes of workspace that any run of this plan needs; 64-byte aligned memory. Linear in tokens. */
MOBA_API int32_t moba_plan_workspace_bytes(const moba_plan* plan, int64_t* bytes);

typedef struct moba_plan_info {
  int64_t struct_size;
  char kernels[256]; /* which kernels serve the plan's largest runs, in words, and why no faster
                        ones; on a CUDA engine a run may still take others, where its tensors do not
                        fit */
} moba_plan_info;

/* Describes a live plan. The caller sets info->struct_size. */
MOBA_API int32_t moba_plan_get_info(const moba_plan* plan, moba_plan_info* info);

/* ------------------------------------------------------------------- run */

/* clang-format off */
/* Shapes of one run. T stands for tokens. A batch is either packed, [T, heads, channels] with
 * cu_seqlens, or has a leading axis of its own, [S, T, heads, channels]: then all tensors but
 * cu_seqlens have it, and there are no cu_seqlens. Channels are contiguous, every other stride is
 * free, so the head-major layout [S, heads, T, channels] is a matter of strides.
 *
 *   q         [Tq, H, D]
 *   k         [Tk, G, D]
 *   v         [Tk, G, Dv]
 *   o         [Tq, H, Dv]  dtype of q, k and v
 *   lse       [Tq, H]      fp32, natural logarithm; optional
 *   selected  [Tq, H, K']  int32: block indices within the sequence, ascending, -1 at the end.
 *                          Output: K' = min(top_k, most blocks in any sequence), at least 1;
 *                          optional in moba_attend, not allowed with full attention.
 *                          Input: any 1 <= K' <= max_selected.
 *   cu_seqlens_q, cu_seqlens_k
 *             [S + 1]      int32 or int64, contiguous, ascending, first 0, last the total. Both
 *                          absent: one sequence. One given: serves for both if Tq == Tk.
 *
 * Tensors that a function does not use, and optional ones that are not wanted, are absent (ndim 0).
 * The elements of an output have addresses of their own, each stride stepping over all that the
 * smaller strides reach; outputs, workspace and progress overlap nothing else. */
/* clang-format on */
typedef struct moba_run_shapes {
  int64_t struct_size;
  moba_tensor q;
  moba_tensor k;
  moba_tensor v;
  moba_tensor o;
  moba_tensor lse;
  moba_tensor selected;
  moba_tensor cu_seqlens_q;
  moba_tensor cu_seqlens_k;
} moba_run_shapes;

/* K' that moba_route and moba_attend write for these shapes and cu_seqlens. Looks at q, k and
 * cu_seqlens alone; fails for plans that do not route (full attention, or top_k 0). */
MOBA_API int32_t moba_selection_width(const moba_plan* plan, const moba_run_shapes* shapes,
                                      const void* cu_seqlens_q, const void* cu_seqlens_k,
                                      int64_t* width);

/* Common to the three run functions:
 *   workspace        moba_plan_workspace_bytes() bytes, 64-byte aligned; used by one run at a time.
 *   stream           NULL on the CPU; on a CUDA engine a cudaStream_t, NULL being the default one.
 *   progress         NULL, or two int64: [0] units of work done, [1] units in all. Written with
 *                    relaxed atomic stores while the call runs.
 *   cancel           NULL, or an int32 that another thread sets to non-zero to stop the call soon;
 *                    it then returns MOBA_CANCELLED, with outputs partly written.
 *   A pointer may be NULL where its tensor is absent or has no elements.
 *   A CUDA engine takes tensors (cu_seqlens excepted) and workspace in memory of its device. It
 *   enqueues the run on the stream and returns: cancel is looked at before, progress counts the
 *   enqueueing. A given selection is checked on the device; a row of it that breaks the rules
 *   gets NaN in o and lse.
 *   The same bits come out for any number of threads, and on a CPU engine a row's bits depend on
 *   its own sequence and the options alone, not on what else is in the batch. (A CUDA engine has
 *   several kernels, and chooses by the whole batch.) */

/* Routing (paper, section 2.2): writes `selected`. Reads q and k. */
MOBA_API int32_t moba_route(const moba_plan* plan, const moba_run_shapes* shapes, const void* q,
                            const void* k, const void* cu_seqlens_q, const void* cu_seqlens_k,
                            int32_t* selected, void* workspace, int64_t workspace_bytes,
                            void* stream, int64_t* progress, const int32_t* cancel);

/* Routing and attention in one: writes o, and lse and selected where given. */
MOBA_API int32_t moba_attend(const moba_plan* plan, const moba_run_shapes* shapes, const void* q,
                             const void* k, const void* v, const void* cu_seqlens_q,
                             const void* cu_seqlens_k, void* o, float* lse, int32_t* selected,
                             void* workspace, int64_t workspace_bytes, void* stream,
                             int64_t* progress, const int32_t* cancel);

/* Attention to a given selection: writes o, and lse where given. Routing options are ignored; the
 * own block is not added. */
MOBA_API int32_t moba_attend_selected(const moba_plan* plan, const moba_run_shapes* shapes,
                                      const void* q, const void* k, const void* v,
                                      const void* cu_seqlens_q, const void* cu_seqlens_k,
                                      const int32_t* selected, void* o, float* lse, void* workspace,
                                      int64_t workspace_bytes, void* stream, int64_t* progress,
                                      const int32_t* cancel);

/* Shapes of a merge: o_a, o_b, o [.., T, H, Dv] of one dtype; lse_a, lse_b, lse [.., T, H] fp32. */
typedef struct moba_merge_shapes {
  int64_t struct_size;
  moba_tensor o_a;
  moba_tensor lse_a;
  moba_tensor o_b;
  moba_tensor lse_b;
  moba_tensor o;
  moba_tensor lse;
} moba_merge_shapes;

/* Combines attention over two disjoint sets of keys into attention over their union:
 *   lse = ln(exp(lse_a) + exp(lse_b)),  o = o_a exp(lse_a - lse) + o_b exp(lse_b - lse).
 * A side whose lse is -inf contributes nothing. Outputs overlap neither inputs nor each other.
 * `stream` as for a run: NULL on the CPU; a CUDA engine takes tensors in memory of its device,
 * enqueues the merge and returns. */
MOBA_API int32_t moba_merge_states(const moba_engine* engine, const moba_merge_shapes* shapes,
                                   const void* o_a, const float* lse_a, const void* o_b,
                                   const float* lse_b, void* o, float* lse, void* stream);

/* ---------------------------------------------------------------- device */

/* Memory, streams, events and graphs of a CUDA engine's device: what a program needs around runs
 * when it has no CUDA of its own. They are CUDA's, so the two may be mixed: a stream is a
 * cudaStream_t, an event a cudaEvent_t, a graph a cudaGraphExec_t, and addresses are those of the
 * runtime.
 *
 *   - On an engine of the CPU all of them answer MOBA_UNSUPPORTED.
 *   - What is made belongs to the caller and to the device, not to the engine that made it: any
 *     engine of the same device takes it, and releases it, also after the first was destroyed.
 *   - The functions ending in _destroy, and moba_memory_free, accept NULL. Nothing is to be
 * released twice, or used after.
 *   - A result is set on MOBA_OK only. An error of work that was enqueued before can come back
 *     from any later call, as with CUDA itself: MOBA_DEVICE_ERROR. So do handles that CUDA does
 *     not know, where it looks.
 *   - Where a stream is taken, NULL is the default one of the device. Streams made here do not wait
 *     for it, nor does it wait for them. */

enum moba_memory {
  MOBA_MEMORY_DEVICE = 1, /* of the engine's device; the processor may not touch it */
  MOBA_MEMORY_PINNED = 2  /* page-locked memory of the processor: copies overlap with other work */
};

/* Allocates `bytes` >= 0 bytes, 256-byte aligned; 0 gives NULL. `memory`: enum moba_memory.
 * MOBA_OUT_OF_MEMORY if there are not so many. */
MOBA_API int32_t moba_memory_allocate(const moba_engine* engine, int32_t memory, int64_t bytes,
                                      void** address);

/* Releases what moba_memory_allocate gave for the same `memory`. Waits for work that uses it. */
MOBA_API int32_t moba_memory_free(const moba_engine* engine, int32_t memory, void* address);

/* Bytes of device memory that nobody has taken, and bytes in all. */
MOBA_API int32_t moba_memory_info(const moba_engine* engine, int64_t* free_bytes,
                                  int64_t* total_bytes);

/* Enqueues a copy between any two places, of the processor or of a device, that do not overlap.
 * Both stay untouched by others until the stream has come so far. Memory of the processor that is
 * not pinned may be read, or written, before this returns. */
MOBA_API int32_t moba_memory_copy(const moba_engine* engine, void* target, const void* source,
                                  int64_t bytes, void* stream);

/* A stream: work that is done in the order in which it was enqueued, on its own (it was made with
 * cudaStreamNonBlocking). */
MOBA_API int32_t moba_stream_create(const moba_engine* engine, void** stream);

/* Returns at once; what was enqueued is still done. */
MOBA_API int32_t moba_stream_destroy(const moba_engine* engine, void* stream);

/* Waits until all that was enqueued is done. */
MOBA_API int32_t moba_stream_synchronize(const moba_engine* engine, void* stream);

/* Whether all that was enqueued is done: 1 or 0. Does not wait. */
MOBA_API int32_t moba_stream_query(const moba_engine* engine, void* stream, int32_t* done);

/* What is enqueued on the stream from now on waits for the latest record of the event. Returns at
 * once. An event that was never recorded makes nothing wait. */
MOBA_API int32_t moba_stream_wait_event(const moba_engine* engine, void* stream, void* event);

/* An event: a point in a stream that can be waited for, and its time. */
MOBA_API int32_t moba_event_create(const moba_engine* engine, void** event);

/* Returns at once; streams that wait for it still do. */
MOBA_API int32_t moba_event_destroy(const moba_engine* engine, void* event);

/* Makes the event stand for the work that the stream holds now. */
MOBA_API int32_t moba_event_record(const moba_engine* engine, void* event, void* stream);

/* Waits until the work of the latest record is done; not at all if it was never recorded. */
MOBA_API int32_t moba_event_synchronize(const moba_engine* engine, void* event);

/* Whether the work of the latest record is done, or it was never recorded: 1 or 0. Does not wait.
 */
MOBA_API int32_t moba_event_query(const moba_engine* engine, void* event, int32_t* done);

/* Time from `start` to `end`, which have been recorded and are done; MOBA_DEVICE_ERROR if not. */
MOBA_API int32_t moba_event_elapsed(const moba_engine* engine, void* start, void* end,
                                    float* milliseconds);

/* From here to moba_graph_end what is enqueued on the stream, and on streams that wait for its
 * events, is not done but recorded. Runs, merges and copies between device and pinned memory can
 * be; the stream must not be waited for or asked. `stream` is not NULL: CUDA does not record the
 * default one. The mode is cudaStreamCaptureModeRelaxed: another thread may end what one began. */
MOBA_API int32_t moba_graph_begin(const moba_engine* engine, void* stream);

/* Ends the recording and makes it a graph that can be launched. It holds addresses, not contents:
 * each launch reads what is there then. cu_seqlens, which lie in the processor's memory, were read
 * when a run was recorded and stay as they were. After a failure nothing is recorded any more. */
MOBA_API int32_t moba_graph_end(const moba_engine* engine, void* stream, void** graph);

/* Enqueues all that the graph holds, in the order of its streams. Launches of one graph follow one
 * another; what it uses, workspaces included, must live until they are done. */
MOBA_API int32_t moba_graph_launch(const moba_engine* engine, void* graph, void* stream);

/* Releases a graph; launches under way are completed. */
MOBA_API int32_t moba_graph_destroy(const moba_engine* engine, void* graph);

/* ---------------------------------------------------------------- layout */

/* One field of a public struct as this library was compiled; field "" is the struct itself
 * (offset 0, size sizeof). For bindings to compare with their own idea. */
typedef struct moba_layout {
  int64_t struct_size;
  char type[32];
  char field[32];
  int64_t offset;
  int64_t size;
} moba_layout;

MOBA_API int32_t moba_layout_count(void);

/* Describes entry `index`, 0 <= index < moba_layout_count(); the caller sets layout->struct_size.
 */
MOBA_API int32_t moba_layout_get(int32_t index, moba_layout* layout);

#ifdef __cplusplus
}
#endif

#endif /* MOBA_MOBA_H */
