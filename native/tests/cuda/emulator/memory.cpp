// Memory of the emulated device: counted, limited, poisoned, and each piece before an inaccessible
// page. Page-locked memory counts as well, so that tests see when it is not released.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include "cuda/block.h"
#include "cuda/runtime.h"
#include "cuda/emulator/device.h"
#include "cuda/emulator/stream.h"
#include "guarded_memory.h"

namespace moba::cuda {
namespace {

constexpr size_t kAlignment = 256;

struct Piece {
  core::MemoryKind kind;
  moba_test::GuardedMemory memory;
};

int64_t used = 0;

std::map<void*, Piece>& Pieces() {
  static std::map<void*, Piece> pieces;
  return pieces;
}

// Bytes that the device has: 1 GiB, or what the environment variable says.
int64_t Total() {
  const char* said = std::getenv("MOBA_EMULATED_BYTES");
  return said == nullptr ? int64_t{1} << 30 : std::strtoll(said, nullptr, 10);
}

Status OutOfMemory() {
  return {.code = Status::Code::kOutOfMemory,
          .name = "cudaErrorMemoryAllocation",
          .text = "out of memory"};
}

}  // namespace

Status AllocateMemory(core::MemoryKind kind, int64_t bytes, void** address) {
  const auto lock = LockDevice();
  if (bytes > Total() - used) return OutOfMemory();
  Piece piece = {kind, moba_test::GuardedMemory(static_cast<size_t>(bytes), kAlignment)};
  *address = piece.memory.data();
  std::memset(*address, 0xff, piece.memory.size());
  used += bytes;
  Pieces().emplace(*address, std::move(piece));
  return Status::Ok();
}

Status FreeMemory(core::MemoryKind kind, void* address) {
  const auto lock = LockDevice();
  FinishEverything();
  const auto found = Pieces().find(address);
  if (found == Pieces().end() || found->second.kind != kind) {
    return Refused("cudaErrorInvalidValue", "invalid argument");
  }
  const bool intact = found->second.memory.SurroundingsUntouched();
  used -= static_cast<int64_t>(found->second.memory.size());
  Pieces().erase(found);
  if (intact) return Status::Ok();
  emulated_loss = true;
  return LostDevice();
}

Status DescribeMemory(int64_t* free_bytes, int64_t* total_bytes) {
  const auto lock = LockDevice();
  *free_bytes = Total() - used;
  *total_bytes = Total();
  return Status::Ok();
}

// Also of memory that is not page-locked the copy is put off: the runtime may do it early, and
// nobody may rely on that.
Status CopyMemory(void* target, const void* source, int64_t bytes, void* stream) {
  return Enqueue({stream, Workers()},
                 [=] { std::memcpy(target, source, static_cast<size_t>(bytes)); });
}

}  // namespace moba::cuda
