#include "launch.hpp"

#include <sys/mman.h>

#include <new>

namespace medtorch {
namespace {

thread_local Recorder* listening = nullptr;

}  // namespace

// Never written to, so that it takes up addresses and no memory; readable, as Python may look at what it is handed.
Region::Region(std::size_t bytes) : data_(nullptr), bytes_(bytes < 1 ? 1 : bytes) {
  void* const found = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(found);
}

Region::~Region() { munmap(data_, bytes_); }

Recorder* Recorder::current() noexcept { return listening; }

Recorder* Recorder::describing() noexcept { return listening != nullptr && !listening->executes_ ? listening : nullptr; }

void Recorder::start() {
  require(listening == nullptr, "a recorder listens already");
  listening = this;
}

void Recorder::stop() {
  require(listening == this, "another recorder listens, or none");
  listening = nullptr;
}

void Recorder::add(const Access* touched, std::size_t count, Work work) {
  jobs_.push_back({std::vector<Access>(touched, touched + count), std::move(work)});
}

void Recorder::drop(std::size_t first) {
  if (first < jobs_.size()) jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(first), jobs_.end());
}

char* Recorder::addresses(std::size_t bytes) {
  regions_.push_back(std::make_shared<Region>(bytes));
  return regions_.back()->data();
}

}  // namespace medtorch
