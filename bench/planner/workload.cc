#include "workload.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/random.h"

namespace weir::bench {
namespace {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  double unit() { return random_.unit(); }
  std::uint64_t hash() { return random_.next(); }

  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(below(high - low + 1));
  }
  std::uint32_t log_normal(double median, double sigma, std::uint32_t low, std::uint32_t high) {
    const double normal =
        std::sqrt(-2 * std::log(1 - unit())) * std::cos(2 * std::numbers::pi * unit());
    const double value = median * std::exp(sigma * normal);
    return static_cast<std::uint32_t>(std::clamp(value, double{1} * low, double{1} * high));
  }

 private:
  SeededRandom random_;
};

// Ranks with weight 1 / (rank + 1)^exponent.
class Zipf {
 public:
  Zipf(std::size_t count, double exponent) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += 1 / std::pow(static_cast<double>(i + 1), exponent);
      sums_.push_back(sum);
    }
  }
  std::size_t draw(Draw& draw) const {
    const auto place = std::ranges::lower_bound(sums_, draw.unit() * sums_.back());
    return static_cast<std::size_t>(place - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

BlockKey document(Draw& draw) { return {draw.hash(), draw.log_normal(320, 0.9, 25, 12'000)}; }

std::vector<BlockKey> blocks(Draw& draw, std::size_t count, std::uint32_t low, std::uint32_t high) {
  std::vector<BlockKey> out(count);
  for (auto& block : out) block = {draw.hash(), draw.between(low, high)};
  return out;
}

}  // namespace

// Classification of documents: one long instruction with examples.
Workload shared_static(std::size_t items, std::uint64_t seed) {
  Draw draw(seed);
  Workload out{.name = "shared_static"};
  const BlockKey instructions{draw.hash(), draw.between(4000, 9000)};
  for (std::size_t i = 0; i < items; ++i) out.add({{instructions, document(draw)}}, 1);
  return out;
}

// A service with tenants of unequal size, each with a few tasks; items of all of them arrive mixed.
Workload two_level(std::size_t items, std::uint64_t seed) {
  Draw draw(seed);
  Workload out{.name = "two_level"};
  const auto tenants = blocks(draw, std::max<std::size_t>(2, items / 150), 1200, 6000);
  const std::size_t tasks_each = 6;
  const auto tasks = blocks(draw, tenants.size() * tasks_each, 200, 2500);
  const Zipf by_tenant(tenants.size(), 0.8), by_task(tasks_each, 1.0);
  for (std::size_t i = 0; i < items; ++i) {
    const auto tenant = by_tenant.draw(draw);
    const auto& task = tasks[tenant * tasks_each + by_task.draw(draw)];
    out.add({{tenants[tenant], task, document(draw)}}, 2);
  }
  return out;
}

// Reviews joined with products and users, as a table in a warehouse has them: product -> title, description, brand; brand ->
// country; user -> name, city. Columns stand as the query names them, rows as they were written.
Workload table_rows(std::size_t items, std::uint64_t seed) {
  Draw draw(seed);
  Workload out{.name = "table_rows"};
  auto& table = out.table;
  table.instructions = {draw.hash(), draw.between(1100, 1600)};
  const auto products = std::max<std::size_t>(2, items / 12);
  const auto brands = std::max<std::size_t>(2, products / 25);
  const auto users = std::max<std::size_t>(2, items / 5);
  const auto product_id = blocks(draw, products, 6, 9), title = blocks(draw, products, 10, 40);
  const auto description = blocks(draw, products, 80, 700), brand = blocks(draw, brands, 20, 120);
  const auto country = blocks(draw, 30, 4, 8), user_id = blocks(draw, users, 6, 9);
  const auto user_name = blocks(draw, users, 4, 9), city = blocks(draw, 400, 4, 9);
  const auto rating = blocks(draw, 5, 5, 5), category = blocks(draw, 40, 6, 200);
  std::vector<std::size_t> brand_of(products), category_of(products), city_of(users);
  for (auto& b : brand_of) b = draw.below(brands);
  for (auto& c : category_of) c = draw.below(category.size());
  for (auto& c : city_of) c = draw.below(city.size());
  const Zipf by_product(products, 0.7), by_user(users, 0.5);
  for (std::size_t i = 0; i < items; ++i) {
    const auto p = by_product.draw(draw), u = by_user.draw(draw);
    const auto b = brand_of[p];
    const std::vector<BlockKey> row{user_id[u],
                                    user_name[u],
                                    city[city_of[u]],
                                    rating[draw.below(5)],
                                    {draw.hash(), draw.log_normal(90, 0.8, 5, 1500)},
                                    product_id[p],
                                    title[p],
                                    category[category_of[p]],
                                    brand[b],
                                    country[b % country.size()],
                                    description[p]};
    table.columns = row.size();
    std::vector<BlockKey> item{table.instructions};
    for (std::size_t c = 0; c < row.size(); ++c) {
      // The same value in another column is another text: "city: …".
      table.hashes.push_back(row[c].hash ^ (c * 0x9E3779B97F4A7C15));
      table.tokens.push_back(row[c].tokens);
      item.push_back({table.hashes.back(), row[c].tokens});
    }
    out.add(item, 1);
  }
  table.rows = items;
  return out;
}

// Questions over a corpus: the passages of a topic come back again and again, in order of rank.
Workload retrieval(std::size_t items, std::uint64_t seed) {
  Draw draw(seed);
  Workload out{.name = "retrieval"};
  const BlockKey instructions{draw.hash(), draw.between(1200, 2200)};
  const std::size_t each = 12;
  const auto topics = std::max<std::size_t>(2, items / 40);
  const auto passages = blocks(draw, topics * each, 90, 700);
  const Zipf by_topic(topics, 0.9), by_rank(each, 1.4);
  std::vector<BlockKey> item;
  for (std::size_t i = 0; i < items; ++i) {
    const auto topic = by_topic.draw(draw);
    item = {instructions};
    std::vector<bool> used(each);
    for (const std::size_t wanted = 3 + draw.below(4); item.size() < wanted + 1;) {
      const auto rank = by_rank.draw(draw);
      if (used[rank]) continue;
      used[rank] = true;
      item.push_back(passages[topic * each + rank]);
    }
    item.push_back({draw.hash(), draw.log_normal(60, 0.7, 8, 600)});
    out.add(item, 1);
  }
  return out;
}

// Agents of a few kinds: every request is the whole conversation so far. Requests of all sessions arrive mixed.
Workload agent_traces(std::size_t items, std::uint64_t seed) {
  Draw draw(seed);
  Workload out{.name = "agent_traces"};
  const std::size_t kinds = 8;
  const auto tools = blocks(draw, kinds, 1500, 6000), system = blocks(draw, kinds, 800, 4000);
  std::vector<std::vector<BlockKey>> sessions;
  std::vector<std::size_t> turns;
  while (out.items() < items) {
    while (sessions.size() < std::max<std::size_t>(4, std::min<std::size_t>(items / 60, 400))) {
      const auto kind = draw.below(kinds);
      sessions.push_back({tools[kind], system[kind], document(draw)});
      turns.push_back(2 + draw.below(30));
    }
    const auto s = draw.below(sessions.size());
    out.add(sessions[s], 2);
    if (--turns[s] == 0) {
      sessions[s] = std::move(sessions.back());
      sessions.pop_back();
      turns[s] = turns.back();
      turns.pop_back();
      continue;
    }
    sessions[s].push_back({draw.hash(), draw.log_normal(150, 0.8, 10, 3000)});  // the call
    const auto results = 1 + draw.below(3);  // and what came of it
    for (std::uint64_t r = 0; r < results; ++r)
      sessions[s].push_back({draw.hash(), draw.log_normal(400, 1.1, 10, 9000)});
  }
  return out;
}

Workload random_workload(std::uint64_t seed, std::size_t items_max) {
  Draw draw(seed);
  const auto items = 1 + draw.below(items_max);
  switch (draw.below(6)) {
    case 0: return shared_static(items, seed);
    case 1: return two_level(items, seed);
    case 2: return table_rows(items, seed);
    case 3: return retrieval(items, seed);
    case 4: return agent_traces(items, seed);
    default: break;
  }
  // A tree without a plan: blocks from a small alphabet, of any size.
  Workload out{.name = "random_tree"};
  const auto alphabet = 1 + draw.below(6);
  const auto longest = 1 + draw.below(12);
  for (std::size_t i = 0; i < items; ++i) {
    std::vector<BlockKey> item;
    for (std::uint64_t b = 0, count = 1 + draw.below(longest); b < count; ++b) {
      const auto letter = draw.below(alphabet);
      item.push_back(
          {letter * 977 + b, static_cast<std::uint32_t>(20 + (letter * 7919 + b * 104729) % 1900)});
    }
    out.add(item, 1);
  }
  return out;
}

Workload reordered(const Workload& from, std::span<const std::uint8_t> fields) {
  Workload out{.name = from.name, .table = from.table};
  const auto columns = from.table.columns;
  for (std::size_t row = 0; row < from.table.rows; ++row) {
    std::vector<BlockKey> item{from.table.instructions};
    for (std::size_t c = 0; c < columns; ++c)
      item.push_back(from.item(row)[1 + fields[row * columns + c]]);
    out.add(item, 1);
  }
  return out;
}

}  // namespace weir::bench
