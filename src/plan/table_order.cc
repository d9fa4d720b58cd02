#include "plan/table_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <queue>

#include "plan/prefix_bound.h"

namespace weir::plan {
namespace {

using Mask = std::uint64_t;

// Cells by column, values as dense numbers: what is counted is an index.
struct Columns {
  std::size_t rows = 0, columns = 0;
  std::vector<std::vector<std::uint32_t>> value;   // by column and row
  std::vector<std::vector<std::uint32_t>> tokens;  // by column and value
  std::vector<Mask> implied;  // by column: others that are constant for each of its values
};

class Numbering {
 public:
  explicit Numbering(std::size_t rows) : slots_(std::bit_ceil(rows * 2 + 2)) {}
  std::uint32_t of(std::uint64_t hash) {
    std::size_t at = (hash * 0x9E3779B97F4A7C15) >> 20 & (slots_.size() - 1);
    while (slots_[at].number != 0 && slots_[at].hash != hash) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at].number == 0) slots_[at] = {hash, ++count_};
    return slots_[at].number - 1;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t number = 0;
  };
  std::vector<Slot> slots_;
  std::uint32_t count_ = 0;
};

bool implies(const Columns& table, std::size_t from, std::size_t to) {
  constexpr std::uint32_t kNothing = 0xFFFF'FFFF;
  std::vector<std::uint32_t> seen(table.tokens[from].size(), kNothing);
  for (std::size_t row = 0; row < table.rows; ++row) {
    auto& known = seen[table.value[from][row]];
    if (known == kNothing) known = table.value[to][row];
    else if (known != table.value[to][row]) return false;
  }
  return true;
}

Columns columns_of(const TableView& view) {
  Columns out{.rows = view.hashes.size() / view.columns, .columns = view.columns};
  out.value.resize(out.columns);
  out.tokens.resize(out.columns);
  out.implied.resize(out.columns);
  for (std::size_t c = 0; c < out.columns; ++c) {
    Numbering numbering(out.rows);
    out.value[c].resize(out.rows);
    for (std::size_t row = 0; row < out.rows; ++row) {
      const auto number = numbering.of(view.hashes[row * out.columns + c]);
      out.value[c][row] = number;
      if (number == out.tokens[c].size())
        out.tokens[c].push_back(view.tokens[row * out.columns + c]);
    }
  }
  for (std::size_t c = 0; c < out.columns; ++c)
    for (std::size_t d = 0; d < out.columns; ++d)
      // A column without repetitions implies all others, and means nothing by it.
      if (c != d && out.tokens[c].size() < out.rows && implies(out, c, d))
        out.implied[c] |= Mask{1} << d;
  return out;
}

struct Strategy {
  std::string_view name;
  double length_power = 1;  // GGR weighs a value by the square of its length
  bool minimum =
      false;  // what ends below the model's minimum counts for little: it is not cached by itself
  bool general_first = true;  // take implied, more frequent values before the value itself
  // After so many groups, or levels of groups, the rest gets one order of fields by its statistics; 0: no limit.
  std::uint32_t groups_max = 0, levels_max = 0;
};

class Grouper {
 public:
  Grouper(const Columns& table, Strategy strategy, double tokens_before, double prefix_min)
      : table_(table), strategy_(strategy), tokens_before_(tokens_before), prefix_min_(prefix_min) {
    live_.resize(table.columns);
    start_.resize(table.columns);
    for (std::size_t c = 0; c < table.columns; ++c) {
      live_[c].assign(table.tokens[c].size(), 0);
      start_[c].assign(table.tokens[c].size(), 0);
    }
    out_.rows.resize(table.rows);
    std::iota(out_.rows.begin(), out_.rows.end(), 0);
    out_.fields.resize(table.rows * table.columns);
    taken_.assign(table.rows, false);
  }

  TableOrder run() {
    const Mask all = table_.columns == 64 ? ~Mask{0} : (Mask{1} << table_.columns) - 1;
    tasks_.push_back({0, table_.rows, all, tokens_before_, 0});
    while (!tasks_.empty()) {
      const auto task = tasks_.back();
      tasks_.pop_back();
      if (task.left == 0) continue;
      if (strategy_.levels_max != 0 && task.level >= strategy_.levels_max) settle(task);
      else split(task);
    }
    return std::move(out_);
  }

