#include "machine.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define MOBA_FIBERS_OF_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOBA_FIBERS_OF_ASAN 1
#endif
#endif
#ifdef MOBA_FIBERS_OF_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace moba::cuda::emulator {
namespace {

constexpr size_t kStackBytes = 256 * 1024;

thread_local Machine* current = nullptr;

// Stacks are used again: there are hundreds of them for each block.
std::vector<std::unique_ptr<char[]>>& SpareStacks() {
  static thread_local std::vector<std::unique_ptr<char[]>> stacks;
  return stacks;
}

}  // namespace

void Fail(const char* what) {
  std::fprintf(stderr, "emulated thread block: %s\n", what);
  std::abort();
}

struct Machine::Fiber {
  ucontext_t context;  // where it begins
#ifndef MOBA_FIBERS_OF_ASAN
  bool begun = false;
  jmp_buf place;
#endif
  std::unique_ptr<char[]> stack;
  const std::function<bool()>* ready = nullptr;
  bool done = false;
};

namespace {

#ifdef MOBA_FIBERS_OF_ASAN
thread_local ucontext_t scheduler;
thread_local const void* scheduler_stack;
thread_local size_t scheduler_stack_size;
#else
thread_local jmp_buf scheduler;
#endif

}  // namespace

// Jumps take a tenth of the time of swapcontext, which asks the system for its signal mask.
void Machine::SwitchTo(Fiber& fiber) {
#ifdef MOBA_FIBERS_OF_ASAN
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, fiber.stack.get(), kStackBytes);
  swapcontext(&scheduler, &fiber.context);
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
  if (_setjmp(scheduler) != 0) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  setcontext(&fiber.context);
#endif
}

void Machine::SwitchFrom(Fiber& fiber) {
#ifdef MOBA_FIBERS_OF_ASAN
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(fiber.done ? nullptr : &fake, scheduler_stack,
                                 scheduler_stack_size);
  swapcontext(&fiber.context, &scheduler);
  __sanitizer_finish_switch_fiber(fake, &scheduler_stack, &scheduler_stack_size);
#else
  if (_setjmp(fiber.place) == 0) _longjmp(scheduler, 1);
#endif
}

Machine::Machine(int threads, int64_t index, int64_t blocks)
    : warpgroups_(static_cast<size_t>(threads / 128)),
      copies_(static_cast<size_t>(threads), CopyGroups(1)),
      copied_by_(kSharedWindow / 16),
      copied_(static_cast<size_t>(threads)),
      memory_(new char[2 * kSharedWindow]),
      threads_(threads),
      block_(index),
      blocks_(blocks),
      chance_(static_cast<uint64_t>(index) * 2 + 1) {
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  window_ = memory_.get() + (kSharedWindow - address % kSharedWindow) % kSharedWindow;
  std::memset(window_, 0xff, kSharedWindow);
  for (int i = 0; i < threads; ++i) fibers_.push_back(NewFiber());
}

std::unique_ptr<Machine::Fiber> Machine::NewFiber() {
  auto fiber = std::make_unique<Fiber>();
  auto& spare = SpareStacks();
  if (spare.empty()) {
    fiber->stack.reset(new char[kStackBytes]);
  } else {
    fiber->stack = std::move(spare.back());
    spare.pop_back();
  }
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.get();
  fiber->context.uc_stack.ss_size = kStackBytes;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, &Machine::Enter, 0);
  return fiber;
}

Machine::~Machine() {
  for (auto& fiber : fibers_) SpareStacks().push_back(std::move(fiber->stack));
}

Machine& Machine::Current() { return *current; }

void Machine::Run(int threads, int64_t shared_bytes, int64_t index, int64_t blocks,
                  const Body& body) {
  if (shared_bytes > kMostShared) Fail("more shared memory than a block can have");
  if (threads % 128 != 0) Fail("threads come in warpgroups of 128");
  Machine machine(threads, index, blocks);
  Machine* const outer = std::exchange(current, &machine);
  machine.Loop(body, machine.window_ + kSharedBase);
  current = outer;
}

void Machine::Enter() {
#ifdef MOBA_FIBERS_OF_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_size);
#endif
  Machine& machine = *current;
  Fiber& fiber = *machine.fibers_[static_cast<size_t>(machine.running_)];
  (*machine.body_)(machine.shared_);
  fiber.done = true;
  SwitchFrom(fiber);
}

int Machine::ThreadAt(int place) const {
  switch (emulated_order) {
    case ThreadOrder::kAscending:
      break;
    case ThreadOrder::kDescending:
      return threads_ - 1 - place;
    case ThreadOrder::kInterleaved:
      return static_cast<int>((place * int64_t{77} + 13 + static_cast<int64_t>(chance_ >> 40)) %
                              threads_);
  }
  return place;
}

