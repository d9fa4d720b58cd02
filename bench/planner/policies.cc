#include "policies.h"

#include <algorithm>
#include <numeric>

namespace weir::bench {
namespace {

using namespace std::chrono_literals;

template <class Mark>
std::vector<Send> in_input_order(const Workload& workload, Mark&& mark) {
  std::vector<Send> out(workload.items());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].item = static_cast<std::uint32_t>(i);
    mark(out[i], workload.item(i));
  }
  return out;
}

void add_mark(Send& send, std::size_t block) {
  const auto at = static_cast<std::uint32_t>(block);
  if (send.marks_count > 0 && send.marks[send.marks_count - 1] == at) return;
  send.marks[send.marks_count++] = at;
}

}  // namespace

std::vector<Send> no_cache(const Workload& workload) {
  return in_input_order(workload, [](Send&, auto) {});
}
std::vector<Send> automatic(const Workload& workload) {
  return in_input_order(workload, [](Send& send, auto item) { add_mark(send, item.size() - 1); });
}
std::vector<Send> first_block(const Workload& workload) {
  return in_input_order(workload, [](Send& send, auto) { add_mark(send, 0); });
}
std::vector<Send> last_block(const Workload& workload) {
  return in_input_order(workload, [&](Send& send, auto item) {
    add_mark(send, std::min<std::size_t>(workload.system_blocks[send.item], item.size()) - 1);
    add_mark(send, item.size() - 1);
  });
}

std::vector<Send> request_roi(const Workload& workload) {
  return in_input_order(workload, [](Send& send, std::span<const BlockKey> item) {
    std::vector<std::size_t> blocks;
    for (std::size_t b = 0; b < item.size(); ++b)
      if (item[b].tokens >= 1024) blocks.push_back(b);  // what it takes to be worth a breakpoint
    std::ranges::sort(blocks, [&](auto a, auto b) {
      return item[a].tokens != item[b].tokens ? item[a].tokens > item[b].tokens : a < b;
    });
    blocks.resize(std::min<std::size_t>(blocks.size(), 4));
    std::ranges::sort(blocks);
    for (const auto b : blocks) add_mark(send, b);
  });
}

std::vector<Send> system_hash(const Workload& workload) {
  auto out = in_input_order(workload, [&](Send& send, auto item) {
    add_mark(send, std::min<std::size_t>(workload.system_blocks[send.item], item.size()) - 1);
  });
  const auto key = [&](const Send& send) {
    std::uint64_t hash = 0;
    for (std::uint32_t b = 0; b < workload.system_blocks[send.item]; ++b)
      hash = hash * 0x9E3779B97F4A7C15 + workload.item(send.item)[b].hash;
    return hash;
  };
  std::ranges::sort(out, [&](const Send& a, const Send& b) {
    const auto ka = key(a), kb = key(b);
    return ka != kb ? ka < kb : a.item < b.item;
  });
  return out;
}

plan::PrefixSettings settings_of(const Market& market, llm::Route route, double hit_rate) {
  plan::PrefixSettings out;
  out.route = route;
  out.mode = catalogue::CacheMode::kBreakpoints;
  out.input = {market.input};
  out.read = {market.read};
  out.prefix_min = Tokens{market.prefix_min};
  if (route == llm::Route::kSync)
    out.ttls.push_back({llm::CacheTtl::k5m, 5min, {market.write_5m}, hit_rate});
  out.ttls.push_back({llm::CacheTtl::k1h, 1h, {market.write_1h}, hit_rate});
  if (route == llm::Route::kBatch) out.window_items = 8192;
  return out;
}

plan::PrefixTree tree_of(const Workload& workload) {
  plan::PrefixTrie trie;
  for (std::size_t i = 0; i < workload.items(); ++i) trie.add(workload.item(i));
  return trie.finish();
}

std::vector<Send> sends_of(const plan::PrefixPlan& plan) {
  std::vector<Send> out(plan.size());
  for (std::size_t k = 0; k < plan.size(); ++k) {
    const auto place = plan.at(k);
    auto& send = out[k];
    send.item = place.item;
    send.marks_count = place.marks.count;
    for (std::uint32_t m = 0; m < place.marks.count; ++m) send.marks[m] = place.marks.block[m];
    send.hour = plan.ttl == llm::CacheTtl::k1h;
    send.waits_for = place.waits_for;
    send.stage = place.stage;
  }
  return out;
}

}  // namespace weir::bench
