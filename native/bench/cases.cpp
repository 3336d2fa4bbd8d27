#include "cases.h"

#include <sstream>
#include <string>

namespace moba_bench {
namespace {

struct Blocks {
  int64_t block_size;  // 0: none are chosen
  int64_t top_k;
};
constexpr Blocks kNone = {0, 0};
constexpr Blocks kCoarse = {512, 3};
constexpr Blocks kFine = {128, 8};

struct Heads {
  int64_t heads;
  int64_t kv_heads;
};
constexpr Heads kOne = {1, 1};
constexpr Heads kTwo = {2, 2};
constexpr Heads kEight = {8, 8};
constexpr Heads kGroupsOf4 = {32, 8};
constexpr Heads kGroupOf4 = {4, 1};
constexpr Heads kGroupOf8 = {8, 1};

Shape MakeShape(const std::string& what, int64_t kilotokens, Blocks blocks, Heads heads,
                int64_t head_dim = 128) {
  std::ostringstream name;
  name << what << '_' << (kilotokens == 1024 ? 1 : kilotokens) << (kilotokens == 1024 ? 'm' : 'k');
  if (blocks.block_size > 0) name << "_b" << blocks.block_size << "_k" << blocks.top_k;
  if (head_dim != 128) name << "_d" << head_dim;
  if (heads.heads > heads.kv_heads) {
    name << "_gqa" << heads.heads / heads.kv_heads;
  }
  if (heads.kv_heads > 1) name << '_' << heads.heads << "heads";
  return {name.str(), 1024 * kilotokens, heads.heads, heads.kv_heads,
          head_dim,   blocks.block_size, blocks.top_k};
}

}  // namespace

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](const Shape& shape) { cases.push_back({shape}); };
  for (int64_t kilotokens : {1, 8, 32}) add(MakeShape("dense", kilotokens, kNone, kOne));
  add(MakeShape("dense", 8, kNone, kOne, 64));
  for (Heads heads : {kTwo, kGroupOf4, kGroupOf8}) add(MakeShape("dense", 8, kNone, heads));
  for (int64_t kilotokens : {1, 8}) {
    Shape shape = MakeShape("full", kilotokens, kNone, kOne);
    shape.causal = false;
    add(shape);
  }
  for (Blocks blocks : {kCoarse, kFine}) {
    for (int64_t kilotokens : {4, 8, 32, 128}) add(MakeShape("moba", kilotokens, blocks, kOne));
    for (Heads heads : {kTwo, kGroupOf4, kGroupOf8}) add(MakeShape("moba", 8, blocks, heads));
    for (int64_t kilotokens : {8, 32, 128}) {
      cases.push_back({MakeShape("route", kilotokens, blocks, kOne), true});
    }
  }
  add(MakeShape("moba", 1024, kCoarse, kOne));
  const auto add_decode = [&](Shape shape) {
    shape.queries = 1;
    add(shape);
  };
  for (Blocks blocks : {kNone, kFine, kCoarse}) {
    for (int64_t kilotokens : {32, 64, 256}) {
      for (Heads heads : {kOne, kGroupOf4, kGroupOf8}) {
        add_decode(MakeShape("decode", kilotokens, blocks, heads));
      }
    }
    for (Heads heads : {kEight, kGroupsOf4}) add_decode(MakeShape("decode", 32, blocks, heads));
    for (int64_t head_dim : {64, 96, 256}) {
      add_decode(MakeShape("decode", 32, blocks, kOne, head_dim));
    }
  }
  return cases;
}

}  // namespace moba_bench
