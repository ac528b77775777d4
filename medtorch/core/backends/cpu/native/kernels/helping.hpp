// Pieces of work, each of which is one thread's first and then a number of parts: a thread that finds no piece left helps with the parts of
// others, so none waits for longer than one part takes.
#pragma once

#include "../parallel.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {

inline void rest() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// What threads of one region tell each other. Each seat has memory of its own, and begins with its own share of the pieces.
class Helping {
 public:
  static constexpr Index most_seats = 64;

  Helping(Index pieces, Index parts, Index seats) noexcept : pieces_(pieces), parts_(parts), count_(seats) {
    for (Index seat = 0; seat < seats; ++seat) {
      seats_[seat].next_piece = pieces * seat / seats;
      seats_[seat].last_piece = pieces * (seat + 1) / seats;
    }
  }

  // The next piece of this seat's share, then of others', or -1 where all are taken.
  Index take_piece(Index own) noexcept {
    for (Index step = 0; step < count_; ++step) {
      Seat& s = seats_[(own + step) % count_];
      if (__atomic_load_n(&s.next_piece, __ATOMIC_RELAXED) >= s.last_piece) continue;
      const Index piece = __atomic_fetch_add(&s.next_piece, 1, __ATOMIC_RELAXED);
      if (piece < s.last_piece) return piece;
    }
    return -1;
  }

  // The piece of this seat is ready: anybody may take its parts.
  void publish(Index seat, Index piece) noexcept {
    Seat& s = seats_[seat];
    __atomic_store_n(&s.piece, piece, __ATOMIC_RELAXED);
    __atomic_store_n(&s.next, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&ready_, 1, __ATOMIC_RELEASE);
  }

  // The next part of the seat's piece, or -1; `piece` is set where there is one.
  Index take_part(Index seat, Index& piece) noexcept {
    Seat& s = seats_[seat];
    const Index part = __atomic_fetch_add(&s.next, 1, __ATOMIC_ACQUIRE);
    if (part >= parts_) return -1;
    piece = __atomic_load_n(&s.piece, __ATOMIC_RELAXED);
    return part;
  }

  // Whether every piece has been published; before that a seat's parts may still come.
  bool all_ready() const noexcept { return __atomic_load_n(&ready_, __ATOMIC_ACQUIRE) >= pieces_; }

 private:
  struct alignas(64) Seat {
    Index piece = 0, next = Index{1} << 62, next_piece = 0, last_piece = 0;
  };

  const Index pieces_, parts_, count_;
  alignas(64) Index ready_ = 0;
  Seat seats_[most_seats];
};

// How many threads of a region get a seat.
inline Index seats_of(Index threads) noexcept { return most<Index>(1, least(threads, Helping::most_seats)); }

// begin(seat, piece) makes a piece ready on the seat's memory; part(own, seat, piece, nr) does part nr of it, which lies on the memory of
// `seat`, for the thread whose seat is `own`.
template <typename Begin, typename Part>
void share_out(Index pieces, Index parts, Index threads, const Begin& begin, const Part& part) noexcept {
  const Index seats = seats_of(threads);
  Helping helping(pieces, parts, seats);
  parallel(seats, 1, [&](Index first, Index last) {
    for (Index own = first; own < last; ++own) {
      const auto work = [&](Index seat) {
        for (Index piece, nr; (nr = helping.take_part(seat, piece)) >= 0;) part(own, seat, piece, nr);
      };
      for (Index piece; (piece = helping.take_piece(own)) >= 0; work(own)) {
        begin(own, piece);
        helping.publish(own, piece);
      }
      while (!helping.all_ready()) rest();
      for (Index step = 1; step < seats; ++step) work((own + step) % seats);
    }
  });
}

}  // namespace medtorch::MEDTORCH_ISA
