// Which kernel sets this processor and its operating system can run.
#pragma once

#include <string>
#include <vector>

namespace medtorch {

// Names of the kernel sets that run here, from the plainest to the widest; "scalar" is always first.
std::vector<std::string> instruction_sets();

}  // namespace medtorch
