#include "config/load.h"

#include <map>
#include <tuple>
#include <utility>

#include "config/work.h"

namespace weir::config {
namespace {

// Defaults of keys that live in ModelEntry::extra.
void apply_built_in(Config& config) {
  walk(config, [](const Leaf& leaf) {
    if (leaf.provider.empty() || leaf.key.built_in.empty() || leaf.get()) return;
    leaf.key.access.set(leaf.owner, leaf.key, leaf.key.built_in);
  });
}

// In the order of the file; what is of no file stands last. Equal places keep their order.
void sort_by_place(std::vector<Notice>& notices) {
  std::multimap<std::tuple<bool, int, int>, Notice> sorted;
  for (auto& notice : notices) {
    const std::tuple place(notice.place.line == 0, notice.place.line, notice.place.column);
    sorted.emplace(place, std::move(notice));
  }
  notices.clear();
  for (auto& [place, notice] : sorted) notices.push_back(std::move(notice));
}

}  // namespace

Loaded load(std::string_view text, const std::string& file_name, const Environment& environment,
            const std::vector<Override>& flags, const catalogue::Catalogue& catalogue,
            Trust trust) {
  Loaded out;
  Work work{.config = out.config,
            .errors = out.errors,
            .environment = environment,
            .catalogue = catalogue,
            .file_name = file_name,
            .trust = trust};
  if (!read_file(work, text)) return out;
  apply_environment(work);
  apply_flags(work, flags);
  apply_false_variables(work);
  apply_built_in(out.config);
  check_entries(work);
  check_workloads(work);
  sort_by_place(out.errors);
  sort_by_place(out.config.warnings);
  return out;
}

}  // namespace weir::config
