#include "program.hpp"

#include "parallel.hpp"

namespace medtorch {
namespace {

void check(const Access& a, const Place& place, const std::vector<Index>& sizes) {
  require(place.piece >= 0 && place.piece < static_cast<Index>(sizes.size()), "program: no such piece of memory");
  if (place.piece == 0) return require(reinterpret_cast<Index>(a.at) == place.offset, "program: what has an address has no other place");
  const Index first = place.offset + (a.first - a.at), end = place.offset + (a.end - a.at);
  require(0 <= first && first <= end && end <= sizes[static_cast<std::size_t>(place.piece)], "program: a job leaves its memory");
}

}  // namespace

Program::Program(const std::vector<Job>& jobs, const std::vector<Place>& places, const std::vector<Index>& sizes) : pieces_(sizes.size()) {
  std::size_t next = 0;
  for (const Job& job : jobs) {
    Step step{job.work, {}};
    for (const Access& a : job.touched) {
      require(next < places.size(), "program: a place is missing");
      check(a, places[next], sizes);
      step.places.push_back(places[next++]);
    }
    steps_.push_back(std::move(step));
  }
  require(next == places.size(), "program: too many places");
}

void Program::run(Index first, Index last, char* const* starts) const {
  require(0 <= first && first <= last && last <= count(), "program: no such jobs");
  const FloatEnvironment environment;
  const Awake awake;
  char* at[most_accesses];
  for (Index nr = first; nr < last; ++nr) {
    const Step& step = steps_[static_cast<std::size_t>(nr)];
    for (std::size_t k = 0; k < step.places.size(); ++k)
      at[k] = reinterpret_cast<char*>(reinterpret_cast<Index>(starts[step.places[k].piece]) + step.places[k].offset);
    step.work(at);
  }
}

}  // namespace medtorch