 private:
  struct Task {
    std::size_t begin = 0, end = 0;  // in out_.rows
    Mask left = 0;                   // columns not placed yet
    double tokens = 0;               // of what stands before them, the same in all rows
    std::uint32_t level = 0;
  };
  // An inner prefix below the minimum may still be part of a longer one.
  static constexpr double kBelowMinimum = 0.1;
  struct Group {
    double score = 0;
    std::uint32_t column = 0, value = 0, rows = 0;
    bool operator<(const Group& other) const {
      if (score != other.score) return score < other.score;
      return column != other.column ? column > other.column : value > other.value;
    }
  };

  template <class F>
  static void each(Mask columns, F&& visit) {
    for (; columns != 0; columns &= columns - 1)
      visit(static_cast<std::uint32_t>(std::countr_zero(columns)));
  }

  [[nodiscard]] double weight(double tokens) const {
    return strategy_.length_power == 1 ? tokens : std::pow(tokens, strategy_.length_power);
  }
  // What the value's rows stop repeating when they stand together, with all that it implies.
  [[nodiscard]] double score(std::uint32_t column, std::uint32_t value, std::uint32_t rows,
                             std::uint32_t a_row, const Task& task) const {
    double tokens = table_.tokens[column][value];
    double sum = weight(tokens);
    each(table_.implied[column] & task.left, [&](std::uint32_t d) {
      tokens += table_.tokens[d][table_.value[d][a_row]];
      sum += weight(table_.tokens[d][table_.value[d][a_row]]);
    });
    const bool short_of_it = strategy_.minimum && task.tokens + tokens < prefix_min_;
    return sum * (rows - 1.0) * (short_of_it ? kBelowMinimum : 1);
  }

  void place(std::uint32_t row, Mask left_before, std::uint32_t column) {
    const auto filled = table_.columns - static_cast<std::size_t>(std::popcount(left_before));
    out_.fields[row * table_.columns + filled] = static_cast<std::uint8_t>(column);
  }

  // All groups of two rows or more, and where their rows are listed.
  std::vector<Group> list_groups(const Task& task) {
    postings_.clear();
    std::vector<Group> groups;
    each(task.left, [&](std::uint32_t c) {
      const auto& value = table_.value[c];
      auto& live = live_[c];
      for (auto i = task.begin; i < task.end; ++i) ++live[value[out_.rows[i]]];
      for (auto i = task.begin; i < task.end; ++i) {
        const auto row = out_.rows[i];
        const auto v = value[row];
        if (live[v] < 2) continue;
        auto& start = start_[c][v];
        if (start == 0) {
          start = static_cast<std::uint32_t>(postings_.size()) + 1;
          postings_.resize(postings_.size() + live[v] + 1);
          postings_[start - 1] = 0;  // the count goes before the rows
          groups.push_back({score(c, v, live[v], row, task), c, v, live[v]});
        }
        postings_[start + postings_[start - 1]++] = row;
      }
    });
    return groups;
  }

  void forget_groups(const Task& task) {
    each(task.left, [&](std::uint32_t c) {
      for (auto i = task.begin; i < task.end; ++i) {
        const auto v = table_.value[c][out_.rows[i]];
        live_[c][v] = 0;
        start_[c][v] = 0;
      }
    });
  }

