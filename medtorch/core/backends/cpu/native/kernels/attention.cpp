// Attention: products, softmax and products again, for some queries of one matrix at a time, so that their scores stay in a near cache.
// Scores are written where the second product reads its left side. Each step does what the kernel of its own does, so the bits are theirs.
#include "../families/attention.hpp"
#include "dense.hpp"
#include "panels.hpp"
#include "softmax_row.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr Index few_scores = Index{1} << 14, least_rows = 48;

// How one matrix is cut, and what a thread keeps of it: keys and values packed, and for some queries the scaled queries, scores and totals.
struct Cut {
  const Attention& a;
  Blocks of_inner, of_keys;
  Index parts, rows;  // of queries

  explicit Cut(const Attention& a_) noexcept : a(a_), of_inner(a.inner, a.inner), of_keys(a.keys, a.keys) {
    parts = divide_up(a.queries, most(least_rows, few_scores / (of_keys.count * of_keys.width)));
    rows = divide_up(a.queries, parts);
  }

  Index packed_keys() const noexcept { return round_up(packed_group(a.keys, a.inner), 16) + 16; }
  Index packed_values() const noexcept { return round_up(packed_group(a.columns, a.keys), 16) + 16; }
  Index query_step() const noexcept { return rows * of_inner.width; }
  Index score_step() const noexcept { return rows * of_keys.width; }
  Index queries() const noexcept { return of_inner.count * query_step(); }
  Index scores() const noexcept { return of_keys.count * score_step(); }
  Index totals() const noexcept { return rows * panel; }
  Index places() const noexcept { return round_up(2 * rows, 16); }  // an Index takes two floats
  Index size() const noexcept { return packed_keys() + packed_values() + queries() + scores() + totals() + 2 * places(); }
};

// The memory of one thread.
struct Desk {
  float *keys, *values, *queries, *scores, *totals;
  Index *score_at, *y_at;

  Desk(const Cut& c, float* memory) noexcept
      : keys(memory), values(keys + c.packed_keys()), queries(values + c.packed_values()), scores(queries + c.queries()), totals(scores + c.scores()),
        score_at(reinterpret_cast<Index*>(totals + c.totals())), y_at(reinterpret_cast<Index*>(totals + c.totals() + c.places())) {}
};

void pack(const RightSide& side, Index columns, float* to) noexcept {
  for (Index number = 0; number < panels_of(columns); ++number)
    pack_panel(side, number * panel, Panel(columns, number), to + number * panel * side.rows);
}

void scale_queries(const Cut& c, const float* from, Index rows, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Vec scale = Vec::set(c.a.scale);
  for (Index r = 0; r < rows; ++r)
    for (Index block = 0; block < c.of_inner.count; ++block) {
      const float* part = from + r * c.a.query.row + c.of_inner.first(block);
      float* out = to + block * c.query_step() + r * c.of_inner.width;
      for (Index i = 0, depth = c.of_inner.depth(block); i < depth; i += lanes) {
        const int left = static_cast<int>(least(lanes, depth - i));
        write(read(part + i, left) * scale, out + i, left);
      }
    }
}

// What the masks leave of the scores of query `place`; false where they leave nothing.
bool mask_row(const Cut& c, Index place, const float* seen, float* row) noexcept {
  constexpr float never = -__builtin_inff();
  bool blind = true;
  for (Index block = 0; block < c.of_keys.count; ++block) {
    const Index first = c.of_keys.first(block), depth = c.of_keys.depth(block);
    float* part = row + block * c.score_step();
    for (Index i = most<Index>(0, place + 1 - first); c.a.causal && i < depth; ++i) part[i] = never;
    if (seen != nullptr && c.a.chooses)
      for (Index i = 0; i < depth; ++i) part[i] = seen[first + i] != 0.0f ? part[i] : never;
    else if (seen != nullptr)
      for (Index i = 0; i < depth; ++i) part[i] = part[i] + seen[first + i];
    for (Index i = 0; i < depth && blind; ++i) blind = part[i] == never;
  }
  return !blind;
}

// One row of scores becomes shares of 1; zeros where the query may look at nothing.
void shares(const Cut& c, Index place, const float* seen, float* row) noexcept {
  if ((c.a.causal || seen != nullptr) && !mask_row(c, place, seen, row)) {
    for (Index block = 0; block < c.of_keys.count; ++block)
      for (Index i = 0; i < c.of_keys.depth(block); ++i) row[block * c.score_step() + i] = 0.0f;
    return;
  }
  const Index gap = c.score_step() - block_terms;  // a row of at most 32 is one block
  const auto at = [=](Index i) { return row + i + i / block_terms * gap; };
  softmax_row(c.a.keys, at, at);
}

// Queries [first, first + rows) of matrix i.
void attend(const Cut& c, Index i, Index first, Index rows, const Desk& ready, const Desk& own) noexcept {
  const Attention& a = c.a;
  scale_queries(c, a.query.data + a.query.at[i] + first * a.query.row, rows, own.queries);
  for (Index r = 0; r < rows; ++r) {
    own.score_at[r] = r * c.of_keys.width;
    own.y_at[r] = r * a.y.row;
  }
  for (Index number = 0; number < panels_of(a.keys); ++number) {
    const Panel p(a.keys, number);
    const Index key = number * panel;
    float* to = own.scores + key / c.of_keys.width * c.score_step() + key % c.of_keys.width;
    multiply_chunk(c.of_inner, c.query_step(), p, rows, own.queries, own.score_at, ready.keys + key * a.inner, own.totals,
                   {to, nullptr, nullptr, nullptr, Activation::none, 0.0f, static_cast<int>(p.channels)});
  }
  for (Index r = 0; r < rows; ++r)
    shares(c, first + r, a.mask.data == nullptr ? nullptr : a.mask.data + a.mask.at[i] + (first + r) * a.mask.row, own.scores + own.score_at[r]);
  float* y = a.y.data + a.y.at[i] + first * a.y.row;
  for (Index number = 0; number < panels_of(a.columns); ++number) {
    const Panel p(a.columns, number);
    const Index column = number * panel;
    multiply_chunk(c.of_keys, c.score_step(), p, rows, own.scores, own.y_at, ready.values + column * a.keys, own.totals,
                   {y + column, nullptr, nullptr, nullptr, Activation::none, 0.0f, static_cast<int>(p.channels)});
  }
}

Index scratch_size(const Attention& a, int threads) noexcept { return Cut(a).size() * seats_of(threads); }

void run(const Attention& a, float* scratch, int threads) noexcept {
  const Cut c(a);
  const auto desk = [&](Index seat) { return Desk(c, scratch + seat * c.size()); };
  share_out(
      a.count, c.parts, threads,
      [&](Index seat, Index i) {
        const Desk own = desk(seat);
        pack({a.key.data + a.key.at[i], a.inner, 1, a.key.row}, a.keys, own.keys);
        pack({a.value.data + a.value.at[i], a.keys, a.value.row, 1}, a.columns, own.values);
      },
      [&](Index seat, Index owner, Index i, Index part) {
        const Index first = part * c.rows;
        attend(c, i, first, least(c.rows, a.queries - first), desk(owner), desk(seat));
      });
}

}  // namespace

AttentionTable attention_table() noexcept { return {scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
