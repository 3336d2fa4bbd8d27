#include "cpu/thread_pool.h"

#include "cpu/float_environment.h"

namespace moba::cpu {

ThreadPool::ThreadPool(int num_threads) {
  workers_.reserve(static_cast<size_t>(num_threads - 1));
  try {
    for (int thread = 1; thread < num_threads; ++thread) {
      workers_.emplace_back([this, thread] { WorkerLoop(thread); });
    }
  } catch (...) {
    StopWorkers();
    throw;
  }
}

ThreadPool::~ThreadPool() { StopWorkers(); }

void ThreadPool::StopWorkers() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  job_posted_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Job::Work(int thread) {
  const DefaultFloatEnvironment environment;
  for (;;) {
    const int64_t task = next_task.fetch_add(1, std::memory_order_relaxed);
    if (task >= num_tasks) return;
    call(function, task, thread);
  }
}

void ThreadPool::RunJob(Job& job) {
  const bool shared = job.num_tasks > 1 && !workers_.empty();
  if (shared) {
    {
      std::lock_guard lock(mutex_);
      Job** last = &jobs_;
      while (*last != nullptr) last = &(*last)->next_job;
      *last = &job;
    }
    job_posted_.notify_all();
  }
  job.Work(0);
  if (shared) {
    std::unique_lock lock(mutex_);
    Job** link = &jobs_;
    while (*link != &job) link = &(*link)->next_job;
    *link = job.next_job;
    worker_left_.wait(lock, [&job] { return job.num_workers == 0; });
  }
}

ThreadPool::Job* ThreadPool::OpenJob() const {
  for (Job* job = jobs_; job != nullptr; job = job->next_job) {
    if (job->next_task.load(std::memory_order_relaxed) < job->num_tasks) return job;
  }
  return nullptr;
}

void ThreadPool::WorkerLoop(int thread) {
  std::unique_lock lock(mutex_);
  for (;;) {
    Job* job = nullptr;
    job_posted_.wait(lock, [&] { return stopping_ || (job = OpenJob()) != nullptr; });
    if (stopping_) return;
    ++job->num_workers;
    lock.unlock();
    job->Work(thread);
    lock.lock();
    if (--job->num_workers == 0) worker_left_.notify_all();
  }
}

}  // namespace moba::cpu