  [[nodiscard]] std::vector<std::uint32_t> rows_of(std::uint32_t column,
                                                   std::uint32_t value) const {
    const auto start = start_[column][value];
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < postings_[start - 1]; ++i)
      if (!taken_[postings_[start + i]]) rows.push_back(postings_[start + i]);
    return rows;
  }

  // Columns, beside the group's own, in which all its rows agree.
  [[nodiscard]] Mask constant_in(const std::vector<std::uint32_t>& rows, Mask left) const {
    Mask out = 0;
    each(left, [&](std::uint32_t c) {
      const auto& value = table_.value[c];
      const auto first = value[rows.front()];
      if (std::ranges::all_of(rows, [&](auto row) { return value[row] == first; }))
        out |= Mask{1} << c;
    });
    return out;
  }

  // Of the constant columns, the one whose value has more rows than the group and saves most; itself when there is none.
  [[nodiscard]] std::uint32_t most_general(const Group& group, std::uint32_t row, Mask constant,
                                           const Task& task) const {
    std::uint32_t best = group.column;
    double most = 0;
    each(constant & ~(Mask{1} << group.column), [&](std::uint32_t d) {
      const auto v = table_.value[d][row];
      if (live_[d][v] <= group.rows) return;
      const double own = score(d, v, live_[d][v], row, task);
      if (own <= most) return;
      most = own;
      best = d;
    });
    return best;
  }

  void split(const Task& task) {
    auto groups = list_groups(task);
    std::priority_queue<Group> queue({}, std::move(groups));
    std::vector<std::uint32_t> order;
    order.reserve(task.end - task.begin);
    std::vector<Task> below;
    while (!queue.empty()) {
      auto group = queue.top();
      queue.pop();
      auto live = live_[group.column][group.value];
      if (live < 2) continue;
      if (live != group.rows) {
        group.score *= (live - 1.0) / (group.rows - 1.0);
        group.rows = live;
        queue.push(group);
        continue;
      }
      auto rows = rows_of(group.column, group.value);
      auto constant = constant_in(rows, task.left);
      if (strategy_.general_first) {
        const auto general = most_general(group, rows.front(), constant, task);
        if (general != group.column) {
          queue.push(group);  // what is left of it is looked at again
          rows = rows_of(general, table_.value[general][rows.front()]);
          constant = constant_in(rows, task.left);
        }
      }
      claim(task, rows, constant, order, below);
      if (strategy_.groups_max != 0 && below.size() >= strategy_.groups_max) break;
    }
    const auto rest = order.size();
    for (auto i = task.begin; i < task.end; ++i)
      if (!taken_[out_.rows[i]]) order.push_back(out_.rows[i]);
    forget_groups(task);
    if (strategy_.groups_max != 0)
      below.push_back({rest, order.size(), task.left, task.tokens, strategy_.levels_max});
    else
      for (auto i = rest; i < order.size(); ++i) finish_row(order[i], task.left);
    for (const auto row : order) taken_[row] = false;
    std::ranges::copy(order, out_.rows.begin() + static_cast<std::ptrdiff_t>(task.begin));
    for (auto& next : below)
      tasks_.push_back(
          {next.begin + task.begin, next.end + task.begin, next.left, next.tokens, next.level});
  }

  void claim(const Task& task, const std::vector<std::uint32_t>& rows, Mask constant,
             std::vector<std::uint32_t>& order, std::vector<Task>& below) {
    const auto begin = order.size();
    // Frequent values first, so that groups which are taken later may still share them.
    std::vector<std::uint32_t> columns;
    each(constant, [&](std::uint32_t c) { columns.push_back(c); });
    std::ranges::sort(columns, [&](auto a, auto b) {
      const auto rows_a = live_[a][table_.value[a][rows.front()]];
      const auto rows_b = live_[b][table_.value[b][rows.front()]];
      return rows_a != rows_b ? rows_a > rows_b : a < b;
    });
    for (const auto row : rows) {
      Mask left = task.left;
      for (const auto c : columns) {
        place(row, left, c);
        left &= ~(Mask{1} << c);
      }
      taken_[row] = true;
      order.push_back(row);
      each(task.left, [&](std::uint32_t c) { --live_[c][table_.value[c][row]]; });
    }
    double tokens = task.tokens;
    for (const auto c : columns) tokens += table_.tokens[c][table_.value[c][rows.front()]];
    below.push_back({begin, order.size(), task.left & ~constant, tokens, task.level + 1});
  }

  void finish_row(std::uint32_t row, Mask left) {
    each(left, [&](std::uint32_t c) {
      place(row, left, c);
      left &= ~(Mask{1} << c);
    });
  }

  // One order for all rows of the task: columns by what their repetitions save on the mean of a row.
  void settle(const Task& task) {
    if (task.begin == task.end) return;
    std::vector<std::pair<double, std::uint32_t>> columns;
    const auto rows = std::span(out_.rows).subspan(task.begin, task.end - task.begin);
    each(task.left, [&](std::uint32_t c) {
      double distinct = 0, sum = 0;
      for (const auto row : rows) {
        const auto v = table_.value[c][row];
        if (live_[c][v]++ == 0) ++distinct;
        sum += weight(table_.tokens[c][v]);
      }
      for (const auto row : rows) live_[c][table_.value[c][row]] = 0;
      columns.emplace_back(-sum * (1 / distinct - 1 / static_cast<double>(rows.size())), c);
    });
    std::ranges::sort(columns);
    std::ranges::sort(rows, [&](auto a, auto b) {
      for (const auto& [score, c] : columns)
        if (table_.value[c][a] != table_.value[c][b])
          return table_.value[c][a] < table_.value[c][b];
      return a < b;
    });
    for (const auto row : rows) {
      Mask left = task.left;
      for (const auto& [score, c] : columns) {
        place(row, left, c);
        left &= ~(Mask{1} << c);
      }
    }
  }

  const Columns& table_;
  Strategy strategy_;
  double tokens_before_, prefix_min_;
  TableOrder out_;
  std::vector<Task> tasks_;
  std::vector<std::vector<std::uint32_t>>
      live_;  // by column and value: rows of the task not taken yet
  std::vector<std::vector<std::uint32_t>> start_;  // into postings_; 0: a single row
  std::vector<std::uint32_t> postings_;
  std::vector<bool> taken_;
};

