#include "plan/prefix_schedule.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

namespace weir::plan {
namespace {

// Of a longer chain of unwritten prefixes, an item looks at the deepest ones only: its few breakpoints would not reach further.
constexpr std::size_t kChainMax = 64;
// Breakpoints that are planned in a request; the providers that have any allow four.
constexpr std::size_t kMarksMax = 4;

// One item before a chain of unwritten prefixes: which to write now. What is left out is written again by a later item, or never.
class ChainWriter {
 public:
  struct Link {
    double tokens = 0;    // of the prefix
    double expected = 0;  // tokens read there
    double later = 0;     // items that will pass it and not the next link
  };

  ChainWriter(const PrefixTerms& terms, Link read, std::span<const Link> chain)
      : terms_(terms), read_(read), chain_(chain) {}

  // Which links to write, at most `slots`; the cheapest for this item and all later ones together.
  std::vector<std::size_t> best(std::size_t slots) {
    const auto count = chain_.size();
    std::array<std::vector<Step>, kMarksMax + 1> steps;
    slots = std::min(slots, kMarksMax);
    for (auto& row : steps) row.assign(count + 1, {});
    steps[0][0].cost = 0;
    double least = std::numeric_limits<double>::infinity();
    std::size_t best_used = 0, best_last = 0;
    for (std::size_t used = 0; used <= slots; ++used)
      for (std::size_t last = 0; last <= count; ++last) {
        const double cost = steps[used][last].cost;
        if (cost == std::numeric_limits<double>::infinity()) continue;
        double left = 0;  // what is lost on the links behind `last`
        for (std::size_t next = last + 1; next <= count; ++next) {
          if (used < slots && cost + left < steps[used + 1][next].cost)
            steps[used + 1][next] = {cost + left, last};
          left += loss(next, last);
        }
        const double whole = cost + left + own(last);
        if (whole >= least) continue;
        least = whole;
        best_used = used;
        best_last = last;
      }
    std::vector<std::size_t> out;
    for (; best_used > 0; --best_used) {
      out.push_back(best_last - 1);
      best_last = steps[best_used][best_last].before;
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  struct Step {
    double cost = std::numeric_limits<double>::infinity();
    std::size_t before = 0;
  };
  // Link 0 is the prefix that is read; 1 is the first of the chain.
  [[nodiscard]] const Link& link(std::size_t i) const { return i == 0 ? read_ : chain_[i - 1]; }
  [[nodiscard]] double own(std::size_t last) const {
    return (terms_.write - terms_.input) * link(last).tokens;
  }
  [[nodiscard]] double at(std::size_t i) const {
    return (terms_.write - terms_.input) * link(i).tokens -
           (terms_.write - terms_.read) * link(i).expected;
  }
  // Later items find `above` instead of `missing`: one of them writes it again, or all of them do without.
  [[nodiscard]] double loss(std::size_t missing, std::size_t above) const {
    const auto& gone = link(missing);
    const double again = (terms_.write - terms_.read) * (gone.expected - link(above).expected);
    const double without = gone.later * (at(above) - at(missing));
    return std::max(0.0, std::min(again, without));
  }

  const PrefixTerms& terms_;
  Link read_;
  std::span<const Link> chain_;
};

class Scheduler {
 public:
  Scheduler(const PrefixTree& tree, const PrefixChoice& choice, const PrefixSettings& settings)
      : tree_(tree), choice_(choice), settings_(settings) {}

  Schedule run() {
    const auto count = tree_.nodes.size();
    out_.begin.assign(count, 0);
    out_.writer.assign(count, Schedule::kNever);
    out_.nearest.assign(count, 0);
    for (std::uint32_t i = 1; i < count; ++i)
      out_.nearest[i] = choice_.chosen[i] ? i : out_.nearest[tree_.nodes[i].parent];
    find_leads();
    walk();
    lead_ = {};
    place_items();
    return std::move(out_);
  }

 private:
  struct Frame {
    std::uint32_t node = 0, next = 0,
                  before_all = 0;  // before_all: a child that went first; 0: none
  };

  // lead: how many chosen prefixes the first item of a subtree has to write.
  void find_leads() {
    const auto count = tree_.nodes.size();
    lead_.assign(count, std::numeric_limits<std::uint32_t>::max());
    for (std::size_t i = count; i-- > 0;) {
      if (tree_.nodes[i].direct > 0) lead_[i] = 0;
      if (lead_[i] == std::numeric_limits<std::uint32_t>::max()) lead_[i] = 0;  // an empty tree
      if (choice_.chosen[i]) ++lead_[i];
      if (i > 0) {
        auto& parent = lead_[tree_.nodes[i].parent];
        parent = std::min(parent, lead_[i]);
      }
    }
  }

  void enter(std::vector<Frame>& stack, std::uint32_t node) {
    out_.begin[node] = position_;
    if (choice_.chosen[node]) path_.push_back(node);
    serve(tree_.nodes[node].direct);
    Frame frame{.node = node, .next = node + 1};
    if (tree_.nodes[node].direct == 0 && node + 1 < tree_.nodes[node].end)
      frame.before_all = shortest_child(node);
    stack.push_back(frame);
    pending_ = frame.before_all;
  }

  [[nodiscard]] std::uint32_t shortest_child(std::uint32_t node) const {
    std::uint32_t best = node + 1;
    for (auto child = node + 1; child < tree_.nodes[node].end; child = tree_.nodes[child].end)
      if (lead_[child] < lead_[best]) best = child;
    return best;
  }

  void walk() {
    std::vector<Frame> stack;
    enter(stack, 0);
    while (!stack.empty()) {
      if (pending_ != 0) {
        const auto child = pending_;
        pending_ = 0;
        enter(stack, child);
        continue;
      }
      auto& top = stack.back();
      if (top.next == top.before_all && top.next != 0) top.next = tree_.nodes[top.next].end;
      if (top.next >= tree_.nodes[top.node].end) {
        if (choice_.chosen[top.node]) path_.pop_back();
        stack.pop_back();
        continue;
      }
      const auto child = top.next;
      top.next = tree_.nodes[child].end;
      enter(stack, child);
    }
  }

  // Items that end at the node just entered.
  void serve(std::uint32_t left) {
    while (left > 0) {
      if (path_.empty()) {
        position_ += left;
        return;
      }
      if (out_.writer[path_.back()] != Schedule::kNever) {
        out_.saved -= left * at(path_.back());
        position_ += left;
        return;
      }
      write_one();
      ++position_;
      --left;
    }
  }

  [[nodiscard]] double at(std::uint32_t node) const {
    const auto& t = choice_.terms;
    return (t.write - t.input) * tree_.nodes[node].tokens -
           (t.write - t.read) * choice_.expected[node];
  }
  [[nodiscard]] std::uint32_t items_after(std::uint32_t node) const {
    return out_.begin[node] + tree_.nodes[node].items - position_ - 1;
  }

  void write_one() {
    std::size_t from = path_.size();
    while (from > 0 && out_.writer[path_[from - 1]] == Schedule::kNever) --from;
    const std::uint32_t read = from > 0 ? path_[from - 1] : 0;
    from = std::max(from, path_.size() - std::min(path_.size(), kChainMax));
    const auto fresh = std::span(path_).subspan(from);
    const auto& t = choice_.terms;
    std::uint32_t last = read;
    if (settings_.mode == catalogue::CacheMode::kAutomatic) {
      for (const auto node : fresh) out_.writer[node] = position_;
      last = fresh.back();
    } else {
      for (const auto node : picked(read, fresh)) {
        out_.writer[node] = position_;
        last = node;
      }
    }
    out_.saved -= (t.write - t.input) * tree_.nodes[last].tokens -
                  (t.write - t.read) * choice_.expected[read];
  }

  std::vector<std::uint32_t> picked(std::uint32_t read, std::span<const std::uint32_t> fresh) {
    std::vector<ChainWriter::Link> chain;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      const auto beyond = i + 1 < fresh.size() ? items_after(fresh[i + 1]) : 0;
      chain.push_back({.tokens = double{1} * tree_.nodes[fresh[i]].tokens,
                       .expected = choice_.expected[fresh[i]],
                       .later = double{1} * (items_after(fresh[i]) - beyond)});
    }
    ChainWriter writer(
        choice_.terms,
        {.tokens = double{1} * tree_.nodes[read].tokens, .expected = choice_.expected[read]},
        chain);
    const std::size_t slots = std::min<std::size_t>(settings_.breakpoints_max, kMarksMax);
    auto links = writer.best(slots);
    // What is read must be found: by a mark of its own, or by the look-back of the first one behind it.
    if (read != 0 && links.size() == slots &&
        tree_.nodes[fresh[links.front()]].blocks - tree_.nodes[read].blocks >=
            settings_.lookback_blocks)
      links = writer.best(slots - 1);
    if (fresh.size() > links.size()) ++out_.left_to_later;
    std::vector<std::uint32_t> out;
    for (const auto link : links) out.push_back(fresh[link]);
    return out;
  }

  void place_items() {
    auto next = out_.begin;
    out_.item_at.resize(tree_.items());
    for (std::uint32_t i = 0; i < tree_.items(); ++i) out_.item_at[next[tree_.item_node[i]]++] = i;
  }

  const PrefixTree& tree_;
  const PrefixChoice& choice_;
  const PrefixSettings& settings_;
  Schedule out_;
  std::vector<std::uint32_t> lead_, path_;
  std::uint32_t position_ = 0, pending_ = 0;
};

}  // namespace

Schedule make_schedule(const PrefixTree& tree, const PrefixChoice& choice,
                       const PrefixSettings& settings) {
  return Scheduler(tree, choice, settings).run();
}

ItemUse use_at(const PrefixTree& tree, const Schedule& schedule, std::uint32_t position) {
  ItemUse use;
  auto node = schedule.nearest[tree.item_node[schedule.item_at[position]]];
  while (node != 0) {
    const auto writer = schedule.writer[node];
    if (writer == position) use.writes.push_back(node);
    if (writer < position) {
      use.reads = node;
      break;
    }
    node = schedule.nearest[tree.nodes[node].parent];
  }
  return use;
}

}  // namespace weir::plan
