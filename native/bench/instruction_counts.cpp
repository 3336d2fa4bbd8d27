// moba_instruction_counts TARGET: small workloads, one run each, whose instructions
// instruction_counts.py counts under callgrind. Prints what built the kernels; then a table of the
// workloads and of how much each has to do.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <vector>

#include "arguments.h"
#include "engine.h"
#include "hwy/highway.h"
#include "workload.h"

namespace moba_bench {
namespace {

struct Counted {
  Shape shape;
  int32_t dtype;
};

std::vector<Counted> Workloads() {
  // Full panels and tiles of every target's shape, without a mask.
  const Shape full = {"full", 256, 1, 1, 128, 0, 0, 96, false};
  const Shape dense = {"dense", 384, 1, 1, 128, 0, 0};
  const Shape moba = {"moba", 512, 1, 1, 128, 64, 4};
  const Shape fine = {"moba_fine", 768, 1, 1, 64, 8, 4};  // half of it is routing
  const Shape decode = {"decode", 2048, 1, 1, 128, 0, 0, 1};
  const Shape decode_gqa8 = {"decode_gqa8", 2048, 8, 1, 128, 0, 0, 1};
  const Shape decode_moba = {"decode_moba_gqa8", 2048, 8, 1, 128, 128, 4, 1};
  return {{full, MOBA_F32},        {full, MOBA_BF16},        {full, MOBA_F16},
          {dense, MOBA_F32},       {moba, MOBA_F32},         {moba, MOBA_BF16},
          {fine, MOBA_F32},        {decode, MOBA_F32},       {decode, MOBA_BF16},
          {decode_gqa8, MOBA_F32}, {decode_gqa8, MOBA_BF16}, {decode_moba, MOBA_F32},
          {decode_moba, MOBA_BF16}};
}

void Main(int argc, char** argv) {
  if (argc != 2) throw std::invalid_argument("usage: moba_instruction_counts TARGET");
  const Engine engine(TargetOf(argv[1]), 1);
  std::printf("%s highway-%d.%d.%d\n", MOBA_COMPILER, HWY_MAJOR, HWY_MINOR, HWY_PATCH);
  std::printf(
      "case\tscore_products\tvalue_products\tpairs\tcentroid_scores\tq_elements\tk_elements\n");
  for (const Counted& counted : Workloads()) {
    Workload workload(engine.get(), counted.shape, counted.dtype);
    workload.Attend();
    const Shape& shape = counted.shape;
    const double products = 1e9 * workload.UsefulGflop() / 4;
    const double routed = shape.block_size == 0 ? 0 : 1e9 * workload.UsefulRouteGflop() / 2;
    std::printf("%s_%s\t%.0f\t%.0f\t%.0f\t%.0f\t%lld\t%lld\n", shape.name.c_str(),
                NameOfDtype(counted.dtype), products + routed, products,
                products / static_cast<double>(shape.head_dim),
                routed / static_cast<double>(shape.head_dim),
                static_cast<long long>(shape.Queries() * shape.heads * shape.head_dim),
                static_cast<long long>(shape.tokens * shape.kv_heads * shape.head_dim));
  }
}

}  // namespace
}  // namespace moba_bench

int main(int argc, char** argv) {
  try {
    moba_bench::Main(argc, argv);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moba_instruction_counts: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
