/* moba.h from C99: engine, plan and run end to end on an input whose answer is known. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moba/moba.h"

#define TOKENS 40
#define HEADS 2
#define DIM 8
#define TOP_K 2

static int failures = 0;

static void expect(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "not so: %s; last error: \"%s\"\n", what, moba_last_error());
    ++failures;
  }
}

static moba_tensor describe(int32_t dtype, int64_t tokens, int64_t heads, int64_t channels) {
  moba_tensor tensor;
  memset(&tensor, 0, sizeof tensor);
  tensor.struct_size = (int64_t)sizeof tensor;
  tensor.dtype = dtype;
  tensor.ndim = channels > 0 ? 3 : 2;
  tensor.device_type = MOBA_DEVICE_CPU;
  tensor.shape[0] = tokens;
  tensor.shape[1] = heads;
  tensor.shape[2] = channels;
  tensor.stride[0] = heads * (channels > 0 ? channels : 1);
  tensor.stride[1] = channels > 0 ? channels : 1;
  tensor.stride[2] = channels > 0 ? 1 : 0;
  return tensor;
}

static moba_tensor absent(void) {
  moba_tensor tensor;
  memset(&tensor, 0, sizeof tensor);
  tensor.struct_size = (int64_t)sizeof tensor;
  tensor.device_type = MOBA_DEVICE_CPU;
  return tensor;
}

/* All keys are zero, so every query weighs the keys it sees equally: with values v[t] = t, the
 * output of a query is the mean index of the keys of its selected blocks, and lse is the logarithm
 * of their count. Ties go to block 0. */
static void run(moba_engine* engine) {
  static float q[TOKENS * HEADS * DIM], k[TOKENS * DIM], v[TOKENS * DIM];
  static float o[TOKENS * HEADS * DIM], lse[TOKENS * HEADS];
  static int32_t selected[TOKENS * HEADS * TOP_K];
  moba_plan_config config;
  moba_run_shapes shapes;
  moba_plan* plan = NULL;
  int64_t bytes = 0;
  int64_t progress[2] = {0, 0};
  int32_t cancel = 0;
  void* allocation;
  void* workspace;
  int t, h, d;

  for (t = 0; t < TOKENS; ++t) {
    for (d = 0; d < DIM; ++d) v[t * DIM + d] = (float)t;
    for (h = 0; h < HEADS * DIM; ++h) q[t * HEADS * DIM + h] = 1.0f;
  }

  memset(&config, 0, sizeof config);
  config.struct_size = (int64_t)sizeof config;
  config.dtype = MOBA_F32;
  config.num_heads = HEADS;
  config.num_kv_heads = 1;
  config.head_dim = DIM;
  config.head_dim_v = DIM;
  config.max_tokens_q = TOKENS;
  config.max_tokens_k = TOKENS;
  config.max_sequences = 1;
  moba_options_init(&config.options);
  config.options.block_size = 16;
  config.options.top_k = TOP_K;
  expect(moba_plan_create(engine, &config, &plan) == MOBA_OK, "the plan is made");
  if (plan == NULL) return;
  expect(moba_plan_workspace_bytes(plan, &bytes) == MOBA_OK, "the plan knows its workspace");

  allocation = malloc((size_t)bytes + 64);
  if (allocation == NULL) {
    expect(0, "there is memory");
    return;
  }
  workspace = (char*)allocation + (64 - (uintptr_t)allocation % 64) % 64;

  memset(&shapes, 0, sizeof shapes);
  shapes.struct_size = (int64_t)sizeof shapes;
  shapes.q = describe(MOBA_F32, TOKENS, HEADS, DIM);
  shapes.k = describe(MOBA_F32, TOKENS, 1, DIM);
  shapes.v = describe(MOBA_F32, TOKENS, 1, DIM);
  shapes.o = describe(MOBA_F32, TOKENS, HEADS, DIM);
  shapes.lse = describe(MOBA_F32, TOKENS, HEADS, 0);
  shapes.selected = describe(MOBA_I32, TOKENS, HEADS, TOP_K);
  shapes.cu_seqlens_q = absent();
  shapes.cu_seqlens_k = absent();
  expect(moba_attend(plan, &shapes, q, k, v, NULL, NULL, o, lse, selected, workspace, bytes, NULL,
                     progress, &cancel) == MOBA_OK,
         "the run succeeds");
  expect(progress[0] == progress[1] && progress[1] > 0, "all work is done");

  for (t = 0; t < TOKENS; ++t) {
    const int own = t / 16;
    const int keys = own == 0 ? t + 1 : 16 + t - 16 * own + 1;
    const double sum_own = (16.0 * own + t) * (t - 16 * own + 1) / 2;
    const double mean = (own == 0 ? sum_own : 120 + sum_own) / keys;
    for (h = 0; h < HEADS; ++h) {
      const int32_t* row = selected + (t * HEADS + h) * TOP_K;
      expect(row[0] == 0 && row[1] == (own == 0 ? -1 : own), "ties go to block 0");
      expect(fabs(o[(t * HEADS + h) * DIM + 3] - mean) < 1e-4, "o is the mean of what is read");
      expect(fabs(lse[t * HEADS + h] - log(keys)) < 1e-4, "lse is the logarithm of the count");
    }
  }

  shapes.k.shape[2] = DIM - 1;
  expect(moba_attend(plan, &shapes, q, k, v, NULL, NULL, o, lse, selected, workspace, bytes, NULL,
                     NULL, NULL) == MOBA_INVALID_ARGUMENT,
         "a wrong shape is refused");
  expect(strlen(moba_last_error()) > 0, "the refusal has a sentence");
  expect(moba_plan_destroy(plan) == MOBA_OK, "the plan goes");
  free(allocation);
}

int main(void) {
  moba_engine_options options;
  moba_engine* engine = NULL;
  expect(moba_abi_version() == MOBA_ABI_VERSION, "header and library are of one version");
  memset(&options, 0, sizeof options);
  options.struct_size = (int64_t)sizeof options;
  options.backend = MOBA_BACKEND_CPU;
  expect(moba_engine_create(&options, &engine) == MOBA_OK, "the engine starts");
  if (engine != NULL) {
    run(engine);
    expect(moba_engine_destroy(engine) == MOBA_OK, "the engine stops");
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
