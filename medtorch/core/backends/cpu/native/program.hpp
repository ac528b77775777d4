// Jobs with their memory left open, to be run in one call: what a compiled model becomes.
#pragma once

#include <vector>

#include "launch.hpp"

namespace medtorch {

// Where an access of a job lies: so many bytes after the start of a piece of memory that each run brings along. Piece 0 is
// no memory but the address 0: what lies at an address for good.
struct Place {
  Index piece;
  Index offset;
};

class Program {
 public:
  // `places` has one for each access of each job, in order. Throws std::invalid_argument where one leaves its piece.
  Program(const std::vector<Job>& jobs, const std::vector<Place>& places, const std::vector<Index>& sizes);

  Index count() const noexcept { return static_cast<Index>(steps_.size()); }
  std::size_t pieces() const noexcept { return pieces_; }
  // Jobs [first, last) on memory that begins at `starts`. Several threads may do so at once, on memory of their own.
  void run(Index first, Index last, char* const* starts) const;

 private:
  struct Step {
    Work work;
    std::vector<Place> places;
  };

  std::vector<Step> steps_;
  std::size_t pieces_;
};

}  // namespace medtorch
