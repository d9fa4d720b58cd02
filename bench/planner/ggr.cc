#include "ggr.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace weir::bench {
namespace {

using Rows = std::vector<std::uint32_t>;
using Fields = std::vector<std::uint8_t>;

class Ggr {
 public:
  Ggr(const Table& table, int row_depth_max, int column_depth_max)
      : table_(table), row_depth_max_(row_depth_max), column_depth_max_(column_depth_max) {
    out_.fields.resize(table.rows * table.columns);
    filled_.resize(table.rows);
    number_values();
    find_dependencies();
  }

  GgrOrder run() {
    Rows rows(table_.rows);
    std::iota(rows.begin(), rows.end(), 0);
    Fields fields(table_.columns);
    std::iota(fields.begin(), fields.end(), std::uint8_t{0});
    recurse(std::move(rows), fields, 0);
    return std::move(out_);
  }

 private:
  void number_values() {
    value_.resize(table_.columns);
    for (std::size_t c = 0; c < table_.columns; ++c) {
      std::unordered_map<std::uint64_t, std::uint32_t> numbers;
      for (std::size_t r = 0; r < table_.rows; ++r)
        value_[c].push_back(
            numbers.try_emplace(table_.hashes[r * table_.columns + c], numbers.size())
                .first->second);
      distinct_.push_back(numbers.size());
      count_.emplace_back(numbers.size());
      sum_.emplace_back(numbers.size());
    }
  }
  void find_dependencies() {
    depends_.resize(table_.columns);
    for (std::size_t c = 0; c < table_.columns; ++c)
      for (std::size_t d = 0; d < table_.columns; ++d) {
        if (c == d || distinct_[c] == table_.rows) continue;
        std::vector<std::int64_t> seen(distinct_[c], -1);
        bool holds = true;
        for (std::size_t r = 0; holds && r < table_.rows; ++r) {
          auto& known = seen[value_[c][r]];
          if (known < 0) known = value_[d][r];
          holds = known == value_[d][r];
        }
        if (holds) depends_[c].push_back(static_cast<std::uint8_t>(d));
      }
  }
  [[nodiscard]] double tokens(std::size_t row, std::size_t column) const {
    return table_.tokens[row * table_.columns + column];
  }
  void put(std::uint32_t row, std::uint8_t field) {
    out_.fields[row * table_.columns + filled_[row]++] = field;
  }

  struct Best {
    double hits = 0;
    std::uint8_t field = 0;
    std::uint32_t value = 0;
  };
  // HITCOUNT of every value of every field: (len(v)^2 + sum of mean squared lengths of what it implies) x (rows - 1).
  Best best_group(const Rows& rows, const Fields& fields) {
    Best best;
    for (const auto f : fields) {
      for (const auto r : rows) {
        const auto v = value_[f][r];
        ++count_[f][v];
        double squared = tokens(r, f) * tokens(r, f);
        for (const auto d : depends_[f])
          if (std::ranges::find(fields, d) != fields.end()) squared += tokens(r, d) * tokens(r, d);
        sum_[f][v] += squared;
      }
      for (const auto r : rows) {
        const auto v = value_[f][r];
        if (count_[f][v] == 0) continue;
        const double hits = sum_[f][v] / count_[f][v] * (count_[f][v] - 1.0);
        if (hits > best.hits) best = {hits, f, v};
        count_[f][v] = 0;
        sum_[f][v] = 0;
      }
    }
    return best;
  }

  void recurse(Rows rows, const Fields& fields, int column_depth) {
    for (int row_depth = 0; !rows.empty(); ++row_depth) {
      if (rows.size() == 1 || fields.empty() || row_depth >= row_depth_max_ ||
          column_depth >= column_depth_max_) {
        fall_back(std::move(rows), fields);
        return;
      }
      const auto best = best_group(rows, fields);
      if (best.hits <= 0) {
        fall_back(std::move(rows), fields);
        return;
      }
      Rows with, rest;
      for (const auto r : rows) (value_[best.field][r] == best.value ? with : rest).push_back(r);
      Fields first{best.field}, left;
      for (const auto d : depends_[best.field])
        if (std::ranges::find(fields, d) != fields.end()) first.push_back(d);
      for (const auto f : fields)
        if (std::ranges::find(first, f) == first.end()) left.push_back(f);
      for (const auto r : with)
        for (const auto f : first) put(r, f);
      recurse(std::move(with), left, column_depth + 1);
      rows = std::move(rest);
    }
  }

  // Fields by expected contribution from the statistics of the rows that are left, rows sorted.
  void fall_back(Rows rows, const Fields& fields) {
    std::vector<std::pair<double, std::uint8_t>> scored;
    for (const auto f : fields) {
      std::size_t distinct = 0;
      double squared = 0;
      for (const auto r : rows) {
        if (count_[f][value_[f][r]]++ == 0) ++distinct;
        squared += tokens(r, f) * tokens(r, f);
      }
      for (const auto r : rows) count_[f][value_[f][r]] = 0;
      const double mean = squared / static_cast<double>(rows.size());
      scored.emplace_back(
          -mean * (static_cast<double>(rows.size()) / static_cast<double>(distinct) - 1), f);
    }
    std::ranges::sort(scored);
    std::ranges::sort(rows, [&](auto a, auto b) {
      for (const auto& [score, f] : scored)
        if (value_[f][a] != value_[f][b]) return value_[f][a] < value_[f][b];
      return a < b;
    });
    for (const auto r : rows) {
      for (const auto& [score, f] : scored) put(r, f);
      out_.rows.push_back(r);
    }
  }

  const Table& table_;
  int row_depth_max_, column_depth_max_;
  GgrOrder out_;
  std::vector<std::uint32_t> filled_;
  std::vector<std::vector<std::uint32_t>> value_;
  std::vector<std::size_t> distinct_;
  std::vector<Fields> depends_;
  std::vector<std::vector<std::uint32_t>> count_;
  std::vector<std::vector<double>> sum_;
};

}  // namespace

GgrOrder ggr(const Table& table, int row_depth_max, int column_depth_max) {
  return Ggr(table, row_depth_max, column_depth_max).run();
}

}  // namespace weir::bench
