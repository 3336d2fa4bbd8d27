// The most memory that this process held resident since it last began to count.
#ifndef MOBA_BENCH_PEAK_MEMORY_H_
#define MOBA_BENCH_PEAK_MEMORY_H_

#include <cstdint>
#include <fstream>
#include <string>

namespace moba_bench {

// From here on; what is resident now counts. Where the kernel does not let itself be asked, all of
// the process's life counts.
inline void RestartPeakMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

inline int64_t PeakMemoryBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024 * std::stoll(line.substr(6));
  }
  return 0;
}

}  // namespace moba_bench

#endif  // MOBA_BENCH_PEAK_MEMORY_H_
