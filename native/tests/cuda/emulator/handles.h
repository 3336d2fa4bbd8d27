// Objects behind the opaque handles of the emulated device.
#pragma once

#include <map>
#include <memory>

namespace moba::cuda {

template <class T>
class Handles {
 public:
  void* Add(std::shared_ptr<T> object) {
    void* const handle = object.get();
    objects_[handle] = std::move(object);
    return handle;
  }

  // nullptr if there is none.
  std::shared_ptr<T> Find(void* handle) const {
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }

  std::shared_ptr<T> Remove(void* handle) {
    const std::shared_ptr<T> object = Find(handle);
    objects_.erase(handle);
    return object;
  }

  const std::map<void*, std::shared_ptr<T>>& all() const { return objects_; }

 private:
  std::map<void*, std::shared_ptr<T>> objects_;
};

}  // namespace moba::cuda
