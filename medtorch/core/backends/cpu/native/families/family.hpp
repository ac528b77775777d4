// What every family of kernels speaks.
#pragma once

#include <cstdint>

namespace medtorch {

using Index = std::int64_t;

}  // namespace medtorch