bool Machine::DoSomeWork(bool stuck) {
  if (later_.empty()) return false;
  if (!stuck) {
    if (emulated_order != ThreadOrder::kInterleaved) return false;
    chance_ = chance_ * 6364136223846793005u + 1442695040888963407u;
    if ((chance_ >> 60) != 0) return false;
  }
  const size_t which = static_cast<size_t>(chance_ >> 33) % later_.size();
  const std::function<void()> work = std::move(later_[which]);
  later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(which));
  work();
  return true;
}

void Machine::Loop(const Body& body, char* shared) {
  body_ = &body;
  shared_ = shared;
  for (bool all_done = false; !all_done;) {
    all_done = true;
    bool moved = false;
    chance_ = chance_ * 6364136223846793005u + 1442695040888963407u;
    for (int place = 0; place < threads_; ++place) {
      const int thread = ThreadAt(place);
      Fiber& fiber = *fibers_[static_cast<size_t>(thread)];
      if (fiber.done) continue;
      all_done = false;
      running_ = thread;
      if (fiber.ready != nullptr && !(*fiber.ready)()) continue;
      fiber.ready = nullptr;
      SwitchTo(fiber);
      moved = true;
    }
    if (all_done) break;
    moved |= DoSomeWork(!moved);
    if (!moved) Fail("every thread waits, and nothing is under way");
  }
  if (!later_.empty()) Fail("the block ended while copies were under way");
}

void Machine::WaitUntil(const std::function<bool()>& ready) {
  if (ready()) return;
  Fiber& fiber = *fibers_[static_cast<size_t>(running_)];
  fiber.ready = &ready;
  SwitchFrom(fiber);
}

const uint64_t* Machine::Meet(int first, int count, uint64_t value) {
  Meeting& meeting = meetings_[{first, count}];
  if (meeting.rounds.empty()) {
    meeting.rounds.resize(static_cast<size_t>(count));
    for (auto& values : meeting.values) values.resize(static_cast<size_t>(count));
  }
  const size_t own = static_cast<size_t>(running_ - first);
  const int64_t round = meeting.rounds[own];
  meeting.values[round % 2][own] = value;
  ++meeting.rounds[own];
  ++meeting.arrivals;  // nobody arrives twice before everybody else came
  WaitUntil([&meeting, goal = (round + 1) * count] { return meeting.arrivals >= goal; });
  return meeting.values[round % 2].data();
}

void Machine::Together(int first, int count, void* own,
                       const std::function<void(void* const* all)>& work) {
  Joint& joint = joints_[{first, count}];
  joint.brought.resize(static_cast<size_t>(count));
  joint.brought[static_cast<size_t>(running_ - first)] = own;
  const int64_t goal = (joint.arrivals / count + 1) * count;
  if (++joint.arrivals == goal) work(joint.brought.data());
  WaitUntil([&joint, goal] { return joint.arrivals >= goal; });
}

void Machine::NamedBarrier(int id, int threads) {
  Named& barrier = named_[id];
  const int64_t goal = (barrier.arrivals / threads + 1) * threads;
  ++barrier.arrivals;
  WaitUntil([&barrier, goal] { return barrier.arrivals >= goal; });
}

void Machine::Later(std::function<void()> work) {
  if (emulated_order == ThreadOrder::kAscending) {
    work();
  } else {
    later_.push_back(std::move(work));
  }
}

int64_t Machine::AddressOf(const void* shared) const {
  const int64_t address = static_cast<const char*>(shared) - window_;
  if (address < kSharedBase || address >= kSharedBase + kMostShared) {
    Fail("an address that is not in shared memory");
  }
  return address;
}

void Machine::WrittenBy(int thread, const void* shared, int64_t bytes) {
  copied_[static_cast<size_t>(thread)] = 1;
  const int64_t address = AddressOf(shared);
  for (int64_t at = address / 16; at < (address + bytes + 15) / 16; ++at) {
    copied_by_[static_cast<size_t>(at)] = static_cast<int16_t>(thread + 1);
  }
}

// As std::replace, but writes every element, so that the loop is vectorised.
void Machine::ReplaceCopied(int16_t from, int16_t to) {
  for (int16_t& by : copied_by_) by = by == from ? to : by;
}

void Machine::Announce(int thread) {
  if (!std::exchange(copied_[static_cast<size_t>(thread)], 0)) return;
  announced_ = true;
  ReplaceCopied(static_cast<int16_t>(thread + 1), kAnnounced);
}

void Machine::FenceOfThread() {
  if (std::exchange(copied_[static_cast<size_t>(running_)], 0)) {
    ReplaceCopied(static_cast<int16_t>(running_ + 1), 0);
  }
  if (std::exchange(announced_, false)) ReplaceCopied(kAnnounced, 0);
}

void Machine::ExpectVisible(int64_t address, int64_t bytes) const {
  for (int64_t at = address / 16; at < (address + bytes + 15) / 16; ++at) {
    if (copied_by_[static_cast<size_t>(at)] != 0) {
      Fail("tensor cores read what a thread wrote and nobody fenced");
    }
  }
}

}  // namespace moba::cuda::emulator
