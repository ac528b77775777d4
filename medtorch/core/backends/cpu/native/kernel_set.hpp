// One kernel set as an object: tests hold several side by side.
#pragma once

#include <string>

#include "table.hpp"

namespace medtorch {

class KernelSet {
 public:
  // Throws std::invalid_argument where this build or this processor does not have it.
  explicit KernelSet(const std::string& name);

  const std::string& name() const noexcept { return name_; }
  const Table* operator->() const noexcept { return table_; }

 private:
  std::string name_;
  const Table* table_;
};

}  // namespace medtorch
