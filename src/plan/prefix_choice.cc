#include "plan/prefix_choice.h"

#include <algorithm>
#include <array>

namespace weir::plan {
namespace {

// How many cacheable ancestors the recursion looks at, beside "none".
constexpr std::size_t kAncestors = 8;
constexpr std::size_t kNobody = kAncestors;
using Costs = std::array<double, kAncestors + 1>;

class Chooser {
 public:
  Chooser(const PrefixTree& tree, PrefixChoice& choice) : tree_(tree), choice_(choice) {}

  void run() {
    marks_.assign(tree_.nodes.size(), 0);
    descend();
    settle();
  }

 private:
  // A node on the way down, and what its subtree costs by the nearest chosen ancestor: 0 is the nearest cacheable one.
  struct Frame {
    std::uint32_t node = 0;
    std::uint32_t next = 0;  // child
    std::array<std::uint32_t, kAncestors> above{};
    std::uint8_t above_count = 0;
    Costs below{};
  };

  [[nodiscard]] bool cacheable(std::uint32_t node) const { return choice_.expected[node] > 0; }
  // What an item pays more than uncached when it is marked at this node and reads there.
  [[nodiscard]] double at(std::uint32_t node) const {
    const auto& t = choice_.terms;
    return (t.write - t.input) * tree_.nodes[node].tokens -
           (t.write - t.read) * choice_.expected[node];
  }
  [[nodiscard]] double first_write(double expected, double expected_above) const {
    return (choice_.terms.write - choice_.terms.read) * (expected - expected_above);
  }

  void push(std::vector<Frame>& stack, std::uint32_t node) const {
    Frame frame{.node = node, .next = node + 1};
    if (!stack.empty()) {
      const auto& parent = stack.back();
      if (cacheable(parent.node)) {
        frame.above[frame.above_count++] = parent.node;
        for (std::size_t i = 0; i < parent.above_count && frame.above_count < kAncestors; ++i)
          frame.above[frame.above_count++] = parent.above[i];
      } else {
        frame.above = parent.above;
        frame.above_count = parent.above_count;
      }
    }
    stack.push_back(frame);
  }

  void descend() {
    std::vector<Frame> stack;
    push(stack, 0);
    while (true) {
      auto& top = stack.back();
      if (top.next < tree_.nodes[top.node].end) {
        const auto child = top.next;
        top.next = tree_.nodes[child].end;
        push(stack, child);
        continue;
      }
      const auto costs = decide(top);
      stack.pop_back();
      if (stack.empty()) break;
      auto& parent = stack.back();
      for (std::size_t i = 0; i <= kAncestors; ++i) parent.below[i] += costs[i];
    }
  }

  // The subtree's cost by chosen ancestor, from the children's, which are counted by this node's own list of ancestors.
  Costs decide(const Frame& frame) {
    const auto& node = tree_.nodes[frame.node];
    const bool mine = cacheable(frame.node);
    const double direct = node.direct;
    Costs out{};
    std::uint16_t marks = 0;
    for (std::size_t i = 0; i <= kAncestors; ++i) {
      const bool nobody = i >= frame.above_count;
      // As the children count: this node is their 0 when it can be cached.
      std::size_t for_children = nobody ? kNobody : i;
      if (mine && !nobody) for_children = i + 1 < kAncestors ? i + 1 : kNobody;
      const double above = nobody ? 0 : choice_.expected[frame.above[i]];
      const double passed = (nobody ? 0 : direct * at(frame.above[i])) + frame.below[for_children];
      out[i] = passed;
      if (!mine) continue;
      const double taken = direct * at(frame.node) +
                           first_write(choice_.expected[frame.node], above) + frame.below[0];
      // A prefix that saves nothing is not worth a breakpoint: the margin keeps rounding from choosing it.
      const double margin = 1e-9 * choice_.terms.input * (node.tokens + 1.0);
      if (taken < passed - margin) {
        out[i] = taken;
        marks = static_cast<std::uint16_t>(marks | (1U << i));
      }
    }
    marks_[frame.node] = marks;
    return out;
  }

  // From the root down: the ancestor that was really chosen says which of the decisions holds.
  void settle() {
    const auto count = tree_.nodes.size();
    std::vector<std::uint8_t> state(count, static_cast<std::uint8_t>(kNobody));
    std::vector<std::uint32_t> nearest(count);  // chosen ancestor or self, 0: none
    double cost = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto& node = tree_.nodes[i];
      if (i > 0) {
        nearest[i] = nearest[node.parent];
        const auto above = state[node.parent];
        const auto shifted = static_cast<std::uint8_t>(above + 1U);
        if (!cacheable(node.parent)) state[i] = above;
        else if (choice_.chosen[node.parent]) state[i] = 0;
        else state[i] = above == kNobody || shifted >= kAncestors ? kNobody : shifted;
      }
      if ((marks_[i] >> state[i] & 1U) != 0 && cacheable(i)) {
        choice_.chosen[i] = true;
        ++choice_.count;
        cost += first_write(choice_.expected[i], choice_.expected[nearest[i]]);
        nearest[i] = i;
      }
      if (nearest[i] != 0) cost += node.direct * at(nearest[i]);
    }
    choice_.saved = -cost;
  }

  const PrefixTree& tree_;
  PrefixChoice& choice_;
  std::vector<std::uint16_t>
      marks_;  // by node: bit i set, chosen when ancestor i is the next chosen one
};

}  // namespace

PrefixTerms terms_of(const PrefixSettings& settings, const TtlOption& option) {
  const auto pico = [](Price price) { return static_cast<double>(price.pico_per_token); };
  return {.input = pico(settings.input),
          .read = pico(settings.read),
          .write = pico(option.write),
          .hit_rate = settings.use_gap > option.life ? 0 : option.hit_rate,
          .option = option};
}

PrefixChoice choose_prefixes(const PrefixTree& tree, const PrefixSettings& settings,
                             const TtlOption& option, const std::vector<bool>& ruled_out) {
  PrefixChoice choice;
  choice.terms = terms_of(settings, option);
  choice.chosen.assign(tree.nodes.size(), false);
  choice.expected.assign(tree.nodes.size(), 0);
  using catalogue::CacheMode;
  if (settings.mode == CacheMode::kNone) return choice;
  if (settings.mode == CacheMode::kBreakpoints && settings.breakpoints_max == 0) return choice;
  const bool alive = settings.use_gap <= option.life;
  const auto step = std::max<std::uint32_t>(settings.step_tokens, 1);
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    const auto& node = tree.nodes[i];
    if (Tokens{node.tokens} < settings.prefix_min) continue;
    if (!ruled_out.empty() && ruled_out[i]) continue;
    double rate = choice.terms.hit_rate;
    if (alive && settings.observed) rate = settings.observed(node.hash).value_or(rate);
    const std::uint32_t hit = node.tokens - node.tokens % step;
    choice.expected[i] = rate * hit;
  }
  Chooser(tree, choice).run();
  // Limits of the recursion may cost a little; never so much that no cache would be better.
  if (choice.saved <= 0) {
    choice.chosen.assign(tree.nodes.size(), false);
    choice.saved = 0;
    choice.count = 0;
  }
  return choice;
}

}  // namespace weir::plan
