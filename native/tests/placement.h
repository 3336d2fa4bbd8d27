// Where a CUDA engine finds the tensors of a call: in memory of its device, to which the pages of
// the guarded memory are copied, canaries and poison included, and from which they come back. The
// checks of tensor_memory.h then hold for the device.
#ifndef MOBA_TESTS_PLACEMENT_H_
#define MOBA_TESTS_PLACEMENT_H_

#include <cstdint>
#include <deque>
#include <initializer_list>

#include "device.h"
#include "guarded_memory.h"
#include "moba/moba.h"

namespace moba_test {

class Placement {
 public:
  // Describes the tensors as memory of the engine's device. On an engine of the CPU this does
  // nothing, and nor does anything else here.
  void MoveTo(const moba_engine* engine, std::initializer_list<moba_tensor*> tensors);
  // Gives memory that outlives this object a copy on the device.
  void Add(const GuardedMemory& memory);

  // The address on the device of a byte of added memory, its end included; others as they are.
  template <typename T>
  T* Address(T* host) const {
    return const_cast<T*>(static_cast<const T*>(AddressOf(host)));
  }

  bool empty() const { return copies_.empty(); }

  // Copies everything to the device, or back in the order of the stream; waits until it is done.
  void Upload() const;
  void Download(void* stream = nullptr) const;

 private:
  struct Copy {
    Copy(const moba_engine* engine, const GuardedMemory& memory)
        : host(memory), device(engine, Bytes()) {}
    int64_t Bytes() const { return static_cast<int64_t>(host.pages_size()); }

    const GuardedMemory& host;
    DeviceMemory device;
  };

  const void* AddressOf(const void* host) const;

  const moba_engine* engine_ = nullptr;
  std::deque<Copy> copies_;
};

}  // namespace moba_test

#endif  // MOBA_TESTS_PLACEMENT_H_
