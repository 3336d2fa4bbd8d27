// A persistent pool that runs numbered tasks. Several callers may use it at once; each also works
// on its own job, so a run makes progress even when all workers are busy elsewhere. Running a job
// allocates nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace moba::cpu {

class ThreadPool {
 public:
  // `num_threads` work on one job: the caller and num_threads - 1 workers. Throws std::system_error
  // when a thread cannot be started.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls function(task, thread) for every task in [0, num_tasks), in ascending order of claiming;
  // 0 <= thread < num_threads() differs between calls that run at the same time. Returns when all
  // are done. `function` must not throw.
  template <typename Function>
  void Run(int64_t num_tasks, const Function& function) {
    Job job;
    job.num_tasks = num_tasks;
    job.function = &function;
    job.call = [](const void* f, int64_t task, int thread) {
      (*static_cast<const Function*>(f))(task, thread);
    };
    RunJob(job);
  }

 private:
  struct Job {
    int64_t num_tasks;
    const void* function;
    void (*call)(const void* function, int64_t task, int thread);
    std::atomic<int64_t> next_task{0};
    int num_workers = 0;  // guarded by mutex_
    Job* next_job = nullptr;

    void Work(int thread);
  };

  void RunJob(Job& job);
  void WorkerLoop(int thread);
  Job* OpenJob() const;
  void StopWorkers();

  std::mutex mutex_;
  std::condition_variable job_posted_;
  std::condition_variable worker_left_;
  Job* jobs_ = nullptr;  // guarded by mutex_
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace moba::cpu