MoneySum price_of(const TableView& view, const TableOrder& order, const PrefixSettings& settings) {
  PrefixTrie trie({.nodes_max = 1U << 22, .tail_blocks_max = 1U << 26});
  std::vector<BlockKey> item;
  for (std::size_t row = 0; row * view.columns < view.hashes.size(); ++row) {
    item.clear();
    if (view.before.tokens > 0) item.push_back(view.before);
    for (std::size_t i = 0; i < view.columns; ++i) {
      const std::size_t c = order.fields[row * view.columns + i];
      const auto cell = row * view.columns + c;
      item.push_back({view.hashes[cell] + c * 0x9E3779B97F4A7C15, view.tokens[cell]});
    }
    trie.add(item);
  }
  const auto tree = trie.finish();
  return bound_cost(bound_tokens(tree, settings), settings);
}

}  // namespace

Result<TableOrder> order_table(const TableView& table, const PrefixSettings& settings) {
  if (table.columns == 0 || table.columns > kTableColumnsMax)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("a table of {} columns cannot be reordered", table.columns),
                fmt::format("mark 1 to {} fields", kTableColumnsMax));
  if (table.hashes.size() != table.tokens.size() || table.hashes.size() % table.columns != 0)
    return fail(ErrorKind::kInvalidArgument, "the cells of the table do not make whole rows");
  TableOrder best;
  const auto rows = table.hashes.size() / table.columns;
  best.rows.resize(rows);
  std::iota(best.rows.begin(), best.rows.end(), 0);
  best.fields.resize(table.hashes.size());
  for (std::size_t i = 0; i < best.fields.size(); ++i)
    best.fields[i] = static_cast<std::uint8_t>(i % table.columns);
  best.cost = price_of(table, best, settings);
  const auto as_it_came = best.cost;
  best.reason = "no other order of the fields shares more than the one they came in";
  const auto columns = columns_of(table);
  for (const Strategy strategy : {
           Strategy{.name = "the more general values first"},
           Strategy{.name = "long values first", .length_power = 2, .general_first = false},
           Strategy{.name = "long and more general values first", .length_power = 2},
           Strategy{.name = "what reaches the minimum first", .minimum = true},
           Strategy{.name = "a few long groups, the rest by statistics",
                    .length_power = 2,
                    .general_first = false,
                    .groups_max = 4,
                    .levels_max = 2},
       }) {
    const auto before = static_cast<double>(table.before.tokens);
    const auto prefix_min = static_cast<double>(settings.prefix_min.count);
    if (strategy.minimum && before >= prefix_min) continue;  // everything reaches it
    auto order = Grouper(columns, strategy, before, prefix_min).run();
    order.cost = price_of(table, order, settings);
    if (order.cost >= best.cost) continue;
    best = std::move(order);
    const double part =
        static_cast<double>((as_it_came - best.cost).pico) / static_cast<double>(as_it_came.pico);
    best.reason = fmt::format("fields are reordered row by row, {}: the prompts cost {:.0f} % less",
                              strategy.name, part * 100);
  }
  best.cost_as_it_came = as_it_came;
  return best;
}

}  // namespace weir::plan
