// A thread block of a GPU on a processor: threads as coroutines of one host thread, that run until
// they have to wait, in an order that tests choose; asynchronous work (copies, products of tensor
// cores) that is done at once, or only when everybody waits for it.
//
// It checks what hardware would not tell: a block in which everybody waits for ever, a product that
// reads shared memory that was copied by threads without a fence, results touched too early (as
// they are late), fresh shared memory (as it is NaN).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "cuda/block.h"

namespace moba::cuda::emulator {

// Addresses as descriptors hold them: 18 bits.
inline constexpr int64_t kSharedWindow = int64_t{1} << 18;
inline constexpr int64_t kSharedBase = 1024;  // shared memory of a kernel begins there
inline constexpr int64_t kMostShared = 227 * 1024;

[[noreturn]] void Fail(const char* what);

class Machine {
 public:
  using Body = std::function<void(char* shared)>;

  // Runs one block to its end. `index` of `blocks`.
  static void Run(int threads, int64_t shared_bytes, int64_t index, int64_t blocks,
                  const Body& body);
  // The block whose thread is running.
  static Machine& Current();

  int thread() const { return running_; }
  int threads() const { return threads_; }
  int64_t block() const { return block_; }
  int64_t blocks() const { return blocks_; }

  // Lets others run until `ready`.
  void WaitUntil(const std::function<bool()>& ready);

  // What all `count` threads that meet here, each with a value, brought: in the order of threads
  // from `first` on. The memory is good until the thread meets the same others once more.
  const uint64_t* Meet(int first, int count, uint64_t value);
  // The last one to come of `count` threads from `first` on does `work` with what all of them
  // bring.
  void Together(int first, int count, void* own, const std::function<void(void* const* all)>& work);
  void NamedBarrier(int id, int threads);

  // Asynchronous work: in ascending order of threads it is done at once, in descending order as
  // late as can be, otherwise now and then.
  void Later(std::function<void()> work);

  char* SharedAt(int64_t address) { return window_ + address; }
  int64_t AddressOf(const void* shared) const;

  // Bytes that a thread wrote or copied, and tensor cores do not see before its fence; or, after
  // they were announced by a barrier, before anyone's.
  void WrittenBy(int thread, const void* shared, int64_t bytes);
  void Announce(int thread);
  void FenceOfThread();
  void ExpectVisible(int64_t address, int64_t bytes) const;

  // Copies of the running thread that it has not waited for, in groups; the last one is open.
  using CopyGroups = std::vector<std::vector<std::function<void()>>>;
  CopyGroups& OwnCopies() { return copies_[static_cast<size_t>(running_)]; }

  // Products of a warpgroup, in the order of their batches.
  struct Product {
    int arrived = 0;
    std::function<void()> compute;
    std::array<void*, 128> result = {};
    std::array<const void*, 128> operand = {};
  };
  struct Warpgroup {
    std::vector<int64_t> next = std::vector<int64_t>(128, 0);  // of each thread
    std::map<int64_t, Product> products;                       // by number
    std::vector<std::vector<int64_t>> uncommitted = std::vector<std::vector<int64_t>>(128);
    std::vector<std::vector<std::vector<int64_t>>> batches =
        std::vector<std::vector<std::vector<int64_t>>>(128);
    std::vector<char> begun = std::vector<char>(128);  // whether a thread may issue products
    int64_t computed = 0;                              // products [0, computed) are done
  };
  Warpgroup& OwnWarpgroup() { return warpgroups_[static_cast<size_t>(running_ / 128)]; }

 private:
  struct Fiber;
  struct Meeting {
    std::vector<uint64_t> values[2];
    std::vector<int64_t> rounds;  // of each thread
    int64_t arrivals = 0;
  };
  struct Joint {
    std::vector<void*> brought;
    int64_t arrivals = 0;
  };
  struct Named {
    int64_t arrivals = 0;
  };

  Machine(int threads, int64_t index, int64_t blocks);
  ~Machine();
  static std::unique_ptr<Fiber> NewFiber();
  void Loop(const Body& body, char* shared);
  int ThreadAt(int place) const;
  void ReplaceCopied(int16_t from, int16_t to);
  bool DoSomeWork(bool stuck);
  static void Enter();
  static void SwitchTo(Fiber& fiber);
  static void SwitchFrom(Fiber& fiber);  // to the scheduler

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Warpgroup> warpgroups_;
  std::vector<std::function<void()>> later_;
  std::map<std::pair<int, int>, Meeting> meetings_;
  std::map<std::pair<int, int>, Joint> joints_;
  std::map<int, Named> named_;
  std::vector<CopyGroups> copies_;
  static constexpr int16_t kAnnounced = -1;
  bool announced_ = false;
  std::vector<int16_t> copied_by_;  // of every 16 bytes of the window: thread + 1, or 0
  std::vector<char> copied_;        // of every thread: whether it did, since its last fence
  std::unique_ptr<char[]> memory_;
  char* window_;
  const Body* body_ = nullptr;
  char* shared_ = nullptr;
  int threads_;
  int running_ = 0;
  int64_t block_;
  int64_t blocks_;
  uint64_t chance_;
};

}  // namespace moba::cuda::emulator
